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
from tests.support.calls import count_calls
from tests.support.statements import record_statements

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask

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


@pytest.mark.parametrize(("method", "path", "body", "recorded"), RECORDED)
def test_a_request_costs_no_more_than_recorded(
    app: Flask, alice: Actor, method: str, path: str, body: Any, recorded: int
) -> None:
    task, *_others = [alice.create_task() for _ in range(50)]

    def request() -> None:
        assert alice.request(method, path.format(id=task["id"]), json=body).status_code < 300

    for _ in range(3):
        request()  # fill the caches
    calls = min(count_calls(request) for _ in range(3))
    with record_statements() as statements:
        request()
    assert len(statements) == 1
    assert calls <= recorded * GROWTH, f"{calls} calls"
