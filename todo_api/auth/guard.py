"""Who asks, and whether the things are theirs: the gate in front of whatever is somebody's own.

A credential is an access JWT, an opaque session token, or, on the auth routes only, the session cookie. All of them
end with their session. A JWT is verified without the database; whether its session lives is asked by the statement
that does the work, through `ALIVE`, so that it costs no round trip of its own.
"""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, NamedTuple

from flask import g
from sqlalchemy import Boolean, bindparam, exists, func, literal, not_, or_, select, union_all

from todo_api.auth.errors import AccessForbidden, TokenExpired
from todo_api.auth.models import Session, User
from todo_api.auth.rate_limits import write_quota
from todo_api.auth.sessions import store
from todo_api.auth.sessions.credentials import access_claims, bare, bearer
from todo_api.auth.tokens import external_users
from todo_api.auth.tokens.external_issuer import issuer_of
from todo_api.database.execution import fetch_all, stream
from todo_api.database.statements import Statement
from todo_api.http.documentation import BEARER, View, document
from todo_api.http.errors import InvalidToken, NotAuthenticated, ServiceUnavailable
from todo_api.rate_limiting.consumption import tell
from todo_api.rate_limiting.postgres_store import charging, is_within, parameters_of, standing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from flask.typing import ResponseReturnValue

    from todo_api.database.execution import Runnable
    from todo_api.database.statements import Row

JWT_DOTS = 2


class Owner(NamedTuple):
    """Whose things a request is about, and what vouches for it: a session here, or a foreign issuer."""

    user_id: str
    session_id: str | None = None
    issuer: str | None = None
    profile: Mapping[str, Any] = {}


ALIVE = union_all(
    select(literal(1).label("one")).where(
        Session.user_id == bindparam("owner_id"),
        Session.id == bindparam("owner_session"),
        Session.ends_at > func.now(),
    ),
    select(literal(1)).where(User.id == bindparam("owner_id"), User.issuer == bindparam("owner_issuer")),
).cte("alive")
"""One row while what vouches for the owner stands, none when it does not. Statements about a user's own things join it:
`alive LEFT JOIN found` gives no row to the dead, and a row of nulls where there is nothing."""

IS_ALIVE = Statement(select(ALIVE.c.one))

IS_COUNTED = bindparam("write_is_counted", type_=Boolean)
WRITE = charging("write", exists(select(ALIVE.c.one)), not_(IS_COUNTED))
HELD = (
    select(literal(1).label("one"))
    .select_from(User)
    .where(User.id == bindparam("owner_id"), exists(select(ALIVE.c.one)), or_(IS_COUNTED, is_within(WRITE, "write")))
    .with_for_update(read=True, key_share=True)
    .cte("held")
)
"""`ALIVE` for statements that write, which counts the request among the user's writes and ends at their limit. It locks
the user's row as the foreign keys of what is written would, but before any task: who deletes an account begins there,
too, so that neither waits for the other in turn."""

ACCOUNT = (
    select(User.id.label("account_id"), User.email.label("account_email"), User.name.label("account_name"))
    .where(User.id == bindparam("owner_id"), exists(select(ALIVE.c.one)))
    .cte("account")
)
"""`ALIVE`, with what the owner is called."""


def fetch_owned(owner: Owner, statement: Runnable, parameters: Mapping[str, Any]) -> Sequence[Row]:
    """Run a statement that is built on `ALIVE`, and return its rows, of which there is always one.

    Raises:
        InvalidToken: 401, where the owner's session has ended.

    """
    bound = {**parameters, **vouched(owner)}
    rows = fetch_all(statement, bound)
    if not rows and owner.issuer:
        external_users.enroll(owner.user_id, owner.issuer, owner.profile)
        rows = fetch_all(statement, bound)
    if not rows:
        raise InvalidToken
    return rows


def write_owned(owner: Owner, statement: Runnable, parameters: Mapping[str, Any]) -> Sequence[Row]:
    """Run a statement that is built on `HELD`. A request counts as one write, however many statements it takes.

    Raises:
        InvalidToken: 401, where the owner's session has ended.
        TooManyRequests: 429, where the user has written too often.

    """
    quota = write_quota(owner.user_id)
    counting = {**parameters_of("write", quota), "write_is_counted": "counted_write" in g}
    g.counted_write = True
    try:
        return fetch_owned(owner, statement, {**parameters, **counting})
    except InvalidToken:
        charged = standing(quota, exists(select(ALIVE.c.one)), vouched(owner))
        if charged:
            tell([charged])
        raise


def stream_owned(owner: Owner, statement: Statement) -> Iterator[Row]:
    """Yield the rows that `fetch_owned` would return, of which few are in memory at a time.

    Raises:
        InvalidToken: 401, where the owner's session has ended.

    """
    rows = stream(statement, vouched(owner))
    first = next(rows, None)
    if first is None:
        require_alive(owner)
        rows = stream(statement, vouched(owner))
    else:
        yield first
    yield from rows


def require_alive(owner: Owner) -> None:
    """Ask for the owner's session before a long work, whose statements ask again.

    Raises:
        InvalidToken: 401, where it has ended.

    """
    fetch_owned(owner, IS_ALIVE, {})


def vouched(owner: Owner) -> dict[str, str | None]:
    """Return the parameters of `ALIVE`. Not named as columns are: SQLAlchemy would set the column of a name."""
    return {"owner_id": owner.user_id, "owner_session": owner.session_id, "owner_issuer": owner.issuer}


def owner_required(view: View) -> View:
    """Let a request through whose bearer's subject is the path's `user_id`, or `me`, and pass it on as `owner`.

    Raises:
        NotAuthenticated: 401, and its kinds: no token, another scheme, expired, not ours.
        AccessForbidden: 403, for another user's path.

    """

    @wraps(view)
    def guarded(*args: Any, user_id: str, **kwargs: Any) -> ResponseReturnValue:
        owner = bearer_owner()
        if user_id not in {owner.user_id, "me"}:
            raise AccessForbidden
        answer: ResponseReturnValue = view(*args, owner=owner, **kwargs)
        return answer

    document(guarded, NotAuthenticated, TokenExpired, AccessForbidden, ServiceUnavailable, security=[{BEARER: []}])
    return guarded  # type: ignore[return-value]  # the same view, for mypy too


def bearer_owner() -> Owner:
    """Return who the request's bearer token stands for."""
    token = bearer()
    if token is None:
        raise NotAuthenticated
    if token.count(".") == JWT_DOTS:
        return jwt_owner(token)
    opaque = bare(token)
    session = store.find_by_token(opaque) if opaque else None
    if session is None:
        raise InvalidToken
    return Owner(session["id"], session["session_id"])


def jwt_owner(token: str) -> Owner:
    """Return who a JWT stands for; the issuer that it names decides who verifies it, and with which algorithms."""
    issuer = external_users.configured_issuer()
    if issuer is None or issuer_of(token) != issuer.issuer:
        claims = access_claims(token)
        return Owner(claims.subject, claims.session_id)
    profile = external_users.verified_claims(issuer, token)
    return Owner(profile["sub"], issuer=issuer.issuer, profile=profile)
