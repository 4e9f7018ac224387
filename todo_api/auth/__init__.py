"""Accounts, sessions and tokens: the auth blueprint, and the guard that other packages use."""

from todo_api.auth.blueprint import auth
from todo_api.auth.routes import (
    account,
    api_keys,
    error_page,
    passwords,
    sessions,
    sign_in,
    social,
    token_refresh,
    tokens,
    verification,
)

__all__ = [
    "account",
    "api_keys",
    "auth",
    "error_page",
    "passwords",
    "sessions",
    "sign_in",
    "social",
    "token_refresh",
    "tokens",
    "verification",
]
