"""Rotation of refresh tokens: each is exchanged for its successor, and a reused one ends the session."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from sqlalchemy import and_, case, func, or_, select, update

from server.logging import log_event
from todo_api.auth.models import Session
from todo_api.auth.sessions.store import IDLE_TTL, end_session, is_session
from todo_api.database.execution import fetch_one

if TYPE_CHECKING:
    from datetime import timedelta

    from sqlalchemy.sql.dml import ReturningUpdate

    from todo_api.auth.tokens.session_tokens import Claims

CLOCK = select(func.now().label("moment"), (func.now() + IDLE_TTL).label("idle_end")).subquery("clock")
"""The time as columns: `now()` inside CASE would be evaluated elsewhere in a distributed database."""


def rotate(claims: Claims, grace: timedelta) -> int | None:
    """Exchange a refresh token. Return the generation of its successor, or None if the token is not valid.

    The newest token gets a new successor. Its parent gets that same successor, since the client may have lost the
    response; so does its grandparent, for the grace period after the grandparent's own exchange. An older token must
    have been copied, and ends the session (RFC 9700 section 4.14.2).
    """
    rotated = rotation(claims, grace).cte("rotated")
    session = fetch_one(select(rotated.c.generation))
    if session is None:
        if end_session(claims.subject, claims.session_id):
            log_event("refresh_reuse", logging.WARNING, outcome="failure")
        return None
    generation: int = session["generation"]
    return generation


def rotation(claims: Claims, grace: timedelta) -> ReturningUpdate[int]:
    """Return the UPDATE of the session, which returns its newest generation, or no row if the token is too old."""
    is_newest = Session.generation == claims.generation
    is_accepted = or_(
        is_newest,
        Session.generation == claims.generation + 1,
        and_(Session.generation == claims.generation + 2, Session.parent_rotated_at > func.now() - grace),
    )
    return (
        update(Session)
        .where(is_session(claims.subject, claims.session_id), is_accepted)
        .values(
            generation=case((is_newest, claims.generation + 1), else_=Session.generation),
            parent_rotated_at=case((is_newest, Session.rotated_at), else_=Session.parent_rotated_at),
            rotated_at=case((is_newest, CLOCK.c.moment), else_=Session.rotated_at),
            updated_at=func.now(),
            expires_at=case((Session.remembered, CLOCK.c.idle_end), else_=Session.expires_at),
        )
        .returning(Session.generation)
    )
