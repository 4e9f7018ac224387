"""The routes that change, verify and reset a password, for Better Auth's client."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from flask import request

from todo_api.auth import accounts, examples
from todo_api.auth.blueprint import auth
from todo_api.auth.errors import (
    InvalidCallbackURL,
    InvalidOrigin,
    InvalidPassword,
    InvalidRedirectURL,
    InvalidResetToken,
    MissingOrigin,
    PasswordTooCommon,
    PasswordTooLong,
    PasswordTooShort,
    ResetDisabled,
)
from todo_api.auth.passwords import reset
from todo_api.auth.passwords.policy import check_length, check_new_password
from todo_api.auth.rate_limits import consume_attempt, consume_mail, consume_own_failures, reset_failures
from todo_api.auth.redirects import LOCATION, accepts_callback_url, with_query
from todo_api.auth.schemas.account import StatusSchema
from todo_api.auth.schemas.passwords import (
    RESET_TOKEN,
    ChangedPasswordSchema,
    ChangePasswordSchema,
    RequestResetSchema,
    ResetPasswordSchema,
    VerifyPasswordSchema,
)
from todo_api.auth.sessions import store
from todo_api.auth.sessions.csrf import check_redirect
from todo_api.auth.sessions.responses import HeaderList, opaque_token_headers
from todo_api.auth.sessions.session_guard import session_required
from todo_api.http.documentation import accepts_query_parameter, document, raises
from todo_api.http.errors import ServiceUnavailable, TooManyRequests
from todo_api.http.media_types import PROBLEM_JSON
from todo_api.settings import settings

if TYPE_CHECKING:
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


@auth.post("/verify-password", tags=["account"])
@session_required
@auth.body(VerifyPasswordSchema, example={"password": "correct horse battery"})
@auth.response(200, StatusSchema(), example=examples.DONE)
@raises(InvalidPassword, PasswordTooLong, *CROSS_SITE)
def verify_password(body: dict[str, str], session: Row) -> dict[str, bool]:
    """Verify your password.

    Checks the password of your account and changes nothing. Use it before a page does what its user should confirm.
    """
    check_length(body["password"])
    with consume_own_failures(session):
        accounts.check_password(session, body["password"])
    return examples.DONE


@auth.post("/request-password-reset", tags=["account"])
@auth.body(RequestResetSchema, example={"email": "ada@example.com", "redirectTo": "/new-password"})
@auth.response(200, StatusSchema(), example={"status": True, "message": RESET_REQUESTED})
@raises(ResetDisabled, InvalidRedirectURL, *CROSS_SITE, TooManyRequests, ServiceUnavailable)
def request_password_reset(body: dict[str, str]) -> dict[str, Any]:
    """Request a password reset.

    Mails a link that sets a new password. The response is the same whether the account exists or not.
    """
    if settings().mail_url is None:
        raise ResetDisabled
    check_redirect(body.get("redirect_to"), InvalidRedirectURL)
    consume_mail(body["email"])
    reset.request_reset(body["email"], body.get("redirect_to"))
    return {"status": True, "message": RESET_REQUESTED}


@auth.get("/reset-password/<token>", tags=["account"])
@auth.response(302, headers=LOCATION)
@accepts_callback_url
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
    return None, [("Location", with_query(callback, result))]


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
