"""The guard of a user's resources: it verifies the bearer token, and checks the session in the statements themselves.

A bearer token is an access JWT or an opaque session token. Both end with their session. A JWT is verified without the
database: the statement that does the work checks through `LIVE_SESSION` that the session is live.
"""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import bindparam, exists, func, literal, select, union_all

from todo_api.auth.errors import AccessForbidden, TokenExpired
from todo_api.auth.models import Session, User
from todo_api.auth.sessions import store
from todo_api.auth.sessions.credentials import access_claims, bearer_token, unsign_token
from todo_api.auth.tokens import external_users
from todo_api.auth.tokens.external_issuer import issuer_of
from todo_api.database.execution import fetch_all, stream
from todo_api.database.statements import Statement
from todo_api.http.documentation import BEARER, View, document
from todo_api.http.errors import InvalidToken, NotAuthenticated, ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from flask.typing import ResponseReturnValue

    from todo_api.database.execution import Runnable
    from todo_api.database.statements import Row

JWT_DOTS = 2


class Owner(NamedTuple):
    """The user that a request acts for, and the proof: a session, or the claims of an external issuer's token."""

    user_id: str
    session_id: str | None = None
    issuer: str | None = None
    claims: Mapping[str, Any] = {}


LIVE_SESSION = union_all(
    select(literal(1).label("one")).where(
        Session.user_id == bindparam("owner_id"),
        Session.id == bindparam("owner_session"),
        Session.ends_at > func.now(),
    ),
    select(literal(1)).where(User.id == bindparam("owner_id"), User.issuer == bindparam("owner_issuer")),
).cte("live_session")
"""One row while the owner's session is live, or for a user of the external issuer; else none. Statements join it:
`live_session LEFT JOIN tasks` returns no row without a session, and a row of nulls without a task."""

HAS_LIVE_SESSION = exists(select(LIVE_SESSION.c.one))
SELECT_LIVE_SESSION = Statement(select(LIVE_SESSION.c.one))

LOCKED_OWNER = (
    select(literal(1).label("one"))
    .select_from(User)
    .where(User.id == bindparam("owner_id"), HAS_LIVE_SESSION)
    .with_for_update(read=True, key_share=True)
    .cte("locked_owner")
)
"""The owner's row, locked against the deletion of the account, if the session is live.

A transaction of several statements locks it first. The foreign keys of the rows that it writes may lock it later, after
rows that the deletion of the account waits for."""
LOCK_OWNER = Statement(select(LOCKED_OWNER.c.one))

OWNER_ACCOUNT = (
    select(User.id.label("account_id"), User.email.label("account_email"), User.name.label("account_name"))
    .where(User.id == bindparam("owner_id"), HAS_LIVE_SESSION)
    .cte("owner_account")
)
"""`LIVE_SESSION` with the owner's id, e-mail and name."""


def fetch_owned(owner: Owner, statement: Runnable, parameters: Mapping[str, Any]) -> Sequence[Row]:
    """Run a statement that joins `LIVE_SESSION`, and return its rows, at least one.

    Raises:
        InvalidToken: 401, if the owner's session has ended.

    """
    all_parameters = {**parameters, **owner_parameters(owner)}
    rows = fetch_all(statement, all_parameters)
    if not rows and owner.issuer:
        external_users.provision(owner.user_id, owner.issuer, owner.claims)
        rows = fetch_all(statement, all_parameters)
    if not rows:
        raise InvalidToken
    return rows


def stream_owned(owner: Owner, statement: Statement) -> Iterator[Row]:
    """Yield the rows that `fetch_owned` would return, with few of them in memory at a time.

    Raises:
        InvalidToken: 401, if the owner's session has ended.

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
    """Check the owner's session before long work. The statements of that work check it again.

    Raises:
        InvalidToken: 401, if the session has ended.

    """
    fetch_owned(owner, SELECT_LIVE_SESSION, {})


def lock_owner(owner: Owner) -> None:
    """Lock the owner's row at the start of a transaction of several statements.

    Raises:
        InvalidToken: 401, if the owner's session has ended.

    """
    fetch_owned(owner, LOCK_OWNER, {})


def owner_parameters(owner: Owner) -> dict[str, str | None]:
    """Return the parameters of `LIVE_SESSION`. None has a column's name: an INSERT or UPDATE would set that column."""
    return {"owner_id": owner.user_id, "owner_session": owner.session_id, "owner_issuer": owner.issuer}


def owner_required(view: View) -> View:
    """Require a bearer token whose user is the path's `user_id`, or the path `me`, and pass the `owner` to the view.

    Raises:
        NotAuthenticated: 401, without a token; its subclasses: another scheme, an expired or invalid token.
        AccessForbidden: 403, for the path of another user.

    """

    @wraps(view)
    def guarded(*args: Any, user_id: str, **kwargs: Any) -> ResponseReturnValue:
        owner = bearer_owner()
        if user_id not in {owner.user_id, "me"}:
            raise AccessForbidden
        response: ResponseReturnValue = view(*args, owner=owner, **kwargs)
        return response

    document(guarded, NotAuthenticated, TokenExpired, AccessForbidden, ServiceUnavailable, security=[{BEARER: []}])
    return guarded  # type: ignore[return-value]  # the same view, for mypy too


def bearer_owner() -> Owner:
    """Return the owner that the request's bearer token authenticates."""
    token = bearer_token()
    if token is None:
        raise NotAuthenticated
    if token.count(".") == JWT_DOTS:
        return jwt_owner(token)
    opaque = unsign_token(token)
    session = store.find_session_by_token(opaque) if opaque else None
    if session is None:
        raise InvalidToken
    return Owner(session["id"], session["session_id"])


def jwt_owner(token: str) -> Owner:
    """Return the owner that a JWT authenticates. Its `iss` selects the keys and algorithms that verify it."""
    issuer = external_users.configured_issuer()
    if issuer is None or issuer_of(token) != issuer.identifier:
        access = access_claims(token)
        return Owner(access.subject, access.session_id)
    claims = external_users.verified_claims(issuer, token)
    return Owner(claims["sub"], issuer=issuer.identifier, claims=claims)
