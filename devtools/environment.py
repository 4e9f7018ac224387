"""The environment variables and databases of the commands."""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psycopg2
from dotenv import dotenv_values

from devtools.embedded_postgres import PostgresError, running_server
from devtools.installation import POSTGRES_LOCK, ROOT, install, print_status

if TYPE_CHECKING:
    from collections.abc import Iterator

DATA = ROOT / ".data"

Environ = dict[str, str]


def development_environ() -> Environ:
    """Return the environment and .env, with values for development where neither sets one."""
    environ = {**{name: value or "" for name, value in dotenv_values(ROOT / ".env").items()}, **os.environ}
    DATA.mkdir(exist_ok=True)
    if (environ.get("ENVIRONMENT") or "development") != "development":
        return environ
    if not environ.get("BETTER_AUTH_SECRET"):
        path = DATA / "development-secret"
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(secrets.token_hex(32))
        environ["BETTER_AUTH_SECRET"] = path.read_text()
        print_status(f"BETTER_AUTH_SECRET is not set; using the development secret in {path.relative_to(ROOT)}")
    if not environ.get("LOG_FORMAT"):
        environ["LOG_FORMAT"] = "text"
    if not environ.get("MAIL_URL"):
        environ["MAIL_URL"] = (DATA / "mails").as_uri()
        print_status(f"MAIL_URL is not set; writing mails to {DATA.name}/mails")
    return environ


@contextmanager
def database_environ(environ: Environ) -> Iterator[Environ]:
    """Yield the environment with DATABASE_URL: as set, or of an embedded PostgreSQL that runs during the block."""
    if environ.get("DATABASE_URL"):
        yield environ
        return
    install(POSTGRES_LOCK)
    try:
        with running_server(DATA / "postgres") as url:
            yield {**environ, "DATABASE_URL": url}
    except PostgresError as error:
        sys.exit(f"dev.py: {error}")


@contextmanager
def temporary_database(url: str, purpose: str) -> Iterator[str]:
    """Create an empty database on the server of the URL. Yield its URL, and drop it at the end of the block."""
    name = f"todo_{purpose}_{os.getpid()}"
    with contextlib.closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name}")
            try:
                yield urlsplit(url)._replace(path=f"/{name}").geturl()
            finally:
                cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")
