"""The cookies of a session, and the signature of cookies and `set-auth-token`, as in Better Auth. Pure."""

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
    """Return the value of a signed text, plain or URL-encoded, if one of the secrets signed it."""
    value, _, actual = unquote(signed).rpartition(".")
    expected = (signature(value, secret) for secret in secrets)
    return value if any(hmac.compare_digest(each.encode(), actual.encode()) for each in expected) else None


def encode(signed: str) -> str:
    """Return the signed value encoded for a cookie, like JavaScript's encodeURIComponent."""
    return quote(signed, safe="!'()*")


def cookie_name(name: str, *, secure: bool) -> str:
    """Return the name to set a cookie by. `__Secure-` keeps plain http from overwriting the cookie (RFC 6265bis)."""
    return f"{SECURE_PREFIX}{name}" if secure else name
