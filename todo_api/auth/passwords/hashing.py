"""Passwords and their hashes. Pure: no application, no database.

bcrypt reads 72 bytes and stops at nothing beyond; so that every character counts, it is given a keyed hash of the
whole password (OWASP Password Storage Cheat Sheet, "pre-hashing"), marked by a prefix. Bare bcrypt hashes, as the seed
stored them, still verify.
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
"""Keeps our pre-hashes apart from bare SHA-256 values found elsewhere. It is no secret and never changes, so that the
service's secret can be rotated without touching a password."""

BCRYPT_MAX = 72

COMMON_GUESSES = 10_000
"""Passwords that a guesser who tries the likeliest first has behind him by then, of which some 3,000 fit our lengths
(OWASP ASVS 5.0, 6.2.4)."""


def hash_password(password: str, cost: int) -> str:
    """Return the hash to store; `cost` is the base-2 logarithm of bcrypt's rounds."""
    return PREFIX + bcrypt.hashpw(prehash(password), bcrypt.gensalt(cost)).decode()


def verify_password(password: str, stored: str) -> bool:
    """Tell whether the password is the one that was hashed."""
    if stored.startswith(PREFIX):
        return bcrypt.checkpw(prehash(password), stored.removeprefix(PREFIX).encode())
    # Beyond 72 bytes a bare hash knows nothing, so that it cannot say yes.
    whole = password.encode()
    return bcrypt.checkpw(whole[:BCRYPT_MAX], stored.encode()) and len(whole) <= BCRYPT_MAX


def dummy_hash(cost: int) -> str:
    """Return a hash to verify against where there is no account, so that the answer takes as long as with one.

    Its salt and digest are all zeros, so that it takes no work to make and opens to no password.
    """
    return f"{PREFIX}$2b${cost:02}${'.' * 53}"


def prehash(password: str) -> bytes:
    """Return 44 ASCII characters that depend on every character of the password in NFC."""
    normal = unicodedata.normalize("NFC", password).encode()
    return base64.b64encode(hmac.digest(PREHASH_KEY, normal, "sha256"))


def is_current(stored: str, cost: int) -> bool:
    """Tell whether the hash is of today's making, rather than the seed's or another cost's."""
    return stored.startswith(f"{PREFIX}$2b${cost:02}$")


def is_common(password: str) -> bool:
    """Tell whether the password is among the first that are tried."""
    return int(zxcvbn(password).guesses) <= COMMON_GUESSES
