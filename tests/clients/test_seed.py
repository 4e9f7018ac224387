"""The client commands of the original specification, unchanged, against the service on port 8000."""

from __future__ import annotations

import json
import re
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.processes import COMMANDS as SERVERS
from tests.support.processes import Service, running_service

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
PORT = 8000
COMMANDS = re.findall(r"^curl (?:.*\\\n)*.*$", (HERE / "seed_curl.sh").read_text(), re.MULTILINE)


@pytest.fixture(params=SERVERS)
def seed_service(request: pytest.FixtureRequest, fresh_database: str) -> Iterator[Service]:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if probe.connect_ex(("127.0.0.1", PORT)) == 0:
            pytest.skip(f"port {PORT}, which the commands name, is in use")
    with running_service(fresh_database, PORT, server=request.param, WEB_CONCURRENCY="1") as service:
        yield service


def curl(command: str, token: str = "", user_id: str = "") -> tuple[int, Any]:
    """Run a command in a shell with its placeholders replaced, and return the status and the JSON."""
    script = command.replace("eyJhbGc...", token).replace("user-uuid", user_id)
    script += " --silent --show-error --write-out '\\n%{http_code}'"
    stdout = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=True, timeout=30).stdout
    body, status = stdout.rsplit("\n", 1)
    return int(status), json.loads(body) if body.strip() else None


def test_the_curl_commands(seed_service: Service) -> None:
    assert seed_service.process.poll() is None
    register, login, get_tasks, create, update, delete = COMMANDS

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


def test_the_python_script(seed_service: Service) -> None:
    assert seed_service.process.poll() is None
    names: dict[str, Any] = {}
    exec((HERE / "seed_requests.py.txt").read_text(), names)
    assert names["tasks"] == []
    assert names["task"]["title"] == "My task"
    assert names["task"]["description"] == "Description"
    assert names["task"]["user_id"] == names["user_id"]
    assert names["response"].status_code == 201
