"""dev.py, as its users run it: in a folder whose name has a space, with nothing of theirs touched."""

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

from devtools.commands import judge
from devtools.embedded_postgres import command_line, free_port
from tests.support.processes import ROOT, environment

if TYPE_CHECKING:
    from collections.abc import Iterator

DEV = [sys.executable, "dev.py"]


@pytest.fixture
def checkout() -> Iterator[Path]:
    """Yield a copy of the project that shares the environment, which is long in the making."""
    with tempfile.TemporaryDirectory(prefix="a folder ") as folder:
        Path(folder).chmod(0o755)
        yield from copied(Path(folder, "checkout"))


def copied(copy: Path) -> Iterator[Path]:
    ignored = shutil.ignore_patterns(".git", ".venv", ".data", ".*_cache", "__pycache__", ".coverage*", ".hypothesis")
    shutil.copytree(ROOT, copy, ignore=ignored)
    (copy / ".venv").symlink_to(ROOT / ".venv")
    yield copy
    for pid in processes_of(copy):
        os.kill(pid, signal.SIGKILL)


def processes_of(checkout: Path) -> list[int]:
    """Return the processes whose command names the checkout."""
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [pid for pid in pids if str(checkout) in command_line(pid)]


def start(checkout: Path, **settings: str) -> tuple[subprocess.Popen[str], int]:
    """Run the service until it answers."""
    port = free_port()
    environ = environment(PORT=str(port), WEB_CONCURRENCY="1", **settings)
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
            requests.get(f"http://127.0.0.1:{port}/", timeout=5)
        except requests.ConnectionError:
            time.sleep(0.05)
        else:
            return process, port
    pytest.fail(f"dev.py run does not serve: {process.communicate()[0]}")


def refused(checkout: Path, *arguments: str, **settings: str) -> str:
    """Run a command that must fail, and return the lines it says."""
    ended = subprocess.run(
        [*DEV, *arguments], cwd=checkout, env=environment(**settings), capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1, ended
    return ended.stderr


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_run_serves_says_how_to_begin_and_ends_whole(checkout: Path, how: signal.Signals) -> None:
    process, port = start(checkout)
    shown = said_until(process, "try first: ")
    assert "the development secret in .data/development-secret stands in" in shown
    assert f"serving on http://127.0.0.1:{port} " in shown
    assert f"API reference: http://127.0.0.1:{port}/docs\n" in shown
    assert re.search(r"^\d\d:\d\d:\d\d info    request .* method=GET route=/ status=200 ", shown, re.MULTILINE)
    line = shown.rpartition("try first: ")[2]
    tried = subprocess.run(["/bin/sh", "-c", f"{line.strip()} --silent"], capture_output=True, text=True, check=True)
    assert '"token":"' in tried.stdout
    assert len(processes_of(checkout)) >= 3
    process.send_signal(how)
    process.communicate(timeout=30)
    assert process.returncode == 0
    assert processes_of(checkout) == []


def said_until(process: subprocess.Popen[str], text: str) -> str:
    """Return what the process says, up to the line with the text."""
    assert process.stdout
    said = ""
    while text not in said:
        line = process.stdout.readline()
        assert line, said
        said += line
    return said


def test_what_was_stored_is_there_again_after_a_kill(checkout: Path) -> None:
    process, port = start(checkout)
    account = {"email": "ada@example.com", "password": "correct horse battery"}
    body = requests.post(f"http://127.0.0.1:{port}/api/auth/sign-up/email", data=account, timeout=10).json()
    process.kill()
    process.wait()
    assert process.stdout
    process.stdout.close()  # its gunicorn, left behind, holds the other end
    left = processes_of(checkout)
    assert left
    again, port = start(checkout)
    headers = {"Authorization": f"Bearer {body['token']}"}
    tasks = requests.get(f"http://127.0.0.1:{port}/api/{body['user']['id']}/tasks", headers=headers, timeout=10)
    assert (tasks.status_code, tasks.json()) == (200, [])
    assert set(left) & set(processes_of(checkout)) == set()
    again.send_signal(signal.SIGINT)
    again.communicate(timeout=30)


def test_flask_runs_on_the_same_database_also_beside_run(checkout: Path) -> None:
    process, _ = start(checkout)
    shown = subprocess.run(
        [*DEV, "flask", "db", "current"], cwd=checkout, env=environment(), capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip().endswith("(head)")
    assert "at work in this folder already" in refused(checkout, "run", PORT=str(free_port()))
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)


def test_a_taken_port_is_one_clear_line(checkout: Path) -> None:
    process, port = start(checkout)
    other = shutil.copytree(checkout, checkout.parent / "other", symlinks=True, ignore=shutil.ignore_patterns(".data"))
    said = refused(other, "run", PORT=str(port)).splitlines()
    assert said[-1] == (
        f"dev.py cannot serve on 127.0.0.1 port {port}: Address already in use."
        " Choose another: PORT=8001 python3 dev.py run"
    )
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert processes_of(other) == []


def test_every_fault_of_the_settings_is_told(checkout: Path) -> None:
    (checkout / ".env").write_text("ACCESS_TOKEN_EXPIRE_MINUTES=-1\nCORS_ORIGINS=nonsense\n")
    said = refused(checkout, "run", BETTER_AUTH_SECRET="short", DATABASE_URL="postgresql://127.0.0.1/nothing")
    assert [line.split(":")[0].strip() for line in said.splitlines() if not line.startswith("todo_api: ")] == [
        "The configuration cannot be used",
        "BETTER_AUTH_SECRET",
        "ACCESS_TOKEN_EXPIRE_MINUTES",
        "CORS_ORIGINS",
    ]


def test_a_database_that_does_not_answer_is_one_clear_line(checkout: Path) -> None:
    said = refused(
        checkout, "run", DATABASE_URL=f"postgresql://u:geheim@127.0.0.1:{free_port()}/d", PORT=str(free_port())
    )
    assert said.splitlines()[-1].startswith("dev.py cannot reach the database of DATABASE_URL: ")
    assert "geheim" not in said


def test_an_interrupted_test_run_leaves_nothing(checkout: Path) -> None:
    arguments = ["test", "tests/clients/test_seed.py", "tests/test_documents.py", "-q"]
    process = subprocess.Popen([*DEV, *arguments], cwd=checkout, stdout=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + 30
    while not any("gunicorn" in command_line(pid) or "postgres" in command_line(pid) for pid in processes_of(checkout)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    process.wait(timeout=60)
    assert processes_of(checkout) == []


def test_production_gets_no_development_secret(checkout: Path) -> None:
    assert "BETTER_AUTH_SECRET: is not set" in refused(checkout, "run", ENVIRONMENT="production")


def test_a_set_database_is_used_and_no_other_started(checkout: Path, fresh_database: str) -> None:
    process, _ = start(checkout, DATABASE_URL=fresh_database)
    assert not (checkout / ".data" / "postgres").exists()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)


def test_help_names_every_command(checkout: Path) -> None:
    for arguments in (["--help"], [], ["run", "--help"]):
        shown = subprocess.run([*DEV, *arguments], cwd=checkout, capture_output=True, text=True, check=True).stdout
        commands = ("run", "test", "check", "audit", "bench", "flask")
        assert all(f"python3 dev.py {command}" in shown for command in commands)
    assert "has no command 'rum'" in refused(checkout, "rum")


def test_an_audit_fails_for_a_known_weakness_only(capsys: pytest.CaptureFixture[str]) -> None:
    sound: dict[str, object] = {"name": "flask", "version": "3.1.2", "vulns": []}
    weak = {"name": "old", "version": "1.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["1.1", "2.0"]}]}
    skipped = {"name": "ours", "skip_reason": "unknown"}
    for packages, code in (([sound, skipped], 0), ([sound, weak], 1)):
        assert judge(json.dumps({"dependencies": packages, "fixes": []}), "") == code
    assert judge("", "Traceback\nConnectionError: refused\n") == 0
    assert capsys.readouterr().err.splitlines() == [
        "todo_api: audit: 0 weaknesses known of 1 packages; 1 could not be asked about: unknown",
        "todo_api: audit: old 1.0 has PYSEC-1, mended in 1.1, 2.0",
        "todo_api: audit: 1 weaknesses known of 2 packages",
        "todo_api: audit: nothing found out, the index cannot be asked: ConnectionError: refused",
    ]


def test_help_of_the_benchmark_installs_and_starts_nothing(checkout: Path) -> None:
    shown = subprocess.run([*DEV, "bench", "--help"], cwd=checkout, capture_output=True, text=True, check=True)
    assert all(option in shown.stdout for option in ("--rounds", "--seconds", "--workers", "--only", "--quick"))
    assert shown.stderr == ""
    assert not (checkout / ".data").exists()


def works(python: str) -> bool:
    found = shutil.which(python)
    return bool(found) and subprocess.run([str(found), "-V"], capture_output=True, check=False).returncode == 0


OLD_PYTHONS = [python for python in ("python3.8", "python3.9", "python3.10") if works(python)]


@pytest.mark.parametrize("python", OLD_PYTHONS or [pytest.param("", marks=pytest.mark.skip("no old Python here"))])
def test_an_old_python_is_one_clear_line(python: str) -> None:
    ended = subprocess.run([python, "dev.py", "run"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.startswith("dev.py needs Python 3.11 or later; this is 3.")
