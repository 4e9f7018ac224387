"""What the documents say exists and works."""

from __future__ import annotations

import re
import subprocess
from dataclasses import fields
from typing import TYPE_CHECKING

import pytest

from config import THREADS, Config
from tests.support.processes import ROOT
from todo_api.auth.cli import SESSIONS, USERS
from todo_api.database import timeouts
from todo_api.database.connections import CONNECTIONS, POOL
from todo_api.operations.doctor import doctor
from todo_api.tasks.cli import TASKS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.processes import Service

README = (ROOT / "README.md").read_text()
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


def block(text: str, containing: str) -> str:
    found: str
    (found,) = [code for code in re.findall(r"```bash\n(.*?)```", text, re.DOTALL) if containing in code]
    return found


def test_the_readme_tells_what_was_measured() -> None:
    results = (ROOT / "benchmarks" / "RESULTS.md").read_text()
    ratios = {
        (workload, server): ratio
        for workload, server, ratio in re.findall(
            r"^\| ([\w+-]+) \| (floor|seed) \|.* \*\*([\d.]+)\*\* \(", results, re.MULTILINE
        )
    }
    told = re.findall(r"^\| [^|]+ \(`([\w+-]+)`\) \| ([\d.]+|n/a) \| ([\d.]+|n/a) \|$", README, re.MULTILINE)
    assert len(told) >= 5
    for workload, floor, seed in told:
        assert (floor, seed) == tuple(ratios.get((workload, server), "n/a") for server in ("floor", "seed"))


def test_the_readme_has_a_row_for_each_setting_and_no_other() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \| (.+?) \|", README, re.MULTILINE)
    assert sorted(name for name, _ in rows) == sorted(field.metadata["name"] for field in fields(Config))
    config = Config.from_env({"BETTER_AUTH_SECRET": "x" * 32, "DATABASE_URL": "postgresql:///d"})
    shown = {name: default.strip("`") for name, default in rows if default.startswith("`")}
    assert Config.from_env(shown | {"BETTER_AUTH_SECRET": "x" * 32, "DATABASE_URL": "postgresql:///d"}) == config


def test_the_tour_works_when_pasted(service: Service) -> None:
    parts = ("Make an account", "Due dates, priorities", "Exchange the refresh token")
    script = "".join(block(README, part) for part in parts)
    script = script.replace("http://localhost:8000", service.url)
    lines = script.replace("curl -s", "curl -s --fail-with-body")
    ended = subprocess.run(["/bin/sh", "-ec", lines], capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    answers = ended.stdout.splitlines()
    assert '"title":"File taxes"' in answers[1]
    assert answers[2].startswith("[{")
    assert '"description":"Form 1040"' in answers[3]
    assert '"completed":true' in answers[4]
    assert '"due":"2026-12-01"' in answers[5]
    assert '"due":null' in answers[6]
    assert '"title":"Pay rent"' in answers[7]
    assert '"deleted_at":"' in answers[8]
    assert '"title":"File taxes"' in answers[9]
    assert answers[10].startswith('{"tasks":[{')
    assert '"email":"ada@example.com"' in answers[11]
    assert answers[12].startswith("[{")
    assert answers[13:] == ['{"success":true,"message":"Signed out successfully"}', "null"]


def test_the_curl_lines_of_the_api_page_do_what_it_says(service: Service, tmp_path: Path) -> None:
    blocks = re.findall(r"```bash\n(.*?)```", (ROOT / "docs" / "api.md").read_text(), re.DOTALL)
    script = "\n".join(f"echo '=== {number}'\n{code}" for number, code in enumerate(blocks))
    script = script.replace("http://localhost:8000", service.url)
    shell = ["/bin/sh", "-euc", script]
    ended = subprocess.run(shell, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stderr == ""
    said = [part.partition("\n")[2] for part in ended.stdout.split("=== ")[1:]]
    assert '"due":"2026-10-01"' in said[1]
    assert '"description":"Form 1040"' in said[2]
    assert '"due":null' in said[2]
    saved, refused, merged = said[3].splitlines()
    assert '"title":"File taxes early"' in saved
    assert '"code":"PRECONDITION_FAILED"' in refused
    assert '"title":"File taxes early"' in merged
    assert '"tags":["home","money"]' in merged
    assert said[4] == "304\n"
    assert '"title":"File taxes early"' in said[5]
    assert re.search(r"(?im)^link: <.*>; rel=\"next\", <.*>; rel=\"first\"", said[6])
    assert re.search(r"(?im)^x-total-count: 2\s", said[6])
    assert re.search(r'"title":"Call Ada".*"deleted":\[\d+\],.*"has_more":false', said[7])
    first, again = said[8].split()
    assert first == again
    results, deleted = said[9].splitlines()
    assert re.findall(r'"status":(\d+)', results) == ["201", "200", "200"]
    assert deleted == '{"deleted":1}'
    trash, restored, emptied = said[10].splitlines()
    assert '"deleted_at":"' in trash
    assert '"title":"Call Ada"' in restored
    assert emptied == '{"deleted":0}'
    assert said[11].splitlines() == ['{"created":0,"skipped":4,"errors":[]}'] * 2
    assert (tmp_path / "todo-export.ics").read_text().count("BEGIN:VTODO") == 4
    assert len((tmp_path / "todo-export.csv").read_text().splitlines()) == 5


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    text = path.read_text()
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (path.parent / target).exists(), target


def test_files_named_in_the_documents_exist() -> None:
    text = README + (ROOT / "CONTRIBUTING.md").read_text()
    for name in set(re.findall(r"`((?:[\w.]+/)*[\w-]+\.(?:py|md|toml|lock|example))`", text)):
        assert (ROOT / name).exists() or (ROOT / "todo_api" / name).exists(), name


def test_commands_of_dev_py_exist() -> None:
    shown = set(re.findall(r"python3 dev\.py (\w+)", README + (ROOT / "CONTRIBUTING.md").read_text()))
    assert {"run", "test", "check", "audit", "bench", "flask"} >= shown >= {"run", "test"}


def test_the_readme_names_each_command_of_administration_and_no_other() -> None:
    shown = re.findall(
        r"^\.venv/bin/flask (users|sessions|tasks) ([a-z-]+)", block(README, "flask users"), re.MULTILINE
    )
    assert re.search(rf"^\.venv/bin/flask {doctor.name} ", block(README, "flask users"), re.MULTILINE)
    assert sorted(shown) == sorted((group.name, name) for group in (USERS, SESSIONS, TASKS) for name in group.commands)


@pytest.mark.parametrize("path", sorted(ROOT.glob("*.lock")), ids=lambda path: path.name)
def test_locks_hold_hashes_and_no_address(path: Path) -> None:
    text = path.read_text()
    assert "://" not in text
    assert "file:" not in text
    packages = re.split(r"^\S+==", text, flags=re.MULTILINE)[1:]
    assert packages
    assert all("--hash=sha256:" in package for package in packages)


@pytest.mark.shows("ASVS 13.1.2")
def test_the_page_on_deploying_says_how_many_connections_there_are_and_how_long_is_waited() -> None:
    page = " ".join((ROOT / "docs" / "deploy.md").read_text().split())
    words = {3: "three", 4: "four", 6: "six", 8: "eight", 12: "twelve"}
    for said in (
        f"up to {words[THREADS]} requests in hand and holds at most {words[CONNECTIONS]} connections",
        f"`WEB_CONCURRENCY` × {2 * CONNECTIONS} must stay under",
        f"{words[POOL]} for a free connection, {words[int(timeouts.REQUEST)]} for all statements of a request",
        f"of which each has {words[int(timeouts.ANSWER)]}",
        f"nothing, if one is free in {words[POOL]} seconds; else 503",
    ):
        assert said in page
    assert POOL + timeouts.REQUEST + timeouts.LOOK < 12
    assert "within twelve seconds" in page
