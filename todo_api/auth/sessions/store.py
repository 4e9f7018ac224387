"""Sessions: opened at sign-in, found by a credential, rotated by refresh tokens, ended for every credential at once.

Each function is one statement, so that it happens wholly or not at all.
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
from todo_api.database.execution import fetch_all, fetch_one
from todo_api.database.statements import Statement
from todo_api.settings import settings

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Insert, Select

    from todo_api.database.statements import Row

TTL = timedelta(days=7)
"""How long a session lasts without use; moved on at most once per `UPDATE_AGE`."""
SHORT_TTL = timedelta(days=1)
"""How long a session lasts at all that is not to be remembered."""
UPDATE_AGE = timedelta(days=1)
FRESH_AGE = timedelta(days=1)
"""How long after sign-in a session may list the others."""
ABSOLUTE_TTL = timedelta(days=90)
"""When a session ends however much it is used."""

TOKEN = re.compile("([0-9A-Za-z-]+)_([0-9a-f]{32})_([0-9a-f]{64})")
"""An opaque token names its row, so that no other index is needed to find it."""

INSERTED_COLUMNS = ("user_id", "id", "token_hash", "remembered", "expires_at", "ends_at", "ip_address", "user_agent")

SESSION_COLUMNS = [column.label(f"session_{column.key}") for column in Session.__table__.c]
"""A session's columns under names that a user's columns beside them do not have."""


class NewSession(NamedTuple):
    """A new session: its id and its opaque token, which is shown once and kept as a hash."""

    id: str
    user_id: str
    secret: str
    remembered: bool

    @property
    def token(self) -> str:
        """The opaque token."""
        return f"{self.user_id}_{self.id}_{self.secret}"


def new_session(user_id: str, *, remembered: bool) -> NewSession:
    """Return a session that `insert_session` puts into the table."""
    return NewSession(uuid.uuid4().hex, user_id, secrets.token_hex(32), remembered)


def insert_session(opened: NewSession, user: Select[str]) -> Insert:
    """Return the statement that opens the session if the query gives its user."""
    found = user.subquery()
    row = select(
        found.c[0],
        literal(opened.id),
        literal(token_hash(opened.secret)),
        literal(opened.remembered),
        func.now() + (TTL if opened.remembered else SHORT_TTL),
        func.now() + (ABSOLUTE_TTL if opened.remembered else SHORT_TTL),
        literal(request.remote_addr or ""),
        literal((request.user_agent.string or "").replace("\0", "")[: Session.USER_AGENT_MAX]),
    )
    return insert(Session).from_select(INSERTED_COLUMNS, row)


def token_hash(secret: str) -> bytes:
    """Return what is kept of an opaque token; 256 random bits need no slow hash."""
    return hashlib.sha256(secret.encode()).digest()


def is_session(user_id: str | ColumnElement[str], session_id: str | ColumnElement[str]) -> ColumnElement[bool]:
    """Return the condition that a row is this session, and not past its end."""
    return and_(Session.user_id == user_id, Session.id == session_id, Session.ends_at > func.now())


def is_live() -> ColumnElement[bool]:
    """Return the condition that a row is not past its end, and that one of its credentials still opens something."""
    refreshable = Session.rotated_at > func.now() - settings().refresh_token_ttl
    return and_(Session.ends_at > func.now(), or_(Session.expires_at > func.now(), refreshable))


def find_session(user_id: str, session_id: str) -> Row | None:
    """Return the session and its user, the session's columns named `session_…`."""
    return fetch_one(FIND, {"sought_user": user_id, "sought_session": session_id})


def find_by_token(token: str) -> Row | None:
    """Return the same for an opaque token, unless it has not been used for too long."""
    parts = TOKEN.fullmatch(token)
    if parts is None:
        return None
    user_id, session_id, secret = parts.groups()
    found = find_session(user_id, session_id)
    if found is None or not hmac.compare_digest(found["session_token_hash"], token_hash(secret)):
        return None
    bind_context(user=user_id)
    return found if found["session_idle_alive"] else None


def is_extension_due() -> ColumnElement[bool]:
    """Return the condition that the expiry of a session is to move on."""
    return and_(Session.remembered, Session.updated_at < func.now() - UPDATE_AGE)


IS_NOT_IDLE = (Session.expires_at > func.now()).label("session_idle_alive")
FIND = Statement(
    select(*SESSION_COLUMNS, IS_NOT_IDLE, is_extension_due().label("session_due"), User)
    .join(User, User.id == Session.user_id)
    .where(is_session(bindparam("sought_user"), bindparam("sought_session")))
)


def extend_session(session: Row) -> Row | None:
    """Extend a session; return its new times, named as by `find_session`, or None if that is done already."""
    own = and_(Session.user_id == session["session_user_id"], Session.id == session["session_id"])
    moved = update(Session).where(own, is_extension_due()).values(updated_at=func.now(), expires_at=func.now() + TTL)
    times = (Session.expires_at.label("session_expires_at"), Session.updated_at.label("session_updated_at"))
    return fetch_one(moved.returning(*times))


def list_live_sessions(user_id: str) -> list[Row]:
    """Return a user's live sessions, oldest first."""
    alive = select(*SESSION_COLUMNS).where(Session.user_id == user_id, is_live())
    return fetch_all(alive.order_by(Session.created_at, Session.id))


def end_session(user_id: str, session_id: str) -> bool:
    """End one session of the user, and tell whether it was there and not past its end."""
    ending = delete(Session).where(Session.user_id == user_id, Session.id == session_id)
    ended = fetch_one(ending.returning((Session.ends_at > func.now()).label("lived")))
    return ended is not None and bool(ended["lived"])


def end_all_sessions(user_id: str, *, but: str | None = None) -> None:
    """End all sessions of the user, or all but one."""
    ending = delete(Session).where(Session.user_id == user_id)
    if but is not None:
        ending = ending.where(Session.id != but)
    fetch_all(ending.returning(Session.id))


def purge_sessions() -> int:
    """Delete the sessions that are past their end, and return how many they were."""
    return len(fetch_all(delete(Session).where(Session.ends_at <= func.now()).returning(Session.id)))
