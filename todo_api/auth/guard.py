"""Who asks, and whether the things are theirs: the gate in front of whatever is somebody's own.

A credential is an access JWT, an opaque session token, or, on the auth routes only, the session cookie. All of them
end with their session. A JWT is verified without the database; whether its session lives is asked by the statement
that does the work, through `LIVE_SESSION`, so that it costs no round trip of its own.
"""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, NamedTuple

from flask import g
from sqlalchemy import Boolean, bindparam, exists, func, literal, not_, or_, select, union_all

from todo_api.auth.errors import AccessForbidden, TokenExpired
from todo_api.auth.models import Session, User
from todo_api.auth.rate_limits import write_limit
from todo_api.auth.sessions import store
from todo_api.auth.sessions.credentials import access_claims, bearer_token, unsigned_token
from todo_api.auth.tokens import external_users
from todo_api.auth.tokens.external_issuer import issuer_of
from todo_api.database.execution import fetch_all, stream
from todo_api.database.statements import Statement
from todo_api.http.documentation import BEARER, View, document
from todo_api.http.errors import InvalidToken, NotAuthenticated, ServiceUnavailable
from todo_api.rate_limiting.enforcement import set_headers
from todo_api.rate_limiting.postgres_store import consume_cte, consume_parameters, is_within_limit, peek

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


LIVE_SESSION = union_all(
    select(literal(1).label("one")).where(
        Session.user_id == bindparam("owner_id"),
        Session.id == bindparam("owner_session"),
        Session.ends_at > func.now(),
    ),
    select(literal(1)).where(User.id == bindparam("owner_id"), User.issuer == bindparam("owner_issuer")),
).cte("alive")
"""One row while what vouches for the owner stands, none when it does not. Statements about a user's own things join it:
`alive LEFT JOIN found` gives no row to the dead, and a row of nulls where there is nothing."""

IS_SESSION_LIVE = Statement(select(LIVE_SESSION.c.one))

IS_WRITE_COUNTED = bindparam("write_is_counted", type_=Boolean)
CONSUME_WRITE = consume_cte("write", exists(select(LIVE_SESSION.c.one)), not_(IS_WRITE_COUNTED))
LOCKED_OWNER = (
    select(literal(1).label("one"))
    .select_from(User)
    .where(
        User.id == bindparam("owner_id"),
        exists(select(LIVE_SESSION.c.one)),
        or_(IS_WRITE_COUNTED, is_within_limit(CONSUME_WRITE, "write")),
    )
    .with_for_update(read=True, key_share=True)
    .cte("held")
)
"""The owner's row, locked, if the session lives and the user's write limit allows the request.

The foreign keys of the written rows would lock it later; it is locked before any task because deleting an account
begins there as well. The same order prevents deadlocks."""

OWNER_ACCOUNT = (
    select(User.id.label("account_id"), User.email.label("account_email"), User.name.label("account_name"))
    .where(User.id == bindparam("owner_id"), exists(select(LIVE_SESSION.c.one)))
    .cte("account")
)
"""`LIVE_SESSION`, with what the owner is called."""


def fetch_owned(owner: Owner, statement: Runnable, parameters: Mapping[str, Any]) -> Sequence[Row]:
    """Run a statement that is built on `LIVE_SESSION`, and return its rows, of which there is always one.

    Raises:
        InvalidToken: 401, where the owner's session has ended.

    """
    bound = {**parameters, **owner_parameters(owner)}
    rows = fetch_all(statement, bound)
    if not rows and owner.issuer:
        external_users.provision(owner.user_id, owner.issuer, owner.profile)
        rows = fetch_all(statement, bound)
    if not rows:
        raise InvalidToken
    return rows


def write_owned(owner: Owner, statement: Runnable, parameters: Mapping[str, Any]) -> Sequence[Row]:
    """Run a statement that is built on `LOCKED_OWNER`. A request counts as one write, however many statements it takes.

    Raises:
        InvalidToken: 401, where the owner's session has ended.
        TooManyRequests: 429, where the user has written too often.

    """
    quota = write_limit(owner.user_id)
    counting = {**consume_parameters("write", quota), "write_is_counted": "counted_write" in g}
    g.counted_write = True
    try:
        return fetch_owned(owner, statement, {**parameters, **counting})
    except InvalidToken:
        charged = peek(quota, exists(select(LIVE_SESSION.c.one)), owner_parameters(owner))
        if charged:
            set_headers([charged])
        raise


def stream_owned(owner: Owner, statement: Statement) -> Iterator[Row]:
    """Yield the rows that `fetch_owned` would return, of which few are in memory at a time.

    Raises:
        InvalidToken: 401, where the owner's session has ended.

    """
    rows = stream(statement, owner_parameters(owner))
    first = next(rows, None)
    if first is None:
        require_live_session(owner)
        rows = stream(statement, owner_parameters(owner))
    else:
        yield first
    yield from rows


def require_live_session(owner: Owner) -> None:
    """Ask for the owner's session before a long work, whose statements ask again.

    Raises:
        InvalidToken: 401, where it has ended.

    """
    fetch_owned(owner, IS_SESSION_LIVE, {})


def owner_parameters(owner: Owner) -> dict[str, str | None]:
    """Return the parameters of `LIVE_SESSION`. Not named as columns are: SQLAlchemy would set the column of a name."""
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
    token = bearer_token()
    if token is None:
        raise NotAuthenticated
    if token.count(".") == JWT_DOTS:
        return jwt_owner(token)
    opaque = unsigned_token(token)
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
