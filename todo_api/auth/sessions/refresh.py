"""Refresh tokens: each is exchanged for the next of its session, and one that comes too late ends it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from sqlalchemy import and_, case, func, or_, update

from server.logging import log_event
from todo_api.auth.models import Session
from todo_api.auth.sessions.store import TTL, end_session, is_session
from todo_api.database.execution import fetch_one

if TYPE_CHECKING:
    from datetime import timedelta

    from todo_api.auth.tokens.session_tokens import Claims


def rotate(claims: Claims, grace: timedelta) -> int | None:
    """Exchange a refresh token: return the generation of its successor, or None where it buys nothing any more.

    The newest token makes a successor. The one before it, its parent, gets that same successor, since the client may
    have lost the answer; so does a parent whose successor has been used, for the grace after its own exchange.
    Anything older is a stolen or a copied token, and ends the session (RFC 9700 section 4.14.2).
    """
    given = claims.generation
    newest = Session.generation == given
    tolerated = or_(
        newest,
        Session.generation == given + 1,
        and_(Session.generation == given + 2, Session.parent_rotated_at > func.now() - grace),
    )
    rotated = fetch_one(
        update(Session)
        .where(is_session(claims.subject, claims.session_id), tolerated)
        .values(
            generation=case((newest, given + 1), else_=Session.generation),
            parent_rotated_at=case((newest, Session.rotated_at), else_=Session.parent_rotated_at),
            rotated_at=case((newest, func.now()), else_=Session.rotated_at),
            updated_at=func.now(),
            expires_at=case((Session.remembered, func.now() + TTL), else_=Session.expires_at),
        )
        .returning(Session.generation),
    )
    if rotated is None:
        if end_session(claims.subject, claims.session_id):
            log_event("refresh_reuse", logging.WARNING, outcome="failure")
        return None
    generation: int = rotated["generation"]
    return generation
