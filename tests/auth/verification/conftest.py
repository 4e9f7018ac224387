"""Applications that send mails to a file, one of which requires a verified e-mail address."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.databases import application, execute

if TYPE_CHECKING:
    from pathlib import Path

    from flask import Flask

    from tests.support.actors import Actor


@pytest.fixture
def mbox(tmp_path: Path) -> Path:
    return tmp_path / "mails"


@pytest.fixture
def app(database: str, mbox: Path) -> Flask:
    return application(database, mail_url=f"file://{mbox}", app_name="Ada's list")


@pytest.fixture
def strict_app(database: str, mbox: Path) -> Flask:
    """Return the application with REQUIRE_EMAIL_VERIFICATION=true."""
    return application(database, mail_url=f"file://{mbox}", require_email_verification=True)


@pytest.fixture
def verified(alice: Actor, database: str) -> Actor:
    """Return Alice with a verified e-mail address."""
    execute(database, "UPDATE users SET email_verified = true WHERE id = %s", alice.id)
    return alice
