"""The tokens of feeds: one spelling, for every id of a user."""

from __future__ import annotations

from base64 import urlsafe_b64encode

import pytest

from todo_api.tasks.feeds.tokens import NO_FEED, TOKEN_PATTERN, FeedKey, format_token, parse_token

SECRET = bytes(range(32))
KEY = FeedKey("5b0e6c0f-3f0a-4a3c-9d55-0c9e5e8f2f11", 7, SECRET)
TOKEN = format_token(KEY)


@pytest.mark.parametrize("user_id", [KEY.user_id, "a", "ab", "auth0|1_2", "%2F.~", "x" * 255])
@pytest.mark.parametrize("feed_id", [1, 2**63 - 1])
def test_a_token_has_its_key_and_the_characters_of_a_path(user_id: str, feed_id: int) -> None:
    key = FeedKey(user_id, feed_id, SECRET)
    token = format_token(key)
    assert TOKEN_PATTERN.fullmatch(token)
    assert parse_token(token) == key


def spelled(secret: bytes = SECRET, feed_id: bytes = bytes(7) + b"\7", user_id: bytes = b"ada") -> str:
    return urlsafe_b64encode(secret + feed_id + user_id).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        TOKEN[:-1],
        TOKEN + "A",
        TOKEN + "=",
        f"{TOKEN} ",
        f"{TOKEN}\n",
        f"-{TOKEN}",
        TOKEN.replace("A", "\N{CYRILLIC CAPITAL LETTER A}", 1),
        "+" + TOKEN[1:],
        spelled(user_id=b""),
        spelled(user_id=b"x" * 256),
        spelled(user_id=b"a\0b"),
        spelled(user_id=b"a/b"),
        spelled(user_id="é".encode()),
        spelled(user_id=b"\xff"),
        spelled(feed_id=bytes(8)),
        spelled(feed_id=b"\xff" * 8),
        "A" * 57,
        "A" * 100_000,
    ],
    ids=lambda text: text[:20],
)
def test_another_text_is_no_token(text: str) -> None:
    assert parse_token(text) == NO_FEED


@pytest.mark.parametrize("user_id", ["a", "ab", "abc"])
def test_each_token_has_one_spelling(user_id: str) -> None:
    """The last character of base64 may have unused bits, which decoders ignore."""
    key = FeedKey(user_id, 7, SECRET)
    token = format_token(key)
    accepted = [end for end in map(chr, range(128)) if parse_token(token[:-1] + end) == key]
    assert accepted == [token[-1]]
