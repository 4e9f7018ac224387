"""Encryption of saved responses that contain a secret: the database has nothing that gives access to tasks."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from functools import cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from todo_api.settings import settings

INFO = b"todo_api saved responses 1"
"""Makes this key differ from other keys derived from the secret (RFC 5869 section 3.2)."""
KEY_SIZE = 32


@cache
def fernet(secrets: tuple[str, ...]) -> MultiFernet:
    """Return the cipher. The key of the first secret encrypts; those of all secrets decrypt."""
    keys = (HKDF(SHA256(), KEY_SIZE, salt=None, info=INFO).derive(secret.encode()) for secret in secrets)
    return MultiFernet([Fernet(urlsafe_b64encode(key)) for key in keys])


def encrypt(text: str) -> str:
    """Return the encrypted text."""
    return fernet(settings().secrets).encrypt(text.encode()).decode()


def decrypt(text: str) -> str | None:
    """Return the text, or None if it was encrypted under a secret that is no longer accepted."""
    try:
        return fernet(settings().secrets).decrypt(text.encode()).decode()
    except InvalidToken:
        return None
