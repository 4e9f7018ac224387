"""The log format: one safe line per event, in JSON or as text."""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from server import logging as server_logging
from server.logging import JSONFormatter, TextFormatter
from tests.support.log_lines import HOSTILE
from tests.support.processes import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator


def make_record(message: str, *arguments: object, **attributes: Any) -> logging.LogRecord:
    record = logging.LogRecord("todo_api", logging.WARNING, "", 0, message, arguments, None)
    record.__dict__.update(attributes)
    return record


def raised(message: str) -> RuntimeError:
    """Return an error with a traceback."""
    with pytest.raises(RuntimeError) as error:
        raise RuntimeError(message)
    return error.value


@pytest.mark.shows("ASVS 16.4.1")
@pytest.mark.parametrize(
    "record",
    [make_record(HOSTILE), make_record("%s", HOSTILE), make_record("event", fields={"x": HOSTILE, "y": b"\n\xff"})],
)
@pytest.mark.parametrize("formatter", [JSONFormatter(), TextFormatter()])
def test_a_record_is_one_printable_ascii_line(formatter: logging.Formatter, record: logging.LogRecord) -> None:
    line = formatter.format(record)
    assert line.isascii()
    assert line.isprintable()


def test_a_json_line_has_no_lone_surrogate() -> None:
    line = JSONFormatter().format(make_record("é\udc80😀"))
    assert json.loads(line)["message"] == "é?😀"


def test_a_long_text_keeps_its_end() -> None:
    error = raised("x" * 10_000 + "the end")
    line = JSONFormatter().format(make_record("m" * 5_000, exc_info=(RuntimeError, error, error.__traceback__)))
    assert json.loads(line)["traceback"].endswith("the end")
    assert len(json.loads(line)["message"]) == 3_001


def test_the_text_format_has_quoted_values_and_a_traceback() -> None:
    fields = {"method": "GET", "route": "/api/<user_id>/tasks", "status": 200, "user": None}
    line = TextFormatter().format(make_record("request", fields=fields))
    assert re.fullmatch(r"\d\d:\d\d:\d\d warning request method=GET route=/api/<user_id>/tasks status=200", line)
    error = raised("the cause")
    record = make_record("it failed", exc_info=(RuntimeError, error, error.__traceback__))
    lines = TextFormatter().format(record).splitlines()
    assert lines[0].endswith('message logger=todo_api message="it failed"')
    assert "the cause" in lines[-1]


def test_libraries_and_warnings_write_to_standard_error_once() -> None:
    script = """
import logging, warnings
from server import logging as server_logging
server_logging.configure("json")
server_logging.configure("json")
server_logging.bind_context(user="outside a request")
warnings.warn("old")
logging.getLogger("sqlalchemy.pool").error("pool")
logging.getLogger("todo_api.mail").info("mail")
logging.getLogger("urllib3").info("below the level")
"""
    result = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in result.stderr.splitlines()]
    assert [line["logger"] for line in lines] == ["py.warnings", "sqlalchemy.pool", "todo_api.mail"]
    assert "user" not in lines[0]


@pytest.fixture
def _restored_loggers() -> Iterator[None]:
    """Restore the loggers after the test."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers.clear()  # basicConfig would close them
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("todo_api").setLevel(logging.NOTSET)
    logging.captureWarnings(capture=False)


@pytest.mark.usefixtures("_restored_loggers")
@pytest.mark.parametrize(("log_format", "end"), [("json", '"event": "event", "x": "y"}\n'), ("text", " event x=y\n")])
def test_the_format_follows_the_setting(capsys: pytest.CaptureFixture[str], log_format: str, end: str) -> None:
    server_logging.configure(log_format)
    server_logging.log_event("event", x="y")
    assert capsys.readouterr().err.endswith(end)
