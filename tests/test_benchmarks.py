"""The benchmark: what it reckons, and that it measures and leaves nothing behind."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks import targets
from benchmarks.figures import Cell, Growth, Ratio, Results
from benchmarks.load import Figures, LoadError, Said, load, lua
from benchmarks.options import HOME, parse
from benchmarks.people import Account, People
from benchmarks.processes import Memory, cpu_seconds, largest_worker, memory, postmaster, tree
from benchmarks.report import TRIED, report, tried
from benchmarks.rounds import cells
from benchmarks.servers import FLOOR, OURS, SEED, Server
from benchmarks.workloads import WORKLOADS
from tests.support.databases import execute
from tests.support.processes import ROOT, environment

if TYPE_CHECKING:
    from collections.abc import Iterator

WRK = pytest.mark.skipif(not shutil.which("wrk"), reason="no wrk here")
SAID = '{"microseconds": 2000000, "p50": 1500, "p99": 20000, "broken": 0, "statuses": {"200": 300}}'
READERS, CREATORS = ([Account(f"{kind}{n}", "", "t", list(range(50))) for n in range(8)] for kind in "rc")
PEOPLE = People(READERS, CREATORS)


def figures(rate: float, p50: float = 1, p99: float = 1) -> Figures:
    return Figures(rate, p50, p99, 0.5, None, 100)


def results(workload: str, ours: list[float], theirs: list[float], server: str = SEED) -> Results:
    """Return rounds with these requests per second."""
    made = Results()
    for name, rates in ((OURS, ours), (server, theirs)):
        for number, rate in enumerate(rates):
            made.add(Cell(name, workload), number, figures(rate))
    return made


def test_what_wrk_says_is_read_in_seconds_and_milliseconds() -> None:
    said = Said.read(f"Running 2s test\n  1 threads\n{SAID}\n")
    assert said == Said(2.0, 1.5, 20.0, {200: 300}, 0)
    assert said.answered(200) == 300


@pytest.mark.parametrize("change", [{"statuses": {"200": 299, "503": 1}}, {"broken": 1}, {"statuses": {}}])
def test_one_answer_that_is_not_as_expected_makes_the_run_a_failure(change: dict[str, Any]) -> None:
    said = Said.read(json.dumps({**json.loads(SAID), **change}))
    with pytest.raises(LoadError):
        said.answered(200)


def test_requests_reach_lua_as_they_are() -> None:
    assert lua([{"body": '{"a": "\\"b\\\\"}', "none": None}]) == (
        r'{{["body"] = "{\"a\": \"\\\"b\\\\\"}", ["none"] = nil}}'
    )


def test_a_ratio_is_the_median_of_the_paired_rounds_and_not_that_of_the_medians() -> None:
    made = results("get", [100, 900, 300], [100, 300, 10])
    assert made.ratio(Cell(OURS, "get"), Cell(SEED, "get"), targets.rate) == Ratio(3, 1, 30)


def test_a_round_that_one_of_both_lacks_counts_for_neither() -> None:
    made = results("get", [100, 900], [50])
    assert made.ratio(Cell(OURS, "get"), Cell(SEED, "get"), targets.rate) == Ratio(2, 2, 2)
    assert made.ratio(Cell(OURS, "get"), Cell(FLOOR, "get"), targets.rate) is None


def test_medians_leave_out_what_could_not_be_measured() -> None:
    middle = results("get", [100, 900, 300], []).middle(Cell(OURS, "get"))
    assert middle == Figures(300, 1, 1, 0.5, None, 100)


def test_a_target_is_met_or_missed_or_not_measured() -> None:
    for ours, met in ((300, True), (299, False)):
        found = {each.text: each for each in targets.outcomes(results("list", [ours], [100]))}
        assert found["requests/s on list, to the seed's"].met is met
        assert found["requests/s on get, to the seed's"].met is None


@pytest.mark.parametrize(("half", "end", "verdicts"), [(90, 91, [True, True]), (90, 101, [False, False])])
def test_memory_has_a_bound_and_does_not_grow(half: float, end: float, verdicts: list[bool]) -> None:
    growth = Growth(100_000, Memory(0, 80), Memory(0, half), Memory(0, end))
    assert [each.met for each in targets.memory_outcomes(growth)] == verdicts


def test_the_report_names_what_failed_and_what_was_missed() -> None:
    made = results("list", [100], [100])
    made.failures.append("get, seed: 503")
    text = report(made, parse(["--quick"]), {"Python": "3"})
    assert "| list | seed | 100 | 1.0 | 1.0 | 0.50 | n/a | **1.00** (1.00 to 1.00) |" in text
    assert "| requests/s on list, to the seed's | ≥ 3 | 1.00 | **missed by 67%** |" in text
    assert "## Failed runs\n\n- get, seed: 503" in text
    assert TRIED.read_text().strip() in text


def test_what_was_tried_is_told_with_what_can_be_had_at_all_and_only_where_something_is_missed() -> None:
    made = results("list", [100], [100])
    made.add(Cell(FLOOR, "list"), 0, Figures(250, 1, 1, 0.5, None, 100))
    assert "- requests/s of the floor itself on list, to the seed's: 2.50" in "\n".join(tried(made))
    assert tried(results("list", [300], [100])) == []


def test_results_of_a_part_do_not_replace_those_of_the_whole() -> None:
    assert parse([]).output == HOME
    assert parse(["--only", "get"]).output is parse(["--quick"]).output is None
    assert parse(["--quick", "--output", "there"]).output == Path("there")


@pytest.mark.parametrize("wrong", [["--only", "got"], ["--rounds", "0"], ["--peer", "nameless"]])
def test_options_that_mean_nothing_are_refused(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(wrong)
    assert repr(wrong[1]) in capsys.readouterr().err


def test_a_round_gives_each_server_what_it_can_do() -> None:
    servers = [Server(name, "", PEOPLE) for name in (OURS, FLOOR, SEED, "somebody's")]
    found = [(server.name, name) for server, name in cells(servers, parse(["--only", "get,page,get+sign-ins"]))]
    assert found == [
        *((server.name, "get") for server in servers),
        (OURS, "page"),
        *((name, "get+sign-ins") for name in (OURS, SEED, "somebody's")),
    ]


def test_the_mix_is_seven_lists_two_tasks_and_a_change() -> None:
    requests = WORKLOADS["mix"].build("", PEOPLE)
    lists = [each for each in requests if each.path.endswith("/tasks")]
    changes = [each for each in requests if each.method == "PUT"]
    assert (len(requests), len(lists), len(changes)) == (80, 56, 8)
    assert requests == WORKLOADS["mix"].build("", PEOPLE)
    assert {each.path.split("/")[2] for each in changes} == {each.id for each in PEOPLE.readers}


def test_the_cpu_of_a_process_counts_its_children_also_when_they_have_ended() -> None:
    burn = "import time\nwhile time.process_time() < 0.3: pass\n"
    script = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}]); print(); input()"
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        assert cpu_seconds(process.pid) >= 0.3
        assert process.pid in tree(os.getpid())


def test_memory_is_that_of_the_largest_worker() -> None:
    assert memory("0-1 ---p [rollup]\nRss:  2048 kB\nPss:  1024 kB\nPss_Dirty: 9 kB\n") == Memory(2, 1)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        assert largest_worker(os.getpid()).proportional > 0
        assert process.poll() is None
    assert postmaster(os.getpid()) is None


class Flaky(BaseHTTPRequestHandler):
    """A server that fails now and then."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(503 if random.random() < 0.2 else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


@contextmanager
def flaky() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Flaky) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@WRK
def test_errors_among_the_answers_give_no_figures() -> None:
    with flaky() as url, pytest.raises(LoadError, match="503"):
        load(Server("flaky", url, PEOPLE), WORKLOADS["list"], 1, 2)


def start(server: str, *arguments: str) -> subprocess.Popen[str]:
    """Run the benchmark as dev.py does, with this service and the floor."""
    command = [sys.executable, "-m", "benchmarks", "--quick", "--only", "get", "--seed", "none", *arguments]
    environ = environment(DATABASE_URL=server)
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=ROOT, env=environ, start_new_session=True, **pipes)


def databases(server: str) -> list[tuple[object, ...]]:
    return execute(server, "SELECT datname FROM pg_database WHERE datname LIKE 'todo_bench_%%'")


@WRK
def test_a_quick_run_compares_the_service_with_the_floor_and_leaves_nothing(server: str) -> None:
    before = databases(server)
    process = start(server)
    said, told = process.communicate(timeout=180)
    assert process.returncode == 0, told
    for name in (OURS, FLOOR):
        assert f"| get | {name} | " in said
        assert f"get, {name}: " in told
    assert "| requests/s on get, to the floor's | ≥ 0.6 | " in said
    assert databases(server) == before


@WRK
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_nothing(server: str, how: signal.Signals) -> None:
    before = databases(server)
    process = start(server)
    deadline = time.monotonic() + 120
    while len(started := tree(process.pid)) < 4:  # a master, and its workers
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(how)
    try:
        told = process.communicate(timeout=60)[1]
    finally:
        left = [pid for pid in started if Path(f"/proc/{pid}").exists()]
        for pid in left:
            os.kill(pid, signal.SIGKILL)
    assert told.endswith("dev.py bench was stopped; nothing is written.\n")
    assert left == []
    assert databases(server) == before
