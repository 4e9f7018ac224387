"""The commands of dev.py, in a copy of the project whose path has a space."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from devtools.audit import report_vulnerabilities
from devtools.processes import command_line, free_port
from tests.support.processes import ROOT, clean_environ

if TYPE_CHECKING:
    from collections.abc import Iterator

DEV = [sys.executable, "dev.py"]


@pytest.fixture
def checkout() -> Iterator[Path]:
    """Yield a copy of the project that shares its virtual environment. Kill the processes that a failed test leaves."""
    ignored = shutil.ignore_patterns(".*", "node_modules")
    with tempfile.TemporaryDirectory(prefix="a folder ") as folder:
        Path(folder).chmod(0o755)
        copy = Path(folder, "checkout")
        shutil.copytree(ROOT, copy, ignore=ignored)
        (copy / ".venv").symlink_to(ROOT / ".venv")
        yield copy
        kill_processes_of(copy)


def processes_of(checkout: Path) -> list[int]:
    """Return the processes whose command line has the path of the checkout."""
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [pid for pid in pids if str(checkout) in command_line(pid)]


def kill_processes_of(checkout: Path) -> None:
    for pid in processes_of(checkout):
        os.kill(pid, signal.SIGKILL)


def start(checkout: Path, **settings: str) -> tuple[subprocess.Popen[str], int]:
    """Start the service and wait until it answers. Return the process and its port."""
    port = free_port()
    environ = clean_environ(PORT=str(port), WEB_CONCURRENCY="1", **settings)
    process = subprocess.Popen(
        [*DEV, "run"],
        cwd=checkout,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            requests.get(f"http://127.0.0.1:{port}/", timeout=60)  # gunicorn listens before its worker can serve
        except requests.ConnectionError:
            time.sleep(0.05)
        else:
            return process, port
    kill_processes_of(checkout)
    pytest.fail(f"dev.py run does not serve: {process.communicate()[0]}")


def stop(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)


def stderr_of_failure(checkout: Path, *arguments: str, **settings: str) -> str:
    """Run a command that must fail. Return its standard error."""
    completed = subprocess.run(
        [*DEV, *arguments], cwd=checkout, env=clean_environ(**settings), capture_output=True, text=True, check=False
    )
    assert completed.returncode == 1, completed
    return completed.stderr


def output_until(process: subprocess.Popen[str], text: str) -> str:
    """Return the output of the process up to the line that has the text."""
    assert process.stdout
    output = ""
    while text not in output:
        line = process.stdout.readline()
        assert line, output
        output += line
    return output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_run_serves_prints_a_first_request_and_stops_all_processes(checkout: Path, number: signal.Signals) -> None:
    process, port = start(checkout)
    output = output_until(process, "try first: ")
    assert "using the development secret in .data/development-secret" in output
    assert f"serving on http://127.0.0.1:{port} " in output
    assert f"API reference: http://127.0.0.1:{port}/docs\n" in output
    assert re.search(r"^\d\d:\d\d:\d\d info    request .* method=GET route=/ status=200 ", output, re.MULTILINE)
    command = output.rpartition("try first: ")[2].strip()
    curl = subprocess.run(["/bin/sh", "-c", f"{command} --silent"], capture_output=True, text=True, check=True)
    assert '"token":"' in curl.stdout
    assert len(processes_of(checkout)) >= 3
    process.send_signal(number)
    process.communicate(timeout=30)
    assert process.returncode == 0
    assert processes_of(checkout) == []


def test_data_survives_a_kill(checkout: Path) -> None:
    process, port = start(checkout)
    account = {"email": "ada@example.com", "password": "correct horse battery"}
    body = requests.post(f"http://127.0.0.1:{port}/api/auth/sign-up/email", data=account, timeout=30).json()
    process.kill()
    process.wait()
    assert process.stdout
    process.stdout.close()  # the leftover gunicorn has the other end of the pipe
    leftovers = processes_of(checkout)
    assert leftovers
    second_process, port = start(checkout)
    headers = {"Authorization": f"Bearer {body['token']}"}
    tasks = requests.get(f"http://127.0.0.1:{port}/api/{body['user']['id']}/tasks", headers=headers, timeout=30)
    assert (tasks.status_code, tasks.json()) == (200, [])
    assert set(leftovers) & set(processes_of(checkout)) == set()
    stop(second_process)


def test_flask_uses_the_database_of_run_and_a_second_run_is_rejected(checkout: Path) -> None:
    process, _ = start(checkout)
    completed = subprocess.run(
        [*DEV, "flask", "db", "current"], cwd=checkout, env=clean_environ(), capture_output=True, text=True, check=True
    )
    assert completed.stdout.strip().endswith("(head)")
    assert "already running in this folder" in stderr_of_failure(checkout, "run", PORT=str(free_port()))
    stop(process)


def test_a_port_in_use_is_one_line(checkout: Path) -> None:
    process, port = start(checkout)
    other = shutil.copytree(checkout, checkout.parent / "other", symlinks=True, ignore=shutil.ignore_patterns(".data"))
    stderr = stderr_of_failure(other, "run", PORT=str(port))
    assert stderr.splitlines()[-1] == (
        f"dev.py cannot serve on 127.0.0.1 port {port}: Address already in use."
        " Choose another: PORT=8001 python3 dev.py run"
    )
    stop(process)
    assert processes_of(other) == []


def test_all_errors_of_the_settings_are_printed(checkout: Path) -> None:
    (checkout / ".env").write_text("ACCESS_TOKEN_EXPIRE_MINUTES=-1\nCORS_ORIGINS=nonsense\n")
    stderr = stderr_of_failure(
        checkout, "run", BETTER_AUTH_SECRET="short", DATABASE_URL="postgresql://127.0.0.1/nothing"
    )
    assert [line.split(":")[0].strip() for line in stderr.splitlines() if not line.startswith("todo_api: ")] == [
        "The configuration cannot be used",
        "BETTER_AUTH_SECRET",
        "ACCESS_TOKEN_EXPIRE_MINUTES",
        "CORS_ORIGINS",
    ]


def test_an_unreachable_database_is_one_line(checkout: Path) -> None:
    stderr = stderr_of_failure(
        checkout, "run", DATABASE_URL=f"postgresql://u:geheim@127.0.0.1:{free_port()}/d", PORT=str(free_port())
    )
    assert stderr.splitlines()[-1].startswith("dev.py cannot reach the database of DATABASE_URL: ")
    assert "geheim" not in stderr


@pytest.mark.parametrize("workers", [0, 2])
def test_an_interrupted_test_run_leaves_no_process(checkout: Path, workers: int) -> None:
    command = [*DEV, "test", "tests/clients/test_todo_backend.py", "tests/server/test_framing.py", f"-n{workers}"]
    with subprocess.Popen(command, cwd=checkout, stdout=subprocess.DEVNULL, start_new_session=True) as process:
        # The interrupt comes while tests run: pytest-xdist may hang if it comes while its workers start.
        while not any("gunicorn" in command_line(pid) for pid in processes_of(checkout)):
            assert process.poll() is None
            time.sleep(0.5)
        os.killpg(process.pid, signal.SIGINT)
        process.wait(timeout=60)
    assert processes_of(checkout) == []


def test_production_gets_no_development_secret(checkout: Path) -> None:
    assert "BETTER_AUTH_SECRET: is not set" in stderr_of_failure(checkout, "run", ENVIRONMENT="production")


def test_database_url_is_used_and_no_postgres_is_started(checkout: Path, fresh_database: str) -> None:
    process, _ = start(checkout, DATABASE_URL=fresh_database)
    assert not (checkout / ".data" / "postgres").exists()
    stop(process)


def test_help_names_every_command(checkout: Path) -> None:
    for arguments in (["--help"], [], ["run", "--help"]):
        stdout = subprocess.run([*DEV, *arguments], cwd=checkout, capture_output=True, text=True, check=True).stdout
        commands = ("run", "test", "check", "audit", "bench", "flask")
        assert all(f"python3 dev.py {command}" in stdout for command in commands)
    assert "has no command 'rum'" in stderr_of_failure(checkout, "rum")


def test_an_audit_fails_only_for_a_known_vulnerability(capsys: pytest.CaptureFixture[str]) -> None:
    safe: dict[str, object] = {"name": "flask", "version": "3.1.2", "vulns": []}
    vulnerable = {"name": "old", "version": "1.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["1.1", "2.0"]}]}
    skipped = {"name": "ours", "skip_reason": "unknown"}
    for packages, code in (([safe, skipped], 0), ([safe, vulnerable], 1)):
        assert report_vulnerabilities(json.dumps({"dependencies": packages, "fixes": []}), "") == code
    assert report_vulnerabilities("", "Traceback\nConnectionError: refused\n") == 0
    assert capsys.readouterr().err.splitlines() == [
        "todo_api: audit: 0 vulnerabilities in 1 packages; 1 skipped: unknown",
        "todo_api: audit: old 1.0 has PYSEC-1, fixed in 1.1, 2.0",
        "todo_api: audit: 1 vulnerabilities in 2 packages",
        "todo_api: audit: no result, because the vulnerability database cannot be reached: ConnectionError: refused",
    ]


def test_the_help_of_the_benchmark_installs_and_starts_nothing(checkout: Path) -> None:
    completed = subprocess.run([*DEV, "bench", "--help"], cwd=checkout, capture_output=True, text=True, check=True)
    assert all(option in completed.stdout for option in ("--rounds", "--seconds", "--workers", "--only", "--quick"))
    assert completed.stderr == ""
    assert not (checkout / ".data").exists()


def is_installed(python: str) -> bool:
    path = shutil.which(python)
    return bool(path) and subprocess.run([str(path), "-V"], capture_output=True, check=False).returncode == 0


OLD_PYTHONS = [python for python in ("python3.8", "python3.9", "python3.10") if is_installed(python)]


@pytest.mark.parametrize("python", OLD_PYTHONS or [pytest.param("", marks=pytest.mark.skip("no old Python here"))])
def test_an_old_python_is_one_line(python: str) -> None:
    completed = subprocess.run([python, "dev.py", "run"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert completed.returncode == 1
    assert completed.stderr.startswith("dev.py needs Python 3.11 or later; this is 3.")
