"""The routes about social providers. There is none, so they answer as a Better Auth server without providers does.

No request succeeds here, so the OpenAPI document leaves these routes out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import quote, urlencode

import flask
from flask import request

from todo_api.auth.blueprint import auth
from todo_api.auth.errors import InvalidCallbackURL, InvalidOrigin, SessionNotFresh
from todo_api.auth.schemas.social import (
    AccountQuerySchema,
    AccountSelectionSchema,
    CallbackSchema,
    SocialSignInSchema,
    UnlinkAccountSchema,
)
from todo_api.auth.sessions import store
from todo_api.auth.sessions.csrf import check_redirect
from todo_api.auth.sessions.session_guard import session_required
from todo_api.http.errors import Problem
from todo_api.http.responses import empty_response
from todo_api.settings import settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Response

    from todo_api.database.statements import Row


class InvalidErrorCallbackURL(InvalidOrigin, code="INVALID_ERROR_CALLBACK_URL"):
    """The URL to open after a failed sign-in has an origin that is not trusted (open redirect)."""

    detail = "Invalid errorCallbackURL"


class InvalidNewUserCallbackURL(InvalidOrigin, code="INVALID_NEW_USER_CALLBACK_URL"):
    """The URL to open after a sign-up has an origin that is not trusted (open redirect)."""

    detail = "Invalid newUserCallbackURL"


class ProviderNotFound(Problem, status=404, code="PROVIDER_NOT_FOUND"):
    """No social provider is configured."""

    detail = "Provider not found"


class LastAccount(Problem, code="FAILED_TO_UNLINK_LAST_ACCOUNT"):
    """The user has no other way to sign in."""

    detail = "You can't unlink your last account"


class AccountNotFound(Problem, code="ACCOUNT_NOT_FOUND"):
    """The user has no account with this id."""

    detail = "Account not found"


class ProviderNotSupported(Problem, code="PROVIDER_NOT_SUPPORTED"):
    """The account is that of the password, so there are no tokens of a provider."""

    detail = "Provider credential is not supported."


class ProviderNotConfigured(Problem, code="PROVIDER_NOT_CONFIGURED"):
    """The account is that of the password, so there is no profile of a provider."""

    detail = "Account is not associated with a configured social provider."


def rule(path: str, *methods: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add a view without documentation."""

    def decorator(view: Callable[..., Any]) -> Callable[..., Any]:
        flask.Blueprint.add_url_rule(auth, path, view_func=view, methods=methods)
        return view

    return decorator


@rule("/sign-in/social", "POST")
@auth.body(SocialSignInSchema, example={})
def sign_in_social(body: dict[str, str]) -> NoReturn:
    """Refuse to sign in with a provider."""
    refuse_provider(body)


@rule("/link-social", "POST")
@session_required
@auth.body(SocialSignInSchema, example={})
def link_social(body: dict[str, str], **_: Row) -> NoReturn:
    """Refuse to link an account of a provider."""
    refuse_provider(body)


def refuse_provider(body: dict[str, str]) -> NoReturn:
    """Check the URLs of the body, then refuse its provider.

    Raises:
        InvalidCallbackURL, InvalidErrorCallbackURL, InvalidNewUserCallbackURL: 403.
        ProviderNotFound: 404.

    """
    check_redirect(body.get("callback_url"), InvalidCallbackURL)
    check_redirect(body.get("error_callback_url"), InvalidErrorCallbackURL)
    check_redirect(body.get("new_user_callback_url"), InvalidNewUserCallbackURL)
    raise ProviderNotFound


@rule("/unlink-account", "POST")
@session_required
@auth.body(UnlinkAccountSchema, example={})
def unlink_account(_: dict[str, str], session: Row) -> NoReturn:
    """Refuse to unlink an account: each user has only one."""
    if not store.is_fresh(session):
        raise SessionNotFresh
    raise LastAccount


@rule("/get-access-token", "POST")
@session_required
@auth.body(AccountSelectionSchema, example={})
def get_access_token(selection: dict[str, Any], session: Row) -> NoReturn:
    """Refuse to return a provider's access token."""
    raise ProviderNotSupported if is_own(selection, session) else AccountNotFound


@rule("/refresh-token", "POST")
@session_required
@auth.body(AccountSelectionSchema, example={})
def refresh_provider_token(selection: dict[str, Any], session: Row) -> NoReturn:
    """Refuse to refresh a provider's access token."""
    raise ProviderNotSupported if is_own(selection, session) else AccountNotFound


@rule("/account-info", "GET")
@session_required
@auth.query(AccountQuerySchema)
def get_account_info(selection: dict[str, Any], session: Row) -> NoReturn:
    """Refuse to return the profile that a provider has of the user."""
    raise ProviderNotConfigured if is_own(selection, session) else AccountNotFound


def is_own(selection: dict[str, Any], session: Row) -> bool:
    """Return whether the selected account is the user's only one."""
    return bool(selection.get("account_id") == session["id"])


@rule("/callback/<provider>", "GET")
def follow_provider_redirect(provider: str) -> Response:  # noqa: ARG001 - of the route
    """Redirect from a provider to the error page: no sign-in with a provider can have begun."""
    error = "state_mismatch" if request.args.get("state") else "state_not_found"
    return redirect_within_auth(f"error?{urlencode({'error': error})}")


@rule("/callback/<provider>", "POST")
@auth.body(CallbackSchema, accepts="json_or_form", example={})
def post_provider_redirect(body: dict[str, str], provider: str) -> Response:
    """Redirect a provider's form to the same path with a query, as a browser sends no cookie with the form."""
    query = {name: request.args[name] for name in CallbackSchema().fields if name in request.args}
    return redirect_within_auth(f"callback/{quote(provider, safe='')}?{urlencode({**body, **query})}")


def redirect_within_auth(path: str) -> Response:
    """Return a redirect to a path of the auth routes."""
    return empty_response(302, {"Location": f"{settings().public_url}/api/auth/{path}"})
