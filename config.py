"""The service's configuration: every setting, its default and its checks.

A setting is one field of `Config`; what the environment calls it and how its text is read stand beside its default.
"""

from __future__ import annotations

import json
import re
from dataclasses import MISSING, Field, dataclass, field, fields
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import psycopg2
from psycopg2.extensions import parse_dsn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

THREADS = 4
"""Requests that one worker process serves at a time, and so the database connections that one of its pools needs."""

SECRET_MIN = 32
"""Bytes of an HS256 key (RFC 7518 section 3.2, RFC 8725 section 3.5)."""

PLACEHOLDER_SECRET = "your-secret-key-here-generate-with-openssl-rand-hex-32"  # noqa: S105 - the one everybody knows
MAKE_A_SECRET = "make one with: openssl rand -hex 32"  # noqa: S105 - advice, not a secret


class ConfigError(SystemExit):
    """All faults of a configuration, one line each; uncaught, it ends the process with them on standard error."""

    def __init__(self, faults: list[str]) -> None:
        """Take the faults, each as `NAME: what is wrong`."""
        super().__init__("\n".join(["The configuration cannot be used:", *(f"  {fault}" for fault in faults)]))
        self.faults = faults


def secret(text: str) -> str:
    """Read a signing secret of at least `SECRET_MIN` bytes."""
    if (size := len(text.encode())) < SECRET_MIN:
        message = f"is {size} bytes long, must be at least {SECRET_MIN} ({MAKE_A_SECRET})"
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


def days(text: str) -> timedelta:
    """Read a lifetime in days, up to ten years."""
    return timedelta(days=integer(1, 3_650)(text))


def database_url(text: str) -> str:
    """Read a PostgreSQL URL as people write it, and name the driver that SQLAlchemy is to use for it."""
    scheme, _, rest = text.partition("://")
    if scheme not in {"postgres", "postgresql", "postgresql+psycopg2"} or not rest:
        message = "must be a PostgreSQL URL such as postgresql://user:password@localhost:5432/todo_db"
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


def origins(text: str) -> tuple[str, ...]:
    """Read a JSON list of web origins (RFC 6454): scheme, host and port, nothing more."""
    try:
        listed = json.loads(text)
    except (ValueError, RecursionError):
        listed = None
    if not isinstance(listed, list):
        message = f'must be a JSON list such as ["http://localhost:3000"], not {text[:80]!r}'
        raise ValueError(message)  # noqa: TRY004 - a reader's one way to refuse a text is ValueError
    return tuple(origin(item) for item in listed)


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


def setting(name: str, read: Callable[[str], Any], **default: Any) -> Any:
    """Declare a field that is read from the environment variable `name`."""
    return field(metadata={"name": name, "read": read}, **default)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What the service is told from outside. Durations are `timedelta`; `database_url` is SQLAlchemy's."""

    better_auth_secret: str = setting("BETTER_AUTH_SECRET", secret, repr=False)
    database_url: str = setting("DATABASE_URL", database_url, repr=False)
    app_name: str = setting("APP_NAME", str, default="Todo API")
    environment: str = setting("ENVIRONMENT", str, default="development")
    access_token_ttl: timedelta = setting("ACCESS_TOKEN_EXPIRE_MINUTES", minutes, default=timedelta(minutes=60))
    refresh_token_ttl: timedelta = setting("REFRESH_TOKEN_EXPIRE_DAYS", days, default=timedelta(days=30))
    cors_origins: tuple[str, ...] = setting("CORS_ORIGINS", origins, default=("http://localhost:3000",))
    bcrypt_cost: int = setting("BCRYPT_COST", integer(4, 16), default=12)
    host: str = setting("HOST", str, default="127.0.0.1")
    port: int = setting("PORT", integer(1, PORT_MAX), default=8000)
    web_concurrency: int | None = setting("WEB_CONCURRENCY", integer(1, 1_000), default=None)

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Config:
        """Read every setting; an empty variable counts as absent.

        Raises:
            ConfigError: naming every fault at once.

        """
        values: dict[str, Any] = {}
        faults: list[str] = []
        for declared in fields(cls):
            try:
                values |= read_setting(declared, environ)
            except ValueError as error:
                faults.append(f"{declared.metadata['name']}: {error}")
        placeholder = values.get("better_auth_secret") == PLACEHOLDER_SECRET
        if placeholder and values.get("environment", "development") != "development":
            faults.append(f"BETTER_AUTH_SECRET: is the example's placeholder ({MAKE_A_SECRET})")
        if faults:
            raise ConfigError(faults)
        return cls(**values)


def read_setting(declared: Field[Any], environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the field's name and value where the environment sets it.

    Raises:
        ValueError: saying what is wrong with the text, or that a setting without default is absent.

    """
    text = environ.get(declared.metadata["name"], "").strip()
    if text:
        return {declared.name: declared.metadata["read"](text)}
    if declared.default is MISSING:
        message = "is not set; .env.example shows one"
        raise ValueError(message)
    return {}
