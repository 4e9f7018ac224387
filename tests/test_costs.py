"""What a request costs, counted: calls of functions and statements. It may fall, and rises only on purpose.

No time is measured, which another machine or a busy one would change. What was counted is that of Python 3.11, with the
line of the log; later releases call less.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from server.logging import JSONFormatter
from tests.support.statements import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flask import Flask

    from tests.support.actors import Actor

GROWTH = 1.1

# Method, path and body, and the calls that were counted, those of the test client included.
RECORDED = [
    ("GET", "/tasks/{id}", None, 1_214),
    ("GET", "/tasks", None, 1_853),
    ("GET", "/tasks?limit=50&sort=-due,title&completed=false", None, 2_250),
    ("POST", "/tasks", {"title": "x"}, 1_603),
    ("PUT", "/tasks/{id}", {"title": "x"}, 1_562),
    ("PATCH", "/tasks/{id}", {"title": "x"}, 1_554),
    ("PATCH", "/tasks/{id}/complete", None, 1_247),
    ("GET", "/tasks/changes?limit=50", None, 2_021),
]


@pytest.fixture(autouse=True)
def _logged() -> Iterator[None]:
    """Write the lines, as gunicorn has them written, to nowhere."""
    logger = logging.getLogger("todo_api")
    with Path(os.devnull).open("w") as nowhere:
        handler = logging.StreamHandler(nowhere)
        handler.setFormatter(JSONFormatter())
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        logger.propagate = False
        yield
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)
    logger.propagate = True


def calls_of(action: Callable[[], Any]) -> int:
    """Return how many functions are called, those in C included."""
    number = 0

    def count(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal number
        number += event in {"call", "c_call"}

    sys.setprofile(count)
    try:
        action()
    finally:
        sys.setprofile(None)
    return number


@pytest.mark.parametrize(("method", "path", "body", "recorded"), RECORDED)
def test_a_request_costs_no_more_than_it_did(
    app: Flask, alice: Actor, method: str, path: str, body: Any, recorded: int
) -> None:
    task, *_others = [alice.task() for _ in range(50)]

    def request() -> None:
        assert alice.request(method, path.format(id=task["id"]), json=body).status_code < 300

    for _ in range(3):
        request()  # what is built once is built now
    calls = min(calls_of(request) for _ in range(3))
    with counted() as statements:
        request()
    assert len(statements) == 1
    assert calls <= recorded * GROWTH, f"{calls} calls"
