"""Sign-up, sign-in and sign-out. A form body speaks the seed's dialect, a JSON body Better Auth's."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from todo_api.api import Blueprint, raises
from todo_api.auth import accounts
from todo_api.auth.errors import EmailTaken, InvalidCredentials
from todo_api.auth.schemas import CredentialsSchema, SignedOutSchema, SignInSchema, SignUpSchema
from todo_api.auth.tokens import issue
from todo_api.clock import now
from todo_api.errors import ServiceUnavailable
from todo_api.settings import settings

if TYPE_CHECKING:
    from sqlalchemy import RowMapping

auth = Blueprint("auth", __name__, url_prefix="/api/auth", description="Accounts and the tokens that open them.")

ACCOUNT = {"email": "ada@example.com", "password": "correct horse battery"}
SIGNED_IN = {
    "user": {
        "id": "5b0e6c0f-3f0a-4a3c-9d55-0c9e5e8f2f11",
        "email": "ada@example.com",
        "name": "Ada",
        "emailVerified": False,
        "image": None,
        "createdAt": "2026-09-20T08:00:00.000Z",
        "updatedAt": "2026-09-20T08:00:00.000Z",
    },
    "token": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.c2lnbmF0dXJl",
    "refresh_token": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.c2lnbmF0dXJl",
    "token_type": "bearer",
    "expires_in": 3600,
    "redirect": False,
}
SIGNED_OUT = {"success": True, "message": "Signed out successfully"}


@auth.post("/sign-up/email")
@auth.body(SignUpSchema, form=True, example={**ACCOUNT, "name": "Ada"})
@auth.response(200, CredentialsSchema(), example=SIGNED_IN)
@raises(EmailTaken, ServiceUnavailable)
def sign_up(account: dict[str, str]) -> dict[str, Any]:
    """Make an account and sign it in.

    The e-mail is one account's, in whatever case. Passwords have 8 to 128 characters of any kind, all of which count.
    """
    return credentials(accounts.sign_up(**account))


@auth.post("/sign-in/email")
@auth.body(SignInSchema, form=True, example=ACCOUNT)
@auth.response(200, CredentialsSchema(), example=SIGNED_IN)
@raises(InvalidCredentials, ServiceUnavailable)
def sign_in(account: dict[str, str]) -> dict[str, Any]:
    """Sign in with e-mail and password.

    An unknown e-mail and a wrong password get the same answer after the same time.
    """
    return credentials(accounts.authenticate(**account))


@auth.post("/sign-out")
@auth.response(200, SignedOutSchema(), example=SIGNED_OUT)
def sign_out() -> dict[str, Any]:
    """Sign out: the client forgets its tokens."""
    return SIGNED_OUT


def credentials(user: RowMapping) -> dict[str, Any]:
    """Return the user with an access and a refresh token."""
    config = settings()
    token = partial(issue, user["id"], user["email"], secret=config.better_auth_secret, now=now())
    return {
        "user": user,
        "token": token("access", ttl=config.access_token_ttl),
        "refresh_token": token("refresh", ttl=config.refresh_token_ttl),
        "token_type": "bearer",
        "expires_in": int(config.access_token_ttl.total_seconds()),
        "redirect": False,
    }
