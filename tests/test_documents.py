"""The documents: their commands run, their links resolve, and their figures are those of the code."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from benchmarks.capacity import Size, measured_cpu, report
from benchmarks.sizes import TABLES
from config import THREADS
from tests.support.processes import ROOT
from tests.support.routes import RULES, operations
from tests.test_architecture import PACKAGES
from todo_api.auth.api_keys.cli import KEYS
from todo_api.auth.cli import SESSIONS, USERS
from todo_api.database import timeouts
from todo_api.database.connections import POOL_SIZE, POOL_TIMEOUT
from todo_api.operations.doctor import doctor
from todo_api.tasks.cli import TASKS
from todo_api.tasks.recurrence.statements import TOGGLE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.processes import Service

README = (ROOT / "README.md").read_text()
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()
DEPLOYMENT = (ROOT / "docs" / "deploy.md").read_text()
API_PAGE = (ROOT / "docs" / "api.md").read_text()
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


def block(text: str, containing: str) -> str:
    """Return the one block of shell commands that contains a text."""
    code: str
    (code,) = [code for code in re.findall(r"```bash\n(.*?)```", text, re.DOTALL) if containing in code]
    return code


def test_the_readme_has_the_measured_ratios() -> None:
    results = (ROOT / "benchmarks" / "RESULTS.md").read_text()
    ratios = {
        (workload, server): ratio
        for workload, server, ratio in re.findall(
            r"^\| ([\w+-]+) \| (floor|seed|granian) \|.* \*\*([\d.]+)\*\* \(", results, re.MULTILINE
        )
    }
    rows = re.findall(r"^\| [^|]+ \(`([\w+-]+)`\)((?: \| (?:[\d.]+|n/a)){3}) \|$", README, re.MULTILINE)
    assert len(rows) >= 5
    for workload, figures in rows:
        measured = [ratios.get((workload, server), "n/a") for server in ("floor", "seed", "granian")]
        assert figures.split(" | ")[1:] == measured


def test_the_scaling_page_has_the_measured_sizes() -> None:
    lines = (ROOT / "benchmarks" / "SIZES.md").read_text().splitlines()
    page = (ROOT / "docs" / "scaling.md").read_text()
    figures = [line for line in lines if line.startswith(("| `", "| all ", "| 10^", "- "))]
    assert len(figures) >= 14
    assert [line for line in figures if f"{line}\n" not in page] == []


def test_the_measured_sizes_have_the_capacity_that_follows() -> None:
    text = (ROOT / "benchmarks" / "SIZES.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| ([\d,]+) \| ([\d,]+) \|$", text, re.MULTILINE)
    sizes = {name: Size(*(int(size.replace(",", "")) for size in row)) for name, *row in rows}
    (postgresql,) = re.findall(r"PostgreSQL ([\d.]+) with", text)
    assert text == report(sizes, measured_cpu(), postgresql)
    assert set(sizes) == set(TABLES)


def shell_output(commands: str, folder: Path) -> str:
    """Return what shell commands print, which succeed and complain of nothing."""
    ended = subprocess.run(
        ["/bin/sh", "-euc", commands], cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stderr == ""
    return ended.stdout


def test_the_tour_works_when_pasted(service: Service, tmp_path: Path) -> None:
    tour = block(README, "Sign up").replace("http://localhost:8000", service.url)
    tour = tour.replace("curl -s", "curl -s --fail-with-body")
    _sign_up, created, with_due, updated, completed, listed, restored, by_key, signed_out = shell_output(
        tour, tmp_path
    ).splitlines()
    assert '"title":"File taxes"' in created
    assert '"due":"2026-12-01"' in with_due
    assert '"description":"Form 1040"' in updated
    assert '"completed":true' in completed
    assert listed.startswith("[{")
    assert '"title":"Pay rent"' in listed
    assert '"title":"File taxes"' in restored
    assert by_key.startswith("[{")
    assert signed_out == '{"success":true,"message":"Signed out successfully"}'


def test_the_commands_of_the_api_page_do_what_it_says(service: Service, tmp_path: Path) -> None:
    blocks = re.findall(r"```bash\n(.*?)```", API_PAGE, re.DOTALL)
    script = "\n".join(f"echo '=== {number}'\n{code}" for number, code in enumerate(blocks))
    output = shell_output(script.replace("http://localhost:8000", service.url), tmp_path)
    printed = [part.partition("\n")[2] for part in output.split("=== ")[1:]]
    assert '"due":"2026-10-01"' in printed[1]
    assert '"description":"Form 1040"' in printed[2]
    assert '"due":null' in printed[2]
    occurrences, next_id, deleted = printed[3].splitlines()
    assert occurrences == '{"occurrences":["2090-03-31","2090-05-31","2090-07-31"]}'
    assert next_id.isdigit()
    assert deleted == '{"deleted":2}'
    saved, refused, merged = printed[4].splitlines()
    assert '"title":"File taxes early"' in saved
    assert '"code":"PRECONDITION_FAILED"' in refused
    assert '"title":"File taxes early"' in merged
    assert '"tags":["home","money"]' in merged
    assert printed[5] == "304\n"
    assert '"title":"File taxes early"' in printed[6]
    assert re.search(r"(?im)^link: <.*>; rel=\"next\", <.*>; rel=\"first\"", printed[7])
    assert re.search(r"(?im)^x-total-count: 2\s", printed[7])
    everything, changes = printed[8].splitlines()
    assert everything.startswith('{"tasks":[{')
    assert re.search(r'"title":"Call Ada".*"deleted":\[\d+\],.*"has_more":false', changes)
    first, second = printed[9].split()
    assert first == second
    results, deleted = printed[10].splitlines()
    assert re.findall(r'"status":(\d+)', results) == ["201", "200", "200"]
    assert deleted == '{"deleted":1}'
    trash, restored, emptied = printed[11].splitlines()
    assert '"deleted_at":"' in trash
    assert '"title":"Call Ada"' in restored
    assert emptied == '{"deleted":0}'
    assert printed[12].splitlines() == ['{"created":0,"skipped":4,"errors":[],"warnings":[]}'] * 2
    assert printed[13].strip() == '{"created":0,"skipped":4,"errors":[],"warnings":[]}'
    assert (tmp_path / "todo-export.ics").read_text().count("BEGIN:VTODO") == 4
    assert len((tmp_path / "todo-export.csv").read_text().splitlines()) == 5
    assert "\nX-WR-CALNAME:Home\n" in printed[14].replace("\r", "")
    assert re.search(r'^\[{"id":\d+,"name":"Home",.*"last_read_on":"[\d-]{10}"}\]$', printed[14], re.MULTILINE)
    created, listed, refused, deleted, revoked = printed[15].splitlines()
    assert '"title":"Water plants"' in created
    assert listed.startswith("[{")
    assert '"code":"INSUFFICIENT_SCOPE"' in refused
    assert deleted == '{"success":true}'
    assert '"code":"INVALID_TOKEN"' in revoked
    tasks, session, sessions, signed_out, no_session = printed[16].splitlines()
    assert tasks.startswith("[{")
    assert re.search(r'"email":"grace-\d+@example\.com"', session)
    assert sessions.startswith("[{")
    assert signed_out == '{"success":true,"message":"Signed out successfully"}'
    assert no_session == "null"


def test_the_architecture_page_has_the_parts_of_a_write() -> None:
    (statement,) = re.findall(r"```sql\n(.*?)```", ARCHITECTURE, re.DOTALL)
    parts = r"(\w+) AS\s*\("
    assert re.findall(parts, statement) == re.findall(parts, TOGGLE.text)


def test_the_api_page_lists_every_route() -> None:
    listed = {
        (method, path)
        for methods, paths in re.findall(r"^\| ([A-Z, ]+) \| ((?:`/\S*` ?)+) \|", API_PAGE, re.MULTILINE)
        for method in methods.split(", ")
        for path in re.findall("`(.+?)`", paths)
    }
    documented = [rule for rule in RULES if re.match(r"/(?!docs|openapi\.json)", rule.rule)]
    served = {(method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", path)) for method, path in operations(documented)}
    names = {"{user}": "{user_id}", "{task}": "{task_id}"}
    assert listed == {(method, re.sub(r"{user}|{task}", lambda name: names[name[0]], path)) for method, path in served}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_resolve(path: Path) -> None:
    text = path.read_text()
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (path.parent / target).exists(), target


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= 150


def test_the_architecture_page_has_the_package_order() -> None:
    assert f"```text{PACKAGES}```" in ARCHITECTURE


@pytest.mark.parametrize("folder", ["devtools", "server", "todo_api"])
def test_the_architecture_page_has_every_module(folder: str) -> None:
    modules = {
        str(path.relative_to(ROOT).with_suffix(""))
        for path in (ROOT / folder).rglob("*.py")
        if path.name != "__init__.py"
    }
    assert {module for module in tree_modules() if module.startswith(f"{folder}/")} == modules


def tree_modules() -> Iterator[str]:
    """Yield the modules of the tree on the architecture page: one folder a line, with its modules behind it."""
    folders: list[tuple[int, str]] = []
    for line in ARCHITECTURE.partition("## Tree")[2].split("```")[1].splitlines()[1:]:
        text = line.partition("#")[0]
        first, *others = text.split()
        if first.endswith("/"):
            indent = len(text) - len(text.lstrip())
            folders = [*(folder for folder in folders if folder[0] < indent), (indent, first)]
        else:
            others = [first, *others]
        yield from ("".join(name for _, name in folders) + module for module in others)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_named_files_exist(path: Path) -> None:
    for name in set(
        re.findall(r"`((?:[\w.-]+/)*[\w.-]+\.(?:py|md|toml|lock|example|yaml|service|timer))`", path.read_text())
    ):
        assert any((ROOT / folder / name).exists() for folder in ("", "todo_api", "deploy")), name


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_named_code_exists(path: Path) -> None:
    for name, file in re.findall(r"`(\w+)[^`]*` (?:in|of) `([\w./]+\.py)`", path.read_text()):
        (source,) = [ROOT / folder / file for folder in ("", "todo_api") if (ROOT / folder / file).exists()]
        assert re.search(rf"^\s*(?:def |class )?{name}\b", source.read_text(), re.MULTILINE), f"{name} in {file}"


def test_named_commands_of_dev_py_exist() -> None:
    commands = set(re.findall(r"python3 dev\.py (\w+)", README + CONTRIBUTING))
    assert {"run", "test", "check", "audit", "bench", "flask"} >= commands >= {"run", "test"}


def test_the_deployment_page_lists_the_administration_commands() -> None:
    commands = block(DEPLOYMENT, "flask users")
    listed = re.findall(r"^\.venv/bin/flask (users|keys|sessions|tasks) ([a-z-]+)", commands, re.MULTILINE)
    assert re.search(rf"^\.venv/bin/flask {doctor.name} ", commands, re.MULTILINE)
    groups = (USERS, KEYS, SESSIONS, TASKS)
    assert sorted(listed) == sorted((group.name, name) for group in groups for name in group.commands)


@pytest.mark.parametrize("path", sorted(ROOT.glob("*.lock")), ids=lambda path: path.name)
def test_lock_files_have_hashes_and_no_index(path: Path) -> None:
    text = path.read_text()
    assert "://" not in text
    assert "file:" not in text
    packages = re.split(r"^\S+==", text, flags=re.MULTILINE)[1:]
    assert packages
    assert all("--hash=sha256:" in package for package in packages)


@pytest.mark.shows("ASVS 13.1.2")
def test_the_deployment_page_has_the_connection_limits_and_timeouts() -> None:
    page = " ".join(DEPLOYMENT.split())
    words = {3: "three", 4: "four", 6: "six", 8: "eight", 12: "twelve"}
    for text in (
        f"up to {words[THREADS]} requests at once and holds at most {words[POOL_SIZE]} connections",
        f"`WEB_CONCURRENCY` × {2 * POOL_SIZE} must stay under",
        f"{words[POOL_TIMEOUT]} for a free connection",
        f"{words[int(timeouts.REQUEST_TIMEOUT)]} for all statements of a request",
        f"of which each has {words[int(timeouts.RESPONSE_TIMEOUT)]}",
        f"nothing, if one is free in {words[POOL_TIMEOUT]} seconds; else 503",
    ):
        assert text in page
    assert POOL_TIMEOUT + timeouts.REQUEST_TIMEOUT + timeouts.WATCHDOG_INTERVAL < 12
    assert "within twelve seconds" in page
