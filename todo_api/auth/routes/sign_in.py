"""The routes of sign-up, sign-in and sign-out. Forms are the seed's dialect, JSON bodies Better Auth's."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import jwt
from email_validator import EmailNotValidError
from werkzeug.urls import iri_to_uri

from server.logging import bind_context
from todo_api.auth import accounts, examples
from todo_api.auth.blueprint import auth
from todo_api.auth.errors import (
    CrossSiteLogin,
    EmailNotVerified,
    EmailTaken,
    InvalidCallbackURL,
    InvalidCredentials,
    InvalidEmail,
    InvalidOrigin,
    InvalidScheme,
    MissingOrigin,
    PasswordTooCommon,
    PasswordTooLong,
    PasswordTooShort,
)
from todo_api.auth.passwords.policy import check_length
from todo_api.auth.rate_limits import consume_attempt, consume_failures, consume_mail, failure_subject
from todo_api.auth.schemas.account import OkSchema, SuccessSchema
from todo_api.auth.schemas.sign_in import (
    CredentialsSchema,
    SignedUpSchema,
    SignInSchema,
    SignUpSchema,
    normalize_email,
)
from todo_api.auth.sessions import store
from todo_api.auth.sessions.credentials import bearer_token
from todo_api.auth.sessions.csrf import check_redirect
from todo_api.auth.sessions.responses import (
    HeaderList,
    opaque_token_headers,
    sign_out_headers,
    token_response,
)
from todo_api.auth.sessions.session_guard import current_session
from todo_api.auth.tokens.session_tokens import verify
from todo_api.auth.verification import verify_email
from todo_api.http.documentation import optional_credential, raises
from todo_api.http.errors import ServiceUnavailable, TooManyRequests
from todo_api.settings import settings

if TYPE_CHECKING:
    from todo_api.auth.accounts import SignedIn

CROSS_SITE = (InvalidOrigin, MissingOrigin, CrossSiteLogin, InvalidCallbackURL)


@auth.post("/sign-up/email")
@auth.body(SignUpSchema, accepts="json_or_form", example={**examples.ACCOUNT, "name": "Ada"})
@auth.response(200, SignedUpSchema(), example=examples.SIGNED_IN)
@raises(
    EmailTaken, PasswordTooShort, PasswordTooLong, PasswordTooCommon, *CROSS_SITE, TooManyRequests, ServiceUnavailable
)
def sign_up(account: dict[str, Any]) -> tuple[dict[str, Any], HeaderList]:
    """Sign up with e-mail and password.

    Creates an account and opens its first session. An e-mail address belongs to one account, in any case. A password
    has 8 to 128 characters, and all of them count. The session comes as an access JWT (`token`), as an opaque token
    (header `set-auth-token`) and as a cookie; each of them opens the same session.

    If the service requires a verified e-mail address, `token` is `null`, no session opens, and a mail with a link to
    verify the address is on its way. The response is then the same for an address that has an account.
    """
    callback_url = account.pop("callback_url", None)
    check_redirect(callback_url, InvalidCallbackURL)
    consume_attempt("sign-up", settings().rate_limit_sign_up, account["email"].lower())
    remembered = account.pop("remembered", True)
    if settings().require_email_verification:
        return {"token": None, "user": verify_email.sign_up(account, callback_url)}, []
    return sign_in_response(accounts.sign_up(account, remembered=remembered))


@auth.post("/sign-in/email")
@auth.body(SignInSchema, accepts="json_or_form", example=examples.ACCOUNT)
@auth.response(200, CredentialsSchema(), example=examples.SIGNED_IN)
@raises(
    InvalidCredentials,
    EmailNotVerified,
    InvalidEmail,
    PasswordTooLong,
    *CROSS_SITE,
    TooManyRequests,
    ServiceUnavailable,
)
def sign_in(account: dict[str, Any]) -> tuple[dict[str, Any], HeaderList]:
    """Sign in with e-mail and password.

    Opens a session and returns its tokens. An unknown address and a wrong password get the same response after the same
    time. With `rememberMe: false` the session lasts one day at most. A `callbackURL` is returned as `url`, for the
    client to go to. If the service requires a verified e-mail address and this one is not, no session opens, and the
    service mails the link again.
    """
    callback_url = account.pop("callback_url", None)
    check_redirect(callback_url, InvalidCallbackURL)
    try:
        email = normalize_email(account["email"])
    except EmailNotValidError as error:
        raise InvalidEmail([("#/email", f"Invalid email address: {error}")]) from None
    check_length(account["password"])
    remembered = account.pop("remembered", True)
    try:
        with consume_failures("sign-in", settings().rate_limit_sign_in, failure_subject(email, current_session())):
            signed_in = accounts.sign_in(email, account["password"], remembered=remembered)
    except EmailNotVerified:
        with suppress(TooManyRequests):
            consume_mail(email)
            verify_email.request_verification(email, callback_url)
        raise
    body, headers = sign_in_response(signed_in)
    if callback_url is None:
        return body, headers
    return {**body, "redirect": True, "url": callback_url}, [*headers, ("Location", iri_to_uri(callback_url))]


@auth.post("/sign-out")
@optional_credential
@auth.response(200, SuccessSchema(), example=examples.SIGNED_OUT)
@raises(InvalidOrigin, MissingOrigin, ServiceUnavailable)
def sign_out() -> tuple[dict[str, Any], HeaderList]:
    """Sign out.

    Ends the session for all its credentials, at once and on every server. The response is the same without a session.
    """
    session = current_session()
    ids = (session["session_user_id"], session["session_id"]) if session else expired_token_session()
    if ids:
        store.end_session(*ids)
    return examples.SIGNED_OUT, sign_out_headers()


@auth.get("/ok")
@auth.response(200, OkSchema(), example={"ok": True})
def check_auth() -> dict[str, bool]:
    """Check the auth routes.

    Better Auth's client uses it to check that the auth routes exist. It checks nothing else.
    """
    return {"ok": True}


def expired_token_session() -> tuple[str, str] | None:
    """Return the user id and session id of an expired access token, so that a late sign-out still ends the session."""
    try:
        claims = verify(bearer_token() or "", "access", secrets=settings().secrets, allow_expired=True)
    except (jwt.InvalidTokenError, InvalidScheme):
        return None
    bind_context(user=claims.subject)
    return claims.subject, claims.session_id


def sign_in_response(signed_in: SignedIn) -> tuple[dict[str, Any], HeaderList]:
    """Return the body and headers of a response to a sign-in."""
    user, session = signed_in
    return token_response(user, session.id), opaque_token_headers(session.token, remembered=session.remembered)
