"""The routes that show, change and delete an account, for Better Auth's client."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from todo_api.auth import accounts, examples
from todo_api.auth.blueprint import auth
from todo_api.auth.errors import (
    EmailCannotBeUpdated,
    InvalidCallbackURL,
    InvalidOrigin,
    InvalidPassword,
    MissingOrigin,
    NoFieldsToUpdate,
    SessionExpired,
)
from todo_api.auth.rate_limits import consume_own_failures
from todo_api.auth.redirects import redirects_to_callback
from todo_api.auth.schemas.account import (
    DeleteUserSchema,
    SignInMethodSchema,
    StatusSchema,
    SuccessSchema,
    UpdateUserSchema,
)
from todo_api.auth.sessions import store
from todo_api.auth.sessions.credentials import opaque_token
from todo_api.auth.sessions.csrf import check_redirect
from todo_api.auth.sessions.responses import HeaderList, opaque_token_headers, sign_out_headers
from todo_api.auth.sessions.session_guard import current_session, session_required
from todo_api.auth.verification import deletion
from todo_api.auth.verification.errors import InvalidDeletionToken, NoUserInfo
from todo_api.auth.verification.links import link_token, requires_link_token
from todo_api.http.documentation import document, optional_credential, raises
from todo_api.http.errors import InvalidParameter, ServiceUnavailable
from todo_api.settings import settings

if TYPE_CHECKING:
    from todo_api.database.statements import Row

CROSS_SITE = (InvalidOrigin, MissingOrigin)
DELETED = {"success": True, "message": "User deleted"}
DELETION_REQUESTED = {"success": True, "message": "Verification email sent"}


@auth.get("/list-accounts", tags=["account"])
@session_required
@auth.response(200, SignInMethodSchema(many=True), example=[examples.SIGN_IN_METHOD])
def list_accounts(session: Row) -> list[dict[str, Any]]:
    """List your ways to sign in.

    Returns one entry, `credential`, which is the e-mail address and the password.
    """
    return [{**session, "provider_id": "credential", "scopes": []}]


@auth.post("/update-user", tags=["account"])
@session_required
@auth.body(UpdateUserSchema, accepts="json_or_nothing", example={"name": "Ada Lovelace"})
@auth.response(200, StatusSchema(), example=examples.DONE)
@raises(EmailCannotBeUpdated, NoFieldsToUpdate, *CROSS_SITE)
@partial(document, requestBody={"required": True})
def update_user(body: dict[str, Any], session: Row) -> tuple[dict[str, bool], HeaderList]:
    """Update your profile.

    Changes your name or your image; `null` clears the image.
    """
    if "email" in body:
        raise EmailCannotBeUpdated
    if not body:
        raise NoFieldsToUpdate
    accounts.update_user(session["id"], body)
    token = opaque_token()
    return examples.DONE, opaque_token_headers(token, remembered=session["session_remembered"]) if token else []


@auth.post("/delete-user", tags=["account"])
@session_required
@auth.body(DeleteUserSchema, accepts="json_or_nothing", example={"password": "correct horse battery"})
@auth.response(200, SuccessSchema(), example=DELETED)
@raises(InvalidPassword, SessionExpired, InvalidDeletionToken, InvalidCallbackURL, *CROSS_SITE)
def delete_user(body: dict[str, str], session: Row) -> tuple[dict[str, Any], HeaderList]:
    """Delete your account.

    Deletes your account with all its tasks and sessions. Without the password, the service mails a link to your e-mail
    address, which deletes the account, as does a request with its `token`. If your address is not verified, or the
    service sends no mails, the session must be at most one day old instead.
    """
    check_redirect(body.get("callback_url"), InvalidCallbackURL)
    if "password" in body:
        with consume_own_failures(session):
            accounts.check_password(session, body["password"])
    if "token" in body:
        deletion.delete_user(session, body["token"])
        return DELETED, sign_out_headers()
    if "password" not in body and session["email_verified"] and settings().mail_url:
        deletion.request_deletion(session, body.get("callback_url"))
        return DELETION_REQUESTED, []
    if "password" not in body and not store.is_fresh(session):
        raise SessionExpired
    accounts.delete_user(session["id"])
    return DELETED, sign_out_headers()


@auth.get("/delete-user/callback", tags=["account"])
@optional_credential
@redirects_to_callback
@auth.response(200, SuccessSchema(), example=DELETED)
@requires_link_token
@raises(InvalidDeletionToken, NoUserInfo, InvalidParameter, ServiceUnavailable)
def follow_deletion_link() -> tuple[dict[str, Any], HeaderList]:
    """Follow an account deletion link.

    Deletes the account with all its tasks and sessions. The link requires a session of the account, so that a mail
    scanner deletes nothing. Redirects to the `callbackURL`, if there is one.
    """
    token = link_token()
    session = current_session()
    if session is None:
        raise NoUserInfo
    deletion.delete_user(session, token)
    return DELETED, sign_out_headers()
