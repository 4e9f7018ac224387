"""Parsers of secrets, numbers, durations, choices and lists of algorithms."""

from __future__ import annotations

import json
import math
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

SECRET_MIN = 32
"""Bytes of an HS256 key (RFC 7518 section 3.2, RFC 8725 section 3.5)."""

SECRET_HINT = "make one with: openssl rand -hex 32"  # noqa: S105 - advice, not a secret
ASYMMETRIC = frozenset({"EdDSA", "ES256", "ES384", "ES512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})


def secret(text: str) -> str:
    """Parse a signing secret of at least `SECRET_MIN` bytes."""
    if (size := len(text.encode())) < SECRET_MIN:
        raise ValueError(f"is {size} bytes long, must be at least {SECRET_MIN} ({SECRET_HINT})")
    return text


def integer(minimum: int, maximum: int) -> Callable[[str], int]:
    """Return a parser of whole numbers from `minimum` to `maximum`."""

    def parse(text: str) -> int:
        if not (re.fullmatch(r"[0-9]{1,9}", text) and minimum <= int(text) <= maximum):
            raise ValueError(f"must be a whole number from {minimum} to {maximum}, not {text!r}")
        return int(text)

    return parse


def positive_number(text: str) -> float:
    """Parse a finite number above 0."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise ValueError(f"must be a number above 0, such as 1 or 1000, not {text!r}")
    return number


def seconds(text: str) -> timedelta:
    """Parse seconds, up to an hour."""
    return timedelta(seconds=integer(0, 3_600)(text))


def minutes(text: str) -> timedelta:
    """Parse minutes, up to a year."""
    return timedelta(minutes=integer(1, 525_600)(text))


def days(text: str) -> timedelta:
    """Parse days, up to ten years."""
    return timedelta(days=integer(1, 3_650)(text))


def choice(*values: str) -> Callable[[str], str]:
    """Return a parser of one of the words, in upper or lower case."""

    def parse(text: str) -> str:
        if text.lower() not in values:
            raise ValueError(f"must be {' or '.join(values)}, not {text!r}")
        return text.lower()

    return parse


def boolean(text: str) -> bool:
    """Parse true or false."""
    return choice("true", "false")(text) == "true"


def json_list(text: str, example: str) -> list[Any]:
    """Parse a JSON list."""
    try:
        items = json.loads(text)
    except (ValueError, RecursionError):
        items = None
    if not isinstance(items, list):
        raise ValueError(f"must be a JSON list such as {example}, not {text[:80]!r}")  # noqa: TRY004 - see __init__.py
    return items


def algorithms(text: str) -> tuple[str, ...]:
    """Parse a JSON list of asymmetric JWS algorithms (RFC 7518 section 3.1, RFC 8037)."""
    items = json_list(text, '["EdDSA"]')
    if not items or not all(item in ASYMMETRIC for item in map(str, items)):
        raise ValueError(f"must be a list of some of {', '.join(sorted(ASYMMETRIC))}, not {text!r}")
    return tuple(items)
