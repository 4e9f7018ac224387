"""The routes that verify and change an e-mail address, for Better Auth's client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import request

from todo_api.auth import examples
from todo_api.auth.blueprint import auth
from todo_api.auth.errors import InvalidCallbackURL, InvalidOrigin, MissingOrigin, SessionNotFresh
from todo_api.auth.rate_limits import consume_mail
from todo_api.auth.redirects import redirects_to_callback
from todo_api.auth.schemas.account import StatusSchema
from todo_api.auth.schemas.verification import ChangeEmailSchema, SendVerificationSchema, VerifiedEmailSchema
from todo_api.auth.sessions import store
from todo_api.auth.sessions.credentials import opaque_token
from todo_api.auth.sessions.csrf import check_redirect
from todo_api.auth.sessions.responses import HeaderList, opaque_token_headers
from todo_api.auth.sessions.session_guard import current_session, session_required
from todo_api.auth.verification import change_email as changes
from todo_api.auth.verification import verify_email as verifications
from todo_api.auth.verification.errors import (
    ChangeEmailDisabled,
    EmailAlreadyVerified,
    EmailMismatch,
    InvalidLink,
    InvalidUser,
    LinkExpired,
    SameEmail,
    UserAlreadyExists,
    UserNotFound,
    VerificationDisabled,
)
from todo_api.auth.verification.links import link_token, read_token, requires_link_token
from todo_api.http.documentation import optional_credential, raises
from todo_api.http.errors import InvalidParameter, ServiceUnavailable, TooManyRequests
from todo_api.settings import settings

if TYPE_CHECKING:
    from todo_api.auth.verification.link_tokens import LinkClaims
    from todo_api.database.statements import Row

CROSS_SITE = (InvalidOrigin, MissingOrigin)


@auth.post("/send-verification-email", tags=["account"])
@optional_credential
@auth.body(SendVerificationSchema, example={"email": "ada@example.com", "callbackURL": "/welcome"})
@auth.response(200, StatusSchema(), example=examples.DONE)
@raises(
    VerificationDisabled,
    EmailMismatch,
    EmailAlreadyVerified,
    InvalidCallbackURL,
    *CROSS_SITE,
    TooManyRequests,
    ServiceUnavailable,
)
def send_verification_email(body: dict[str, str]) -> dict[str, bool]:
    """Send a verification mail.

    Mails a link that verifies the e-mail address of an account. Without a session, the response is the same whether
    the account exists or not, and whether it is verified or not.
    """
    if settings().mail_url is None:
        raise VerificationDisabled
    check_redirect(body.get("callback_url"), InvalidCallbackURL)
    session = current_session()
    if session and session["email"].lower() != body["email"].lower():
        raise EmailMismatch
    if session and session["email_verified"]:
        raise EmailAlreadyVerified
    consume_mail(body["email"])
    verifications.request_verification(body["email"], body.get("callback_url"))
    return examples.DONE


@auth.get("/verify-email", tags=["account"])
@optional_credential
@redirects_to_callback
@auth.response(200, VerifiedEmailSchema(), example={"status": True, "user": None})
@requires_link_token
@raises(InvalidLink, LinkExpired, UserNotFound, InvalidUser, UserAlreadyExists)
@raises(InvalidParameter, TooManyRequests, ServiceUnavailable)
def verify_email() -> tuple[dict[str, Any], HeaderList]:
    """Follow an e-mail verification link.

    Verifies an e-mail address, or confirms or completes its change. The link works again until it expires, with the
    same result, and opens no session. Redirects to the `callbackURL`, if there is one.
    """
    kind, claims = read_token(link_token(), "verify-email", "confirm-email-change", "change-email")
    if kind == "verify-email":
        verifications.verify_email(claims)
        return {"status": True, "user": None}, []
    session = current_session()
    if session and session["id"] != claims.user_id:
        raise InvalidUser
    if kind == "confirm-email-change":
        changes.confirm_change(claims, request.args.get("callbackURL"))
        return {"status": True}, []
    return {"status": True, "user": changes.change_email(claims)}, own_headers(session, claims)


def own_headers(session: Row | None, claims: LinkClaims) -> HeaderList:
    """Return the headers with the opaque token again, for the session that asked for the change."""
    token = opaque_token() if session and session["session_id"] == claims.session_id else None
    return opaque_token_headers(token, remembered=session["session_remembered"]) if session and token else []


@auth.post("/change-email", tags=["account"])
@session_required
@auth.body(ChangeEmailSchema, example={"newEmail": "ada@example.org", "callbackURL": "/settings"})
@auth.response(200, StatusSchema(), example=examples.DONE)
@raises(ChangeEmailDisabled, SameEmail, SessionNotFresh, InvalidCallbackURL, *CROSS_SITE)
def change_email(body: dict[str, str], session: Row) -> dict[str, bool]:
    """Change your e-mail address.

    Mails a link to your old address if that is verified, then one to the new address. Following the last one changes
    your address and ends your other sessions. The session must be at most one day old. The response does not tell
    whether the new address has an account.
    """
    if settings().mail_url is None:
        raise ChangeEmailDisabled
    check_redirect(body.get("callback_url"), InvalidCallbackURL)
    if body["new_email"].lower() == session["email"].lower():
        raise SameEmail
    if not store.is_fresh(session):
        raise SessionNotFresh
    changes.request_change(session, body["new_email"], body.get("callback_url"))
    return examples.DONE
