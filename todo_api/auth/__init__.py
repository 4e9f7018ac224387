"""Accounts, sessions and tokens: the auth blueprint, and the guard that other packages use."""

from todo_api.auth.blueprint import auth
from todo_api.auth.routes import account, api_keys, sessions, sign_in, tokens

__all__ = ["account", "api_keys", "auth", "sessions", "sign_in", "tokens"]
