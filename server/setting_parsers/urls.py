"""Parsers of URLs and web origins."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

import psycopg2
from psycopg2.extensions import parse_dsn

from server.setting_parsers.scalars import json_list

if TYPE_CHECKING:
    from collections.abc import Mapping

DATABASE_HINT = "such as postgresql://user:password@localhost:5432/todo_db"

LABEL = "[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
ORIGIN = re.compile(rf"(https?)://(?:{LABEL}(?:\.{LABEL})*|\[[0-9a-f:.]+\])(?::([1-9][0-9]{{0,4}}))?")
DEFAULT_PORTS = {"http": "80", "https": "443"}
PORT_MAX = 65_535


def url(text: str) -> str:
    """Parse an absolute http or https URL. Return it without a trailing slash."""
    try:
        parts = urlsplit(text)
        valid = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        valid = False
    if not valid or re.search(r"[@?#\s]", text):
        raise ValueError(f"must be a URL such as https://todo.example.com, not {text!r}")
    return text.rstrip("/")


def origins(text: str) -> tuple[str, ...]:
    """Parse a JSON list of web origins (RFC 6454): scheme, host and port, nothing more."""
    return tuple(origin(item) for item in json_list(text, '["http://localhost:3000"]'))


def origin(item: object) -> str:
    """Return one origin in lower case, as browsers send it."""
    text = str(item).lower()
    parts = ORIGIN.fullmatch(text)
    if parts is None or int(parts[2] or 0) > PORT_MAX or parts[2] == DEFAULT_PORTS[parts[1]]:
        raise ValueError(
            f"has {item!r}, which is not an origin such as https://app.example.com or http://localhost:3000"
            " (no path, no slash, no *, no default port; international names as xn--…)"
        )
    return text


def postgresql_url(text: str) -> str:
    """Parse a PostgreSQL URL, of several hosts too (libpq's form). Return it with the driver that SQLAlchemy is to use.

    No message repeats the text, because it may hold a password.
    """
    scheme, _, rest = text.partition("://")
    if rest.partition("/")[0].count("@") > 1:
        raise ValueError("has an @ in user or password; percent-encode it as %40")
    if scheme not in {"postgres", "postgresql", "postgresql+psycopg2"} or not rest:
        raise ValueError(f"must be a PostgreSQL URL ({DATABASE_HINT})")
    try:
        dsn = parse_dsn(f"postgresql://{rest}")
    except psycopg2.ProgrammingError as error:
        # libpq quotes the part that it cannot parse. That part may be the password.
        reason = re.sub(r'".*"', "…", str(error).strip().removeprefix("invalid dsn: "))
        message = f"is not a URL that PostgreSQL understands: {reason} (percent-encode special characters)"
        raise ValueError(message) from None
    ports = dsn.get("port", "").split(",")
    hosts = dsn.get("host", "").split(",")
    if not all(map(is_port, ports)):
        raise ValueError(f"must name ports that are numbers from 1 to {PORT_MAX}")
    if len(ports) != len(hosts) and "port" in dsn:
        raise ValueError("must name a port for each host, or none")
    return f"postgresql+psycopg2://{hosts_in_query(rest, dsn)}"


def primary_url(text: str) -> str:
    """Parse the PostgreSQL URL of a database that is written to: of several hosts, the one that accepts writes.

    Without `target_session_attrs`, libpq would connect to the first host that responds, which may be a standby.
    """
    parsed, target = with_target(text, "read-write")
    if target not in {None, "read-write", "primary"}:
        raise ValueError("must have target_session_attrs=read-write with several hosts, as any other may be a standby")
    return parsed


def replica_url(text: str) -> str:
    """Parse the PostgreSQL URL of a replica: of several hosts, a standby if one responds."""
    return with_target(text, "prefer-standby")[0]


def with_target(text: str, default: str) -> tuple[str, str | None]:
    """Parse a PostgreSQL URL. Return it and, for several hosts, its `target_session_attrs`, with a default."""
    parsed = postgresql_url(text)
    dsn = parse_dsn(parsed.replace("+psycopg2", "", 1))
    if "," not in dsn.get("host", ""):
        return parsed, None
    if "target_session_attrs" in dsn:
        return parsed, dsn["target_session_attrs"]
    return f"{parsed}&target_session_attrs={default}", default


def is_port(text: str) -> bool:
    """Return whether a text is a port, or empty for the default port."""
    return text == "" or (re.fullmatch("[0-9]{1,5}", text) is not None and 0 < int(text) <= PORT_MAX)


def hosts_in_query(rest: str, dsn: Mapping[str, str]) -> str:
    """Return a URL without its scheme, with several hosts moved into the query: SQLAlchemy parses only one."""
    authority, path, query = re.fullmatch(r"([^/?]*)([^?]*)\??(.*)", rest, re.DOTALL).groups()  # type: ignore[union-attr]
    if "," not in authority.rpartition("@")[2]:
        return rest
    user = authority.rpartition("@")[0]
    ports = {"port": dsn["port"]} if dsn["port"].strip(",") else {}
    hosts = urlencode({"host": dsn["host"], **ports})
    return f"{user}{'@' * bool(user)}{path or '/'}?{'&'.join(filter(None, [query, hosts]))}"


def redis_url(text: str) -> str:
    """Parse the URL of a Redis server. No message repeats the text, because it may hold a password."""
    from redis import ConnectionPool, RedisError  # noqa: PLC0415 - only services that use Redis load its client

    try:
        if re.fullmatch(r"(?:rediss?|unix)://\S+", text):
            ConnectionPool.from_url(text).make_connection()  # it connects with its first command only
            return text
    except (ValueError, TypeError, RedisError):
        pass
    raise ValueError("must be a URL such as redis://localhost:6379/0, rediss://user:password@host or unix:///path")
