"""The owner of a request: the user that its credential authenticates on the user's own routes.

The credential is an access JWT or an opaque token of a session, a JWT of the external issuer, or an API key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from todo_api.auth.api_keys.credential import LIVE_KEY, PresentedKey, presented_key
from todo_api.auth.api_keys.encoding import PREFIX
from todo_api.auth.api_keys.errors import SeveralCredentials
from todo_api.auth.sessions import store
from todo_api.auth.sessions.credentials import JWT_DOTS, access_claims, bearer_token, unsign_token
from todo_api.auth.tokens import external_users
from todo_api.auth.tokens.external_issuer import issuer_of
from todo_api.http.current_request import current_request
from todo_api.http.errors import InvalidToken, NotAuthenticated

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import CTE

    from todo_api.auth.api_keys.scopes import Scope


class Owner(NamedTuple):
    """The user that a request acts for, and the proof: a session, the claims of an issuer's token, or an API key."""

    user_id: str
    session_id: str | None = None
    issuer: str | None = None
    claims: Mapping[str, Any] = {}
    api_key: PresentedKey | None = None

    @property
    def credential(self) -> CTE:
        """The CTE that has one row while the credential is live; else none."""
        if self.api_key:
            return LIVE_KEY
        return external_users.LIVE_USER if self.issuer else store.LIVE_SESSION

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The parameters of the CTE. None has a column's name: an INSERT or UPDATE would set that column."""
        if self.api_key:
            return self.api_key.parameters
        return {"owner_id": self.user_id, "owner_session": self.session_id, "owner_issuer": self.issuer}


def request_owner(scope: Scope) -> Owner:
    """Return the owner that the request's credential authenticates. An API key requires the scope.

    Raises:
        SeveralCredentials: 400, for a bearer token and X-API-Key.
        NotAuthenticated: 401, without a credential; its subclasses: another scheme, an expired or invalid token.

    """
    headers = current_request().headers
    key = headers.get("X-API-Key")
    if key:
        if "Authorization" in headers:
            raise SeveralCredentials
        return key_owner(key, scope)
    token = bearer_token()
    if token is None:
        raise NotAuthenticated
    if token.count(".") == JWT_DOTS:
        return jwt_owner(token)
    return key_owner(token, scope) if token.startswith(PREFIX) else session_owner(token)


def key_owner(text: str, scope: Scope) -> Owner:
    """Return the owner that an API key names. The statements check the key."""
    key = presented_key(text, scope)
    return Owner(key.user_id, api_key=key)


def session_owner(token: str) -> Owner:
    """Return the owner that the opaque token of a session authenticates."""
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
