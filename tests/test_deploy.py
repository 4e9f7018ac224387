"""The files of deploy/: they sandbox the service and have all that it needs."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from devtools.processes import free_port
from tests.support.databases import CONFIG
from tests.support.processes import ROOT, clean_environ

if TYPE_CHECKING:
    from pathlib import Path

DEPLOY = ROOT / "deploy"
UNITS = ("todo-api.service", "todo-api-purge.service")
ANALYZE = shutil.which("systemd-analyze")
PATRONI = shutil.which("patroni")
PATRONI_FILE = (DEPLOY / "patroni.yml").read_text()
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()


@pytest.mark.skipif(not ANALYZE, reason="systemd-analyze is not installed")
@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_has_low_exposure(unit: str) -> None:
    assert ANALYZE
    command = [ANALYZE, "security", "--offline=true", "--no-pager", "--threshold=15", str(DEPLOY / unit)]
    completed = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert completed.returncode == 0, completed.stdout + completed.stderr


@pytest.mark.parametrize(
    ("file", "setting"), [("gunicorn.conf.py", "graceful_timeout = "), ("serve_granian.py", "workers_kill_timeout=")]
)
def test_the_unit_stops_later_than_the_server(file: str, setting: str) -> None:
    grace = re.search(rf"^ *{setting}(\d+)", (ROOT / file).read_text(), re.MULTILINE)
    stop = re.search(r"^TimeoutStopSec=(\d+)", (DEPLOY / UNITS[0]).read_text(), re.MULTILINE)
    assert grace
    assert stop
    assert int(stop[1]) > int(grace[1])


def test_the_drop_in_replaces_the_command_by_granian() -> None:
    commands = re.findall(r"^ExecStart=(.*)", (DEPLOY / "todo-api-granian.conf").read_text(), re.MULTILINE)
    unit = re.findall(r"^ExecStart=(.*)", (DEPLOY / UNITS[0]).read_text(), re.MULTILINE)
    assert commands == ["", unit[0].replace("gunicorn", "python serve_granian.py")]


def test_both_units_have_the_same_sandbox() -> None:
    first, second = (
        {line for line in (DEPLOY / unit).read_text().splitlines() if re.match("Private|Protect|Restrict|System", line)}
        for unit in UNITS
    )
    assert first == second


def test_the_image_installs_packages_by_hash_and_runs_unprivileged() -> None:
    assert "--require-hashes --no-deps --only-binary=:all:" in DOCKERFILE
    assert re.findall(r"^USER (.*)", DOCKERFILE, re.MULTILINE) == ["10001:10001"]
    assert re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE) == ["python:3.13-slim-bookworm"] * 2
    assert not re.search(r"^ADD|latest|curl|SECRET|PASSWORD", DOCKERFILE, re.MULTILINE)


def test_the_image_has_all_files_of_the_service(tmp_path: Path, database: str) -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) (\S+)$", DOCKERFILE, re.MULTILINE)[1:]
    allowed = (ROOT / ".dockerignore").read_text().splitlines()
    for sources, target in copied:
        for source in sources.split():
            assert f"!{source}" in allowed
            path = ROOT / source
            if path.is_dir():
                shutil.copytree(path, tmp_path / target)
            else:
                shutil.copy(path, tmp_path / target)
    environ = clean_environ(DATABASE_URL=database, BETTER_AUTH_SECRET=CONFIG.better_auth_secret)
    for command in (["gunicorn", "--check-config"], ["flask", "--app", "wsgi", "db", "current"]):
        completed = subprocess.run(
            [sys.executable, "-m", *command], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
        )
        assert completed.returncode == 0, completed.stderr


def test_the_context_of_the_image_has_the_files_for_granian() -> None:
    (sources,) = re.findall(
        r"^FROM todo-api\nCOPY (.+) /app/$", (ROOT / "docs" / "deploy.md").read_text(), re.MULTILINE
    )
    allowed = (ROOT / ".dockerignore").read_text().splitlines()
    assert [source for source in sources.split() if f"!{source}" not in allowed] == []


def test_the_service_trusts_its_one_proxy() -> None:
    """Otherwise all clients would have the address of the proxy, and share one rate limit."""
    assert re.search(r"^Environment=.* TRUSTED_PROXIES=1$", (DEPLOY / UNITS[0]).read_text(), re.MULTILINE)
    assert re.search(r'^    TRUSTED_PROXIES: "1"$', (DEPLOY / "compose.yaml").read_text(), re.MULTILINE)
    assert "X-Forwarded-For $remote_addr;" in (DEPLOY / "nginx.conf").read_text()


def test_the_containers_are_sandboxed() -> None:
    text = (DEPLOY / "compose.yaml").read_text()
    for line in ("read_only: true", "cap_drop: [ALL]", 'security_opt: ["no-new-privileges:true"]'):
        assert f"\n  {line}\n" in text.partition("services:")[0]
    assert re.findall(r"<<: \*confined", text) == ["<<: *confined"] * 2
    assert all(value.startswith("${") and value.endswith(":?}") for value in re.findall(r"SECRET: (\S+)", text))


def test_patroni_replicates_synchronously_and_fences_an_old_primary() -> None:
    seconds = {name: int(value) for name, value in re.findall(r"^ +(\w+): (\d+)$", PATRONI_FILE, re.MULTILINE)}
    assert seconds["ttl"] >= seconds["loop_wait"] + 2 * seconds["retry_timeout"]
    assert seconds["safety_margin"] < seconds["ttl"] - seconds["loop_wait"]
    assert "\n    synchronous_mode: true\n" in PATRONI_FILE
    assert "\nwatchdog:\n  mode: required\n" in PATRONI_FILE


def test_patroni_has_no_password_and_admits_no_connection_without_one() -> None:
    assert not re.search(r"^ *password:", PATRONI_FILE, re.MULTILINE)
    rules = re.findall(r"^    - (host.*)$", PATRONI_FILE, re.MULTILINE)
    assert {(rule.split()[0], rule.split()[-1]) for rule in rules} == {("hostssl", "scram-sha-256")}


@pytest.mark.skipif(not PATRONI, reason="patroni is not installed (apt install patroni)")
def test_patroni_accepts_its_configuration(tmp_path: Path) -> None:
    """It requires free ports of this machine, and misses a list that stands elsewhere in the file."""
    assert PATRONI
    text = re.sub(r" listen: .*", lambda _: f" listen: 127.0.0.1:{free_port()}", PATRONI_FILE)
    (tmp_path / "patroni.yml").write_text(text)
    command = [PATRONI, "--validate-config", str(tmp_path / "patroni.yml")]
    completed = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert completed.stderr + completed.stdout == "bootstrap.pg_hba  is not defined.\n"
