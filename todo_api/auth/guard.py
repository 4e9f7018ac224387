"""The guard of a user's resources: it verifies the credential, and checks that it is live in the statements themselves.

A JWT and an API key are verified without the database as far as that is possible: the statement that does the work
checks through `LIVE_SESSION` that the session is live. A statement is written for a session. For another credential,
the CTE of that credential replaces the session's (docs/decisions/0031).
"""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, exists, literal, select

from todo_api.auth.api_keys.credential import check_key, record_use
from todo_api.auth.api_keys.errors import InsufficientScope, InvalidAPIKey, SeveralCredentials
from todo_api.auth.errors import AccessForbidden, TokenExpired
from todo_api.auth.models import User
from todo_api.auth.owners import Owner, request_owner
from todo_api.auth.sessions.store import LIVE_SESSION
from todo_api.auth.tokens import external_users
from todo_api.database.execution import fetch_all, stream
from todo_api.database.statements import Statement
from todo_api.http.documentation import API_KEY, BEARER, View, document
from todo_api.http.errors import InvalidToken, NotAuthenticated, ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from flask.typing import ResponseReturnValue

    from todo_api.auth.api_keys.scopes import Scope
    from todo_api.database.execution import Runnable
    from todo_api.database.statements import Row

__all__ = [
    "LIVE_SESSION",
    "OWNER_ACCOUNT",
    "Owner",
    "fetch_owned",
    "for_credential",
    "lock_owner",
    "owner_required",
    "require_live_session",
    "stream_owned",
]

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
        InvalidToken: 401, if the owner's credential is not live.
        InsufficientScope: 403, if the owner's API key lacks the scope.

    """
    if owner.session_id is None:
        statement = for_credential(owner, statement)
    all_parameters = {**parameters, **owner.parameters}
    rows = fetch_all(statement, all_parameters)
    if not rows and owner.issuer:
        external_users.provision(owner.user_id, owner.issuer, owner.claims)
        rows = fetch_all(statement, all_parameters)
    if owner.api_key:
        (record_use if rows else check_key)(owner.api_key)
    if not rows:
        raise InvalidToken
    return rows


def stream_owned(owner: Owner, statement: Statement) -> Iterator[Row]:
    """Yield the rows that `fetch_owned` would return, with few of them in memory at a time.

    Raises:
        InvalidToken: 401, if the owner's credential is not live.

    """
    variant = for_credential(owner, statement)
    rows = stream(variant, owner.parameters)
    first = next(rows, None)
    if first is None:
        require_live_session(owner)
        rows = stream(variant, owner.parameters)
    else:
        if owner.api_key:
            record_use(owner.api_key)
        yield first
    yield from rows


def require_live_session(owner: Owner) -> None:
    """Check the owner's credential before long work. The statements of that work check it again.

    Raises:
        InvalidToken: 401, if the credential is not live.

    """
    fetch_owned(owner, SELECT_LIVE_SESSION, {})


def lock_owner(owner: Owner) -> None:
    """Lock the owner's row at the start of a transaction of several statements.

    Raises:
        InvalidToken: 401, if the owner's session has ended.

    """
    fetch_owned(owner, LOCK_OWNER, {})


def for_credential(owner: Owner, statement: Runnable) -> Statement:
    """Return the statement with the CTE of the owner's credential in place of the session's."""
    written = statement if isinstance(statement, Statement) else Statement(statement, prepared=False)
    return written.replacing(LIVE_SESSION, owner.credential)


def owner_required(scope: Scope) -> Callable[[View], View]:
    """Require a credential whose user is the path's `user_id`, or the path `me`, and pass the `owner` to the view.

    An API key must have the scope. A session and an issuer's token have every scope.

    Raises:
        NotAuthenticated: 401, without a credential; its subclasses: another scheme, an expired or invalid token.
        AccessForbidden: 403, for the path of another user.
        InsufficientScope: 403, for an API key without the scope.

    """

    def decorator(view: View) -> View:
        @wraps(view)
        def guarded(*args: Any, user_id: str, **kwargs: Any) -> ResponseReturnValue:
            owner = request_owner(scope)
            if user_id not in {owner.user_id, "me"}:
                raise AccessForbidden
            response: ResponseReturnValue = view(*args, owner=owner, **kwargs)
            return response

        problems = (SeveralCredentials, NotAuthenticated, TokenExpired, InvalidAPIKey)
        refusals = (AccessForbidden, InsufficientScope, ServiceUnavailable)
        document(guarded, *problems, *refusals, security=[{BEARER: []}, {API_KEY: [scope]}])
        return guarded  # type: ignore[return-value]  # the same view, for mypy too

    return decorator
