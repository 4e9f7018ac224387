"""Password resets by mailed links."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tests.support.actors import PASSWORD
from tests.support.mailed_links import mailed_links
from tests.support.problems import status_and_code

if TYPE_CHECKING:
    from pathlib import Path

    from werkzeug.test import TestResponse

    from tests.support.actors import Actor

AUTH = "/api/auth"
NEW = "a new " + PASSWORD


def request_reset(actor: Actor, **fields: Any) -> TestResponse:
    return actor.client.post(f"{AUTH}/request-password-reset", json={"email": actor.email, **fields})


def token_of(link: str) -> str:
    return urlsplit(link).path.rpartition("/")[2]


def new_token(actor: Actor, mbox: Path) -> str:
    """Request a reset, and return the mailed token."""
    assert request_reset(actor).status_code == 200
    return token_of(mailed_links(mbox)[-1])


def reset(actor: Actor, token: str, password: str = NEW) -> TestResponse:
    return actor.client.post(f"{AUTH}/reset-password", json={"token": token, "newPassword": password})


def is_invalid(response: TestResponse) -> bool:
    return status_and_code(response) == (400, "INVALID_TOKEN")
