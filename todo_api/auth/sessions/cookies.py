"""The session cookie and the signature that it shares with `set-auth-token`, as Better Auth makes them. Pure."""

from __future__ import annotations

import base64
import hmac
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

if TYPE_CHECKING:
    from collections.abc import Sequence

SESSION = "better-auth.session_token"
DONT_REMEMBER = "better-auth.dont_remember"
SESSION_DATA = "better-auth.session_data"
SECURE_PREFIX = "__Secure-"


def signature(value: str, secret: str) -> str:
    """Return the standard base64, padded, of HMAC-SHA256 over the value."""
    return base64.b64encode(hmac.digest(secret.encode(), value.encode(), "sha256")).decode()


def sign(value: str, secret: str) -> str:
    """Return `value.signature`."""
    return f"{value}.{signature(value, secret)}"


def unsign(signed: str, secrets: Sequence[str]) -> str | None:
    """Return the value that one of the secrets signed, from either form, plain or URL-encoded."""
    value, _, given = unquote(signed).rpartition(".")
    valid = (signature(value, secret) for secret in secrets)
    return value if any(hmac.compare_digest(expected.encode(), given.encode()) for expected in valid) else None


def encode(signed: str) -> str:
    """Return the signed value as it stands in a cookie, like JavaScript's encodeURIComponent."""
    return quote(signed, safe="!'()*")


def name(plain: str, *, secure: bool) -> str:
    """Return the name under which a cookie is set; `__Secure-` keeps plain http from overwriting it (RFC 6265bis)."""
    return f"{SECURE_PREFIX}{plain}" if secure else plain
