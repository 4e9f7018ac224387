"""The tokens of calendar feeds. Pure: no application, no database.

A token names its row, so that the primary key finds it. It is base64url of the secret, the feed's id and the user's id:
an id of an external user may have characters that a path would have to escape.
"""

from __future__ import annotations

import hashlib
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import NamedTuple

SECRET_SIZE = 32
ID_SIZE = 8
TOKEN_PATTERN = re.compile("[A-Za-z0-9_-]{55,394}")
"""The length of a token with a user's id of 1 to 255 characters."""
USER_ID_PATTERN = re.compile(rb"[!-.0-~]{1,255}")


class FeedKey(NamedTuple):
    """What a token says: the user, the feed and its secret."""

    user_id: str
    feed_id: int
    secret: bytes

    @property
    def secret_hash(self) -> bytes:
        """The stored hash of the secret; 256 random bits need no slow hash."""
        return hashlib.sha256(self.secret).digest()


NO_FEED = FeedKey("", 0, b"")
"""A key that no feed has."""


def format_token(key: FeedKey) -> str:
    """Return the token of a feed."""
    raw = key.secret + key.feed_id.to_bytes(ID_SIZE, "big") + key.user_id.encode()
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def parse_token(token: str) -> FeedKey:
    """Return the key of a token, or NO_FEED if the text is not a token."""
    if not TOKEN_PATTERN.fullmatch(token) or len(token) % 4 == 1:
        return NO_FEED
    raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    secret, feed_id, user_id = raw[:SECRET_SIZE], raw[SECRET_SIZE : SECRET_SIZE + ID_SIZE], raw[SECRET_SIZE + ID_SIZE :]
    if not USER_ID_PATTERN.fullmatch(user_id):
        return NO_FEED
    # Signed, as bigint is: any eight bytes are a number that PostgreSQL can compare.
    key = FeedKey(user_id.decode(), int.from_bytes(feed_id, "big", signed=True), secret)
    return key if key.feed_id > 0 and format_token(key) == token else NO_FEED  # a token has one spelling
