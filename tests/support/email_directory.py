"""Comparison of the accounts with the directory of e-mail addresses."""

from __future__ import annotations

from tests.support.databases import execute

DISABLE_TRIGGER = "ALTER TABLE users DISABLE TRIGGER record_email"
"""The trigger serves the previous release. Without it, what this release writes is alone."""

DIFFERENCES = """
SELECT accounts.email, accounts.id, emails.email, emails.user_id
  FROM (SELECT lower(email) AS email, id FROM users WHERE issuer IS NULL) AS accounts
  FULL JOIN emails ON emails.email = accounts.email AND emails.user_id = accounts.id
 WHERE accounts.id IS NULL OR emails.user_id IS NULL
"""


def differences(database: str) -> list[tuple[object, ...]]:
    """Return the accounts without their address, and the addresses without their account."""
    return execute(database, DIFFERENCES)


def directory(database: str) -> dict[object, object]:
    """Return the user of each address."""
    return dict(execute(database, "SELECT email, user_id FROM emails"))  # type: ignore[arg-type]
