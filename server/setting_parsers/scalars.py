"""How the text of a setting is read. Each reader returns the value or raises ValueError, saying what is wrong."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import psycopg2
from psycopg2.extensions import parse_dsn

if TYPE_CHECKING:
    from collections.abc import Callable

SECRET_MIN = 32
"""Bytes of an HS256 key (RFC 7518 section 3.2, RFC 8725 section 3.5)."""

DATABASE_HINT = "such as postgresql://user:password@localhost:5432/todo_db"
SECRET_HINT = "make one with: openssl rand -hex 32"  # noqa: S105 - advice, not a secret
ASYMMETRIC = frozenset({"EdDSA", "ES256", "ES384", "ES512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})


def secret(text: str) -> str:
    """Read a signing secret of at least `SECRET_MIN` bytes."""
    if (size := len(text.encode())) < SECRET_MIN:
        message = f"is {size} bytes long, must be at least {SECRET_MIN} ({SECRET_HINT})"
        raise ValueError(message)
    return text


def integer(least: int, most: int) -> Callable[[str], int]:
    """Return a reader of whole numbers from `least` to `most`."""

    def read(text: str) -> int:
        if not (re.fullmatch(r"[0-9]{1,9}", text) and least <= int(text) <= most):
            message = f"must be a whole number from {least} to {most}, not {text!r}"
            raise ValueError(message)
        return int(text)

    return read


def minutes(text: str) -> timedelta:
    """Read a lifetime in minutes, up to a year."""
    return timedelta(minutes=integer(1, 525_600)(text))


def seconds(text: str) -> timedelta:
    """Read a span in seconds, up to an hour."""
    return timedelta(seconds=integer(0, 3_600)(text))


def days(text: str) -> timedelta:
    """Read a lifetime in days, up to ten years."""
    return timedelta(days=integer(1, 3_650)(text))


def database_url(text: str) -> str:
    """Read a PostgreSQL URL as people write it, and name the driver that SQLAlchemy is to use for it."""
    scheme, _, rest = text.partition("://")
    if rest.partition("/")[0].count("@") > 1:
        message = "has an @ in user or password; percent-encode it as %40"
        raise ValueError(message)
    if scheme not in {"postgres", "postgresql", "postgresql+psycopg2"} or not rest:
        message = f"must be a PostgreSQL URL ({DATABASE_HINT})"
        raise ValueError(message)
    try:
        parse_dsn(f"postgresql://{rest}")
        urlsplit(f"postgresql://{rest}").port  # noqa: B018 - raises for several hosts, which SQLAlchemy cannot take
    except ValueError:
        raise ValueError("must name one host, and a port that is a number") from None
    except psycopg2.ProgrammingError as error:
        # libpq quotes the part that it could not read, and that part may be the password.
        reason = re.sub(r'".*"', "…", str(error).strip().removeprefix("invalid dsn: "))
        message = f"is not a URL that PostgreSQL understands: {reason} (percent-encode special characters)"
        raise ValueError(message) from None
    return f"postgresql+psycopg2://{rest}"


def json_list(text: str, example: str) -> list[Any]:
    """Read a JSON list."""
    try:
        listed = json.loads(text)
    except (ValueError, RecursionError):
        listed = None
    if not isinstance(listed, list):
        message = f"must be a JSON list such as {example}, not {text[:80]!r}"
        raise ValueError(message)  # noqa: TRY004 - a reader's one way to refuse a text is ValueError
    return listed


def origins(text: str) -> tuple[str, ...]:
    """Read a JSON list of web origins (RFC 6454): scheme, host and port, nothing more."""
    return tuple(origin(item) for item in json_list(text, '["http://localhost:3000"]'))


LABEL = "[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
ORIGIN = re.compile(rf"(https?)://(?:{LABEL}(?:\.{LABEL})*|\[[0-9a-f:.]+\])(?::([1-9][0-9]{{0,4}}))?")
DEFAULT_PORTS = {"http": "80", "https": "443"}
PORT_MAX = 65_535


def origin(item: object) -> str:
    """Check one origin and return it in lower case, as browsers send it."""
    text = str(item).lower()
    parts = ORIGIN.fullmatch(text)
    if parts is None or int(parts[2] or 0) > PORT_MAX or parts[2] == DEFAULT_PORTS[parts[1]]:
        message = (
            f"holds {item!r}, which is no origin such as https://app.example.com or http://localhost:3000"
            " (no path, no slash, no *, no default port; other scripts as xn--…)"
        )
        raise ValueError(message)
    return text


def url(text: str) -> str:
    """Read an absolute http or https URL, and return it without a closing slash."""
    try:
        parts = urlsplit(text)
        sound = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        sound = False
    if not sound or re.search(r"[@?#\s]", text):
        message = f"must be a URL such as https://todo.example.com, not {text!r}"
        raise ValueError(message)
    return text.rstrip("/")


def algorithms(text: str) -> tuple[str, ...]:
    """Read a JSON list of asymmetric JWS algorithms (RFC 7518 section 3.1, RFC 8037)."""
    listed = json_list(text, '["EdDSA"]')
    if not listed or not all(item in ASYMMETRIC for item in map(str, listed)):
        message = f"must be a list of some of {', '.join(sorted(ASYMMETRIC))}, not {text!r}"
        raise ValueError(message)
    return tuple(listed)


def boolean(text: str) -> bool:
    """Read true or false."""
    return choice("true", "false")(text) == "true"


def choice(*values: str) -> Callable[[str], str]:
    """Return a reader of one of some words."""

    def read(text: str) -> str:
        if text.lower() not in values:
            message = f"must be {' or '.join(values)}, not {text!r}"
            raise ValueError(message)
        return text.lower()

    return read
