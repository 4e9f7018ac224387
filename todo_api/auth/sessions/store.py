"""Sessions: creation at sign-in, lookup by a credential, extension by use, and their end for all credentials at once.

Each function runs one statement.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from flask import request
from sqlalchemy import and_, bindparam, delete, func, insert, literal, or_, select, update

from server.logging import bind_context
from todo_api.auth.models import Session, User
from todo_api.clock import now
from todo_api.database.execution import fetch_all, fetch_one
from todo_api.database.slices import delete_older
from todo_api.database.statements import Statement
from todo_api.settings import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import ColumnElement, Insert, Select

    from todo_api.database.statements import Row

IDLE_TTL = timedelta(days=7)
"""How long a session lasts without use. Use extends it, at most once per `UPDATE_AGE`."""
UPDATE_AGE = timedelta(days=1)
ABSOLUTE_TTL = timedelta(days=90)
"""How long a session lasts at most, however much it is used."""
UNREMEMBERED_TTL = timedelta(days=1)
"""How long a session with `rememberMe: false` lasts. Nothing extends it."""
FRESH_AGE = timedelta(days=1)
"""How long after its sign-in a session is fresh."""

TOKEN_PATTERN = re.compile("([0-9A-Za-z-]+)_([0-9a-f]{32})_([0-9a-f]{64})")
"""An opaque token: user id, session id and secret. It names its row, so that the primary key finds it."""

INSERTED_COLUMNS = ("user_id", "id", "token_hash", "remembered", "expires_at", "ends_at", "ip_address", "user_agent")

SESSION_COLUMNS = [column.label(f"session_{column.key}") for column in Session.__table__.c]
"""The columns of a session, named apart from those of the user in the same row."""


LIVE_SESSION = (
    select(literal(1).label("one"))
    .where(
        Session.user_id == bindparam("owner_id"),
        Session.id == bindparam("owner_session"),
        Session.ends_at > func.now(),
    )
    .cte("live_session")
)
"""One row while the session is live; else none. Statements join it: `live_session LEFT JOIN tasks` returns no row
without a session, and a row of nulls without a task."""


class NewSession(NamedTuple):
    """A session to insert. Its secret is sent to the client once and stored as a hash."""

    id: str
    user_id: str
    secret: str
    remembered: bool

    @property
    def token(self) -> str:
        """The opaque token."""
        return f"{self.user_id}_{self.id}_{self.secret}"


def new_session(user_id: str, *, remembered: bool) -> NewSession:
    """Return a session for `insert_session`."""
    return NewSession(uuid.uuid4().hex, user_id, secrets.token_hex(32), remembered)


def insert_session(session: NewSession, user: Select[str]) -> Insert:
    """Return the statement that inserts the session for the user id that the query returns, if any."""
    user_row = user.subquery()
    row = select(
        user_row.c[0],
        literal(session.id),
        literal(token_hash(session.secret)),
        literal(session.remembered),
        func.now() + (IDLE_TTL if session.remembered else UNREMEMBERED_TTL),
        func.now() + (ABSOLUTE_TTL if session.remembered else UNREMEMBERED_TTL),
        literal(request.remote_addr or ""),
        literal((request.user_agent.string or "").replace("\0", "")[: Session.USER_AGENT_MAX]),
    )
    return insert(Session).from_select(INSERTED_COLUMNS, row)


def token_hash(secret: str) -> bytes:
    """Return the stored hash of a token's secret; 256 random bits need no slow hash."""
    return hashlib.sha256(secret.encode()).digest()


def is_session(user_id: str | ColumnElement[str], session_id: str | ColumnElement[str]) -> ColumnElement[bool]:
    """Return the condition that a row is this session, before its absolute end."""
    return and_(Session.user_id == user_id, Session.id == session_id, Session.ends_at > func.now())


def is_live() -> ColumnElement[bool]:
    """Return the condition that a row is a session with a credential that is still valid."""
    is_refreshable = Session.rotated_at > func.now() - settings().refresh_token_ttl
    return and_(Session.ends_at > func.now(), or_(Session.expires_at > func.now(), is_refreshable))


def is_extension_due() -> ColumnElement[bool]:
    """Return the condition that the next use extends the session."""
    return and_(Session.remembered, Session.updated_at < func.now() - UPDATE_AGE)


IS_NOT_IDLE = (Session.expires_at > func.now()).label("session_is_not_idle")
FIND_SESSION = Statement(
    select(*SESSION_COLUMNS, IS_NOT_IDLE, is_extension_due().label("session_is_extension_due"), User)
    .join(User, User.id == Session.user_id)
    .where(is_session(bindparam("find_user_id"), bindparam("find_session_id")))
)


def find_session(user_id: str, session_id: str) -> Row | None:
    """Return the session and its user, the session's columns named `session_…`."""
    return fetch_one(FIND_SESSION, {"find_user_id": user_id, "find_session_id": session_id})


def find_session_by_token(token: str) -> Row | None:
    """Return the session of an opaque token as `find_session` does, unless its idle time is over."""
    match = TOKEN_PATTERN.fullmatch(token)
    if match is None:
        return None
    user_id, session_id, secret = match.groups()
    session = find_session(user_id, session_id)
    if session is None or not hmac.compare_digest(session["session_token_hash"], token_hash(secret)):
        return None
    bind_context(user=user_id)
    return session if session["session_is_not_idle"] else None


def extend_session(session: Row) -> Row | None:
    """Extend a session. Return its new times under the names of `find_session`, or None if it is not due any more."""
    this_session = and_(Session.user_id == session["session_user_id"], Session.id == session["session_id"])
    times = (Session.expires_at.label("session_expires_at"), Session.updated_at.label("session_updated_at"))
    extended = update(Session).where(this_session, is_extension_due())
    return fetch_one(extended.values(updated_at=func.now(), expires_at=func.now() + IDLE_TTL).returning(*times))


def is_fresh(session: Row) -> bool:
    """Return whether the session is so new that it may do what a stolen one should not."""
    return bool(now() - session["session_created_at"] <= FRESH_AGE)


def list_live_sessions(user_id: str) -> list[Row]:
    """Return the user's live sessions, oldest first."""
    live = select(*SESSION_COLUMNS).where(Session.user_id == user_id, is_live())
    return fetch_all(live.order_by(Session.created_at, Session.id))


def end_session(user_id: str, session_id: str) -> bool:
    """End one session of the user. Return whether it existed, before its absolute end."""
    deletion = delete(Session).where(Session.user_id == user_id, Session.id == session_id)
    ended = deletion.returning(Session.ends_at).cte("ended")
    session = fetch_one(select((ended.c.ends_at > func.now()).label("had_not_ended")))
    return session is not None and bool(session["had_not_ended"])


def end_all_sessions(user_id: str, *, except_id: str | None = None) -> None:
    """End all sessions of the user, or all except one."""
    statement = delete(Session).where(Session.user_id == user_id)
    if except_id is not None:
        statement = statement.where(Session.id != except_id)
    fetch_all(statement.returning(Session.id))


def purge_sessions() -> Iterator[int]:
    """Delete the sessions past their absolute end; yield the number of each slice."""
    return delete_older(Session.ends_at)
