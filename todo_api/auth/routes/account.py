"""The routes that change, reset and delete an account, for Better Auth's client."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from flask import request

from todo_api.auth import accounts, examples
from todo_api.auth.blueprint import auth
from todo_api.auth.errors import (
    EmailCannotBeUpdated,
    InvalidCallbackURL,
    InvalidOrigin,
    InvalidPassword,
    InvalidRedirectURL,
    InvalidResetToken,
    MissingOrigin,
    NoFieldsToUpdate,
    PasswordTooCommon,
    PasswordTooLong,
    PasswordTooShort,
    ResetDisabled,
    SessionExpired,
)
from todo_api.auth.passwords import reset
from todo_api.auth.passwords.policy import check_new_password
from todo_api.auth.rate_limits import consume_attempt, consume_failures, reset_failures
from todo_api.auth.schemas.account import (
    RESET_TOKEN,
    ChangedPasswordSchema,
    ChangePasswordSchema,
    DeleteUserSchema,
    RequestResetSchema,
    ResetPasswordSchema,
    StatusSchema,
    SuccessSchema,
    UpdateUserSchema,
)
from todo_api.auth.schemas.sign_in import REDIRECT
from todo_api.auth.sessions import store
from todo_api.auth.sessions.credentials import opaque_token
from todo_api.auth.sessions.csrf import check_redirect
from todo_api.auth.sessions.responses import HeaderList, opaque_token_headers, sign_out_headers
from todo_api.auth.sessions.session_guard import session_required
from todo_api.clock import now
from todo_api.http.documentation import accepts_query_parameter, document, raises
from todo_api.http.errors import ServiceUnavailable, TooManyRequests
from todo_api.http.media_types import PROBLEM_JSON
from todo_api.settings import settings

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from todo_api.database.statements import Row

CROSS_SITE = (InvalidOrigin, MissingOrigin)
NEW_PASSWORD = (PasswordTooShort, PasswordTooLong, PasswordTooCommon)
OTHER_RESPONSE = {
    "description": "Any other response is a problem.",
    "content": {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
RESET_REQUESTED = "If this email exists in our system, check your email for the reset link"


@auth.post("/change-password", tags=["account"])
@session_required
@auth.body(ChangePasswordSchema, example={"currentPassword": "correct horse", "newPassword": "battery staple"})
@auth.response(200, ChangedPasswordSchema(), example={"token": None, "user": examples.USER})
@raises(InvalidPassword, *NEW_PASSWORD, *CROSS_SITE)
def change_password(body: dict[str, Any], session: Row) -> tuple[dict[str, Any], HeaderList]:
    """Change your password.

    Your other sessions end, unless `revokeOtherSessions` is false. With `revokeOtherSessions: true` this session ends
    too, and `token` and `set-auth-token` belong to a new one.
    """
    check_new_password(body["new"], "#/newPassword")
    with consume_own_failures(session):
        accounts.check_password(session, body["current"])
    revoke_others = body.get("revoke_others")
    if not revoke_others:
        keep_session_id = session["session_id"] if revoke_others is None else None
        user = accounts.change_password(session, body["new"], keep_session_id=keep_session_id)
        return {"token": None, "user": user}, []
    new_session = store.new_session(session["id"], remembered=session["session_remembered"])
    user = accounts.change_password(session, body["new"], keep_session_id=new_session.id, new_session=new_session)
    headers = opaque_token_headers(new_session.token, remembered=new_session.remembered)
    return {"token": new_session.token, "user": user}, headers


def consume_own_failures(session: Row) -> AbstractContextManager[None]:
    """Count wrong passwords that sessions of the account present, apart from those of sign-ins."""
    return consume_failures("change-password", settings().rate_limit_change_password, f"user {session['id']}")


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
@auth.response(200, SuccessSchema(), example={"success": True, "message": "User deleted"})
@raises(InvalidPassword, SessionExpired, *CROSS_SITE)
def delete_user(body: dict[str, str], session: Row) -> tuple[dict[str, Any], HeaderList]:
    """Delete your account.

    Deletes your account with all its tasks and sessions. Without the password, the session must be at most one day old.
    """
    if "password" in body:
        with consume_own_failures(session):
            accounts.check_password(session, body["password"])
    elif now() - session["session_created_at"] > store.FRESH_AGE:
        raise SessionExpired
    accounts.delete_user(session["id"])
    return {"success": True, "message": "User deleted"}, sign_out_headers()


@auth.post("/request-password-reset", tags=["account"])
@auth.body(RequestResetSchema, example={"email": "ada@example.com", "redirectTo": "/new-password"})
@auth.response(200, StatusSchema(), example={"status": True, "message": RESET_REQUESTED})
@raises(ResetDisabled, InvalidRedirectURL, *CROSS_SITE, TooManyRequests, ServiceUnavailable)
def request_password_reset(body: dict[str, str]) -> dict[str, Any]:
    """Request a password reset.

    Mails a link that sets a new password. The response is the same whether the account exists or not.
    """
    mail_url = settings().mail_url
    if mail_url is None:
        raise ResetDisabled
    check_redirect(body.get("redirect_to"), InvalidRedirectURL)
    consume_attempt("reset", settings().rate_limit_reset, body["email"].lower())
    reset.request_reset(body["email"], body.get("redirect_to", f"{settings().public_path}/"), mail_url)
    return {"status": True, "message": RESET_REQUESTED}


@auth.get("/reset-password/<token>", tags=["account"])
@auth.response(302, headers={"Location": {"schema": {"type": "string"}, "required": True}})
@accepts_query_parameter(
    "callbackURL", "The redirect's target: a path, or a URL of a trusted origin.", pattern=REDIRECT
)
@raises(InvalidCallbackURL, ServiceUnavailable)
@partial(document, responses={"default": OTHER_RESPONSE})
def follow_reset_link(token: str) -> tuple[None, HeaderList]:
    """Follow a password reset link.

    Redirects from the mailed link to its `callbackURL`, with `?token=…`, or with `?error=INVALID_TOKEN` if the link is
    unknown, used or expired.
    """
    callback = request.args.get("callbackURL", f"{settings().public_path}/")
    check_redirect(callback, InvalidCallbackURL)
    result = {"token": token} if reset.is_valid_token(token) else {"error": InvalidResetToken.code}
    parts = urlsplit(callback)
    query = "&".join(filter(None, [parts.query, urlencode(result)]))
    return None, [("Location", parts._replace(query=query).geturl())]


@auth.post("/reset-password", tags=["account"])
@auth.body(ResetPasswordSchema, example={"newPassword": "battery staple", "token": examples.RESET_TOKEN})
@auth.response(200, StatusSchema(), example=examples.DONE)
@accepts_query_parameter("token", "The token of the mailed link, unless the body has it.", pattern=RESET_TOKEN)
@raises(InvalidResetToken, *NEW_PASSWORD, *CROSS_SITE, TooManyRequests, ServiceUnavailable)
def reset_password(body: dict[str, str]) -> dict[str, bool]:
    """Reset your password.

    Sets a new password with the token of a mailed link. The link works once, and all your sessions end.
    """
    check_new_password(body["password"], "#/newPassword")
    consume_attempt("reset", settings().rate_limit_reset)
    reset_failures(reset.reset_password(body.get("token") or request.args.get("token", ""), body["password"]))
    return examples.DONE
