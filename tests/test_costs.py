"""The cost of a request, as the number of its function calls and statements. A change must not raise it by accident.

Unlike a time, a count does not depend on the machine. The counts are those of Python 3.11, with the log line of the
request; later releases of Python make fewer calls.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from server.logging import JSONFormatter
from tests.support.api_keys import FULL, create_key, with_key
from tests.support.calls import count_calls
from tests.support.credentials import sign_in
from tests.support.refresh_tokens import REFRESH
from tests.support.statements import record_statements

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flask import Flask
    from werkzeug.test import TestResponse

    from tests.support.actors import Actor

GROWTH = 1.1

# Method, path and body, and the recorded calls. Those of the test client are included.
RECORDED = [
    ("GET", "/tasks/{id}", None, 1_205),
    ("GET", "/tasks", None, 1_402),
    ("GET", "/tasks?limit=50&sort=-due,title&completed=false", None, 1_802),
    ("POST", "/tasks", {"title": "x"}, 1_603),
    ("PUT", "/tasks/{id}", {"title": "x"}, 1_562),
    ("PATCH", "/tasks/{id}", {"title": "x"}, 1_554),
    ("PATCH", "/tasks/{id}/complete", None, 1_247),
    ("GET", "/tasks/changes?limit=50", None, 1_572),
]


@pytest.fixture(autouse=True)
def _logged() -> Iterator[None]:
    """Format the log lines as gunicorn does, and discard them."""
    logger = logging.getLogger("todo_api")
    with Path(os.devnull).open("w") as null:
        handler = logging.StreamHandler(null)
        handler.setFormatter(JSONFormatter())
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        logger.propagate = False
        yield
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)
    logger.propagate = True


def assert_costs(recorded: int, request: Callable[[], TestResponse], statements: int = 1) -> None:
    """Check that a request makes no more calls than recorded, and this number of statements."""

    def repeated() -> None:
        assert request().status_code < 300

    for _ in range(3):
        repeated()  # fill the caches
    calls = min(count_calls(repeated) for _ in range(3))
    with record_statements() as executed:
        repeated()
    assert len(executed) == statements
    assert calls <= recorded * GROWTH, f"{calls} calls"


@pytest.mark.parametrize(("method", "path", "body", "recorded"), RECORDED)
def test_a_request_costs_no_more_than_recorded(
    app: Flask, alice: Actor, method: str, path: str, body: Any, recorded: int
) -> None:
    task, *_others = [alice.create_task() for _ in range(50)]
    assert_costs(recorded, lambda: alice.request(method, path.format(id=task["id"]), json=body))


@pytest.mark.parametrize(("method", "body", "recorded"), [("GET", None, 1_471), ("POST", {"title": "x"}, 1_681)])
def test_a_request_with_an_api_key_costs_no_more_than_recorded(
    app: Flask, alice: Actor, method: str, body: Any, recorded: int
) -> None:
    for _ in range(50):
        alice.create_task()
    key = create_key(alice, permissions=FULL)["key"]
    assert_costs(recorded, lambda: with_key(alice, key, method, "/tasks", json=body))


def test_an_access_token_for_the_cookie_costs_no_more_than_recorded(app: Flask, alice: Actor) -> None:
    cookie = sign_in(alice).cookie
    # The session, and the limits of its address and of itself.
    assert_costs(2_211, lambda: alice.client.post(REFRESH, headers=cookie), statements=2)
