"""Who asks, and whether the things are theirs: the gate in front of whatever is somebody's own.

A credential is an access JWT, an opaque session token, or, on the auth routes only, the session cookie. All of them
end with their session. A JWT is verified without the database; whether its session lives is asked by the statement
that does the work, through `ALIVE`, so that it costs no round trip of its own.
"""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import bindparam, exists, func, literal, select, union_all

from todo_api.auth import foreign, sessions
from todo_api.auth.credentials import access_claims, bare, bearer, opaque_token
from todo_api.auth.errors import AccessForbidden, TokenExpired, Unauthorized
from todo_api.auth.issuer import issuer_of
from todo_api.auth.models import Session, User
from todo_api.database import fetch_all, stream
from todo_api.documentation import View, document
from todo_api.errors import InvalidToken, NotAuthenticated, ServiceUnavailable
from todo_api.openapi import BEARER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from flask.typing import ResponseReturnValue
    from sqlalchemy import Executable, RowMapping

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

HELD = (
    select(literal(1).label("one"))
    .select_from(User)
    .where(User.id == bindparam("owner_id"), exists(select(ALIVE.c.one)))
    .with_for_update(read=True, key_share=True)
    .cte("held")
)
"""`ALIVE` for statements that write. It locks the user's row as the foreign keys of what is written would, but before
anything else is locked: who deletes an account begins there, too, so that neither waits for the other in turn."""

ACCOUNT = (
    select(User.id.label("account_id"), User.email.label("account_email"), User.name.label("account_name"))
    .where(User.id == bindparam("owner_id"), exists(select(ALIVE.c.one)))
    .cte("account")
)
"""`ALIVE`, with what the owner is called."""


def fetch_owned(owner: Owner, statement: Executable, parameters: Mapping[str, Any]) -> Sequence[RowMapping]:
    """Run a statement that is built on `ALIVE` or `HELD`, and return its rows, of which there is always one.

    Raises:
        InvalidToken: 401, where the owner's session has ended.

    """
    bound = {**parameters, **vouched(owner)}
    rows = fetch_all(statement, bound)
    if not rows and owner.issuer:
        foreign.enroll(owner.user_id, owner.issuer, owner.profile)
        rows = fetch_all(statement, bound)
    if not rows:
        raise InvalidToken
    return rows


def stream_owned(owner: Owner, statement: Executable) -> Iterator[RowMapping]:
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
    fetch_owned(owner, select(ALIVE.c.one), {})


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


def session_required(view: View) -> View:
    """Let a request through that has a live session, by any credential, and pass its row on as `session`.

    Raises:
        Unauthorized: 401.

    """

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> ResponseReturnValue:
        session = current_session()
        if session is None:
            raise Unauthorized
        answer: ResponseReturnValue = view(*args, session=session, **kwargs)
        return answer

    document(guarded, Unauthorized, ServiceUnavailable, security=[{BEARER: []}])
    return guarded  # type: ignore[return-value]


def bearer_owner() -> Owner:
    """Return who the request's bearer token stands for."""
    token = bearer()
    if token is None:
        raise NotAuthenticated
    if token.count(".") == JWT_DOTS:
        return jwt_owner(token)
    opaque = bare(token)
    session = sessions.find_by_token(opaque) if opaque else None
    if session is None:
        raise InvalidToken
    return Owner(session["id"], session["session_id"])


def jwt_owner(token: str) -> Owner:
    """Return who a JWT stands for; the issuer that it names decides who verifies it, and with which algorithms."""
    issuer = foreign.configured_issuer()
    if issuer is None or issuer_of(token) != issuer.issuer:
        claims = access_claims(token)
        return Owner(claims.subject, claims.session_id)
    profile = foreign.verified_claims(issuer, token)
    return Owner(profile["sub"], issuer=issuer.issuer, profile=profile)


def current_session() -> RowMapping | None:
    """Return the live session, with its user, that the request's credential stands for; a bad credential is none."""
    try:
        token = bearer()
        if token is not None and token.count(".") == JWT_DOTS:
            claims = access_claims(token)
            return sessions.find(claims.subject, claims.session_id)
    except NotAuthenticated:
        return None
    opaque = opaque_token()
    return sessions.find_by_token(opaque) if opaque else None
