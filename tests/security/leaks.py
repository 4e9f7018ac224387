"""Internals that no response may contain."""

from __future__ import annotations

import re

from tests.support.databases import CONFIG
from tests.support.processes import ROOT

INTERNALS = re.compile(
    "|".join(
        [
            "Traceback",
            r'File "',
            r"\.py[\"':,]",
            "site-packages",
            r"/usr/(?:lib|local)/|/home/",
            re.escape(str(ROOT)),
            r"psycopg|sqlalchemy|marshmallow|werkzeug|webargs|pyjwt",
            r"(?:gunicorn|Flask|Python|PostgreSQL)[/ ]\d",
            r"\b(?:SELECT|INSERT INTO|UPDATE|DELETE FROM)\s+[a-z_]+(?:\.|\s+(?:SET|FROM|WHERE|\())",
            r"syntax error at|relation \"|violates|DETAIL:|pg_\w+",
            r"\$2[aby]\$|hmac-sha256\$",
            "(?:password|token|secret)_hash",
            re.escape(CONFIG.better_auth_secret),
        ]
    ),
    re.IGNORECASE,
)


OPAQUE = re.compile(r"[\w-]{20,}(?:\.[\w%+/=-]+)*")
"""Tokens are removed first: they may contain any letters by chance."""


def leaks(response: str) -> list[str]:
    """Return what the internals in a response and its headers."""
    return [match.group() for match in INTERNALS.finditer(OPAQUE.sub("", response))]
