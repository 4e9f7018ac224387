"""Fixtures of the mail tests: an SMTP server and what it has received."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.mail import Inbox, smtp_server

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def port(inbox: Inbox) -> Iterator[int]:
    """Yield the port of an SMTP server."""
    with smtp_server(inbox) as number:
        yield number
