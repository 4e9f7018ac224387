"""The seed's own client lines, word for word, against a real gunicorn on its port."""

from __future__ import annotations

import json
import re
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.processes import Service, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
PORT = 8000
LINES = re.findall(r"^curl (?:.*\\\n)*.*$", (HERE / "seed_curl.sh").read_text(), re.MULTILINE)


@pytest.fixture
def seed_service(fresh_database: str) -> Iterator[Service]:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if probe.connect_ex(("127.0.0.1", PORT)) == 0:
            pytest.skip(f"the seed's lines name port {PORT}, and something serves there already")
    with serving(fresh_database, PORT) as service:
        yield service


def curl(line: str, token: str = "", user_id: str = "") -> tuple[int, Any]:
    """Run a line of the seed in a shell, with its placeholders filled in; return status and JSON."""
    filled = line.replace("eyJhbGc...", token).replace("user-uuid", user_id)
    command = f"{filled} --silent --show-error --write-out '\\n%{{http_code}}'"
    shown = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=True, timeout=30).stdout
    body, status = shown.rsplit("\n", 1)
    return int(status), json.loads(body) if body.strip() else None


def test_the_curl_lines(seed_service: Service) -> None:
    assert seed_service.process.poll() is None
    register, login, get_tasks, create, update, delete = LINES

    status, body = curl(register)
    assert status == 200
    assert body["user"] == body["user"] | {"email": "test@example.com", "name": "Test User"}
    assert body["token_type"] == "bearer"
    assert curl(register) == (400, {**curl(register)[1], "detail": "Email already registered"})

    status, body = curl(login)
    assert status == 200
    token, user_id = body["token"], body["user"]["id"]
    assert body["refresh_token"].count(".") == token.count(".") == 2

    assert curl(get_tasks, token, user_id) == (200, [])
    status, task = curl(create, token, user_id)
    assert status == 201
    assert (task["id"], task["title"], task["description"]) == (1, "My first task", "Task description")
    assert curl(get_tasks, token, user_id) == (200, [task])

    status, updated = curl(update, token, user_id)
    assert status == 200
    assert (updated["title"], updated["completed"]) == ("Updated task", True)
    assert updated["description"] == "Task description"

    assert curl(delete, token, user_id) == (204, None)
    status, body = curl(update, token, user_id)
    assert (status, body["detail"]) == (404, "Task not found")
    status, body = curl(get_tasks, "x", user_id)
    assert (status, body["detail"]) == (401, "Invalid token")
    status, body = curl(get_tasks, token, "someone-else")
    assert (status, body["detail"]) == (403, "Access forbidden")


def test_the_python_lines(seed_service: Service) -> None:
    assert seed_service.process.poll() is None
    names: dict[str, Any] = {}
    exec((HERE / "seed_requests.py.txt").read_text(), names)
    assert names["tasks"] == []
    assert names["task"]["title"] == "My task"
    assert names["task"]["description"] == "Description"
    assert names["task"]["user_id"] == names["user_id"]
    assert names["response"].status_code == 201
