"""Password hashes. Pure: no application, no database.

bcrypt reads only the first 72 bytes. So that every character counts, it gets a keyed hash of the whole password (OWASP
Password Storage Cheat Sheet, "pre-hashing"); a prefix marks such hashes. The seed's plain bcrypt hashes still verify.
"""

import base64
import hmac
import unicodedata

import bcrypt
from zxcvbn_rs_py import zxcvbn

LENGTH_MIN = 8
LENGTH_MAX = 128
"""Bounds of a new password, in code points (NIST SP 800-63B-4 section 3.1.1.2)."""

PREFIX = "hmac-sha256$"
PREHASH_KEY = b"todo_api password 1"
"""Makes these pre-hashes differ from SHA-256 hashes leaked elsewhere. It is not a secret and never changes, so that the
service's secret can be rotated without a change to any password."""

BCRYPT_MAX = 72

COMMON_GUESSES = 10_000
"""The estimated guesses up to which a password is common. Some 3,000 such passwords have an allowed length (OWASP ASVS
5.0, 6.2.4)."""


def hash_password(password: str, cost: int) -> str:
    """Return the hash to store; `cost` is the base-2 logarithm of bcrypt's rounds."""
    return PREFIX + bcrypt.hashpw(prehash(password), bcrypt.gensalt(cost)).decode()


def verify_password(password: str, stored: str) -> bool:
    """Return whether the stored hash is of this password."""
    if stored.startswith(PREFIX):
        return bcrypt.checkpw(prehash(password), stored.removeprefix(PREFIX).encode())
    # A plain hash covers 72 bytes only, so it matches no longer password.
    encoded = password.encode()
    return bcrypt.checkpw(encoded[:BCRYPT_MAX], stored.encode()) and len(encoded) <= BCRYPT_MAX


def dummy_hash(cost: int) -> str:
    """Return a hash to verify against if there is no account, so that the response takes as long as with one.

    Its salt and digest are all zeros: it needs no work to make, and no password matches it.
    """
    return f"{PREFIX}$2b${cost:02}${'.' * 53}"


def prehash(password: str) -> bytes:
    """Return 44 ASCII characters that depend on every character of the password in NFC."""
    normalized = unicodedata.normalize("NFC", password).encode()
    return base64.b64encode(hmac.digest(PREHASH_KEY, normalized, "sha256"))


def needs_rehash(stored: str, cost: int) -> bool:
    """Return whether the hash has another format or cost than new ones."""
    return not stored.startswith(f"{PREFIX}$2b${cost:02}$")


def is_common(password: str) -> bool:
    """Return whether zxcvbn estimates that few guesses find the password."""
    return int(zxcvbn(password).guesses) <= COMMON_GUESSES
