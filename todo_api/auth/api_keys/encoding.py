"""The text of an API key. Pure: no application, no database.

`todo_`, then in base62: the user's UUID (22 characters), the key's id (11), a secret of 256 bits (43) and the CRC-32 of
all before it (6). The prefix lets scanners find a leaked key, and the checksum rejects a mistyped one without the
database. User and id name the row, so that the primary key finds it.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import string
import zlib
from typing import NamedTuple
from uuid import UUID

PREFIX = "todo_"
DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
VALUES = {digit: value for value, digit in enumerate(DIGITS)}

USER_LENGTH, ID_LENGTH, SECRET_LENGTH, CHECKSUM_LENGTH = 22, 11, 43, 6
USER_BITS, ID_BITS, SECRET_BITS = 128, 64, 256
PATTERN = re.compile(
    f"({PREFIX}([0-9A-Za-z]{{{USER_LENGTH}}})([0-9A-Za-z]{{{ID_LENGTH}}})[0-9A-Za-z]{{{SECRET_LENGTH}}})"
    f"([0-9A-Za-z]{{{CHECKSUM_LENGTH}}})",
)


class ParsedKey(NamedTuple):
    """The user and the id that a key names, and the hash of the whole key."""

    user_id: str
    id: str
    hash: bytes


def new_key(user_id: str) -> tuple[str, ParsedKey]:
    """Return a new key of a local account, whose id is a UUID, and what the key names."""
    key_id = encode(secrets.randbits(ID_BITS), ID_LENGTH)
    unchecked = f"{start(user_id, key_id)}{encode(secrets.randbits(SECRET_BITS), SECRET_LENGTH)}"
    key = f"{unchecked}{checksum(unchecked)}"
    return key, ParsedKey(user_id, key_id, key_hash(key))


def parse(key: str) -> ParsedKey | None:
    """Return what a key names, or None if it is not well-formed. Its row may be missing."""
    match = PATTERN.fullmatch(key)
    if match is None or checksum(match[1]) != match[4]:
        return None
    user = decode(match[2])
    if user >> USER_BITS:
        return None
    return ParsedKey(str(UUID(int=user)), match[3], key_hash(key))


def key_hash(key: str) -> bytes:
    """Return the stored hash of a key; 256 random bits need no slow hash."""
    return hashlib.sha256(key.encode()).digest()


def start(user_id: str, key_id: str) -> str:
    """Return the beginning of a key: all before its secret."""
    return f"{PREFIX}{encode(UUID(user_id).int, USER_LENGTH)}{key_id}"


def checksum(text: str) -> str:
    """Return the CRC-32 of a text."""
    return encode(zlib.crc32(text.encode()), CHECKSUM_LENGTH)


def encode(number: int, length: int) -> str:
    """Return a number in base62 with so many digits."""
    digits = ""
    for _ in range(length):
        number, value = divmod(number, len(DIGITS))
        digits = DIGITS[value] + digits
    return digits


def decode(digits: str) -> int:
    """Return the number of a text in base62."""
    number = 0
    for digit in digits:
        number = number * len(DIGITS) + VALUES[digit]
    return number
