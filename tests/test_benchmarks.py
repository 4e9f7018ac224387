"""The benchmark: its calculations, a short run, and that it leaves no process and no database behind."""

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
from benchmarks.accounts import Account, Accounts
from benchmarks.figures import Cell, Growth, Ratio, Results
from benchmarks.load import Figures, LoadError, Output, load, lua
from benchmarks.open_load import open_load
from benchmarks.options import HOME, parse
from benchmarks.processes import Memory, cpu_seconds, largest_worker, memory, postmaster, tree
from benchmarks.report import TRIED, report, tried
from benchmarks.rounds import cells
from benchmarks.servers import FLOOR, GRANIAN, SEED, SERVICE, Server
from benchmarks.sizes import ROWS
from benchmarks.workloads import WORKLOADS
from tests.support.databases import execute
from tests.support.processes import ROOT, clean_environ

if TYPE_CHECKING:
    from collections.abc import Iterator

WRK = pytest.mark.skipif(not shutil.which("wrk"), reason="wrk is not installed")
OUTPUT = '{"microseconds": 2000000, "p50": 1500, "p99": 20000, "unanswered": 0, "statuses": {"200": 300}}'
READERS, CREATORS = ([Account(f"{kind}{n}", "", "t", list(range(50))) for n in range(8)] for kind in "rc")
ACCOUNTS = Accounts(READERS, CREATORS)


def figures(rate: float, p50: float = 1, p99: float = 1) -> Figures:
    return Figures(rate, p50, p99, 0.5, None, 100)


def results_of(workload: str, service_rates: list[float], seed_rates: list[float]) -> Results:
    """Return rounds with these requests per second."""
    results = Results()
    for name, rates in ((SERVICE, service_rates), (SEED, seed_rates)):
        for number, rate in enumerate(rates):
            results.add(Cell(name, workload), number, figures(rate))
    return results


def test_the_output_of_wrk_is_parsed_to_seconds_and_milliseconds() -> None:
    output = Output.parse(f"Running 2s test\n  1 threads\n{OUTPUT}\n")
    assert output == Output(2.0, 1.5, 20.0, {200: 300}, 0)
    assert output.responses(200) == 300


@pytest.mark.parametrize("change", [{"statuses": {"200": 299, "503": 1}}, {"unanswered": 1}, {"statuses": {}}])
def test_one_unexpected_response_makes_the_load_a_failure(change: dict[str, Any]) -> None:
    output = Output.parse(json.dumps({**json.loads(OUTPUT), **change}))
    with pytest.raises(LoadError):
        output.responses(200)


def test_requests_become_lua_expressions() -> None:
    assert lua([{"body": '{"a": "\\"b\\\\"}', "none": None}]) == (
        r'{{["body"] = "{\"a\": \"\\\"b\\\\\"}", ["none"] = nil}}'
    )


def test_a_ratio_is_the_median_of_the_ratios_of_the_rounds() -> None:
    results = results_of("get", [100, 900, 300], [100, 300, 10])
    assert results.ratio(Cell(SERVICE, "get"), Cell(SEED, "get"), targets.rate) == Ratio(3, 1, 30)


def test_a_ratio_ignores_rounds_that_one_server_lacks() -> None:
    results = results_of("get", [100, 900], [50])
    assert results.ratio(Cell(SERVICE, "get"), Cell(SEED, "get"), targets.rate) == Ratio(2, 2, 2)
    assert results.ratio(Cell(SERVICE, "get"), Cell(FLOOR, "get"), targets.rate) is None


def test_medians_ignore_missing_figures() -> None:
    medians = results_of("get", [100, 900, 300], []).medians(Cell(SERVICE, "get"))
    assert medians == Figures(300, 1, 1, 0.5, None, 100)


def test_a_target_is_met_or_missed_or_not_measured() -> None:
    for rate, met in ((240, True), (239, False)):
        outcomes = {outcome.text: outcome for outcome in targets.outcomes(results_of("list", [rate], [100]))}
        assert outcomes["requests/s on list, relative to the seed"].met is met
        assert outcomes["requests/s on get, relative to the seed"].met is None


@pytest.mark.parametrize(("half", "end", "verdicts"), [(90, 91, [True, True]), (90, 101, [False, False])])
def test_memory_has_a_maximum_and_does_not_grow(half: float, end: float, verdicts: list[bool]) -> None:
    growth = Growth(100_000, Memory(0, 80), Memory(0, half), Memory(0, end))
    assert [outcome.met for outcome in targets.memory_outcomes(growth)] == verdicts


def test_the_report_has_failed_runs_and_missed_targets() -> None:
    results = results_of("list", [100], [100])
    results.failures.append("get, seed: 503")
    text = report(results, parse(["--quick"]), {"Python": "3"})
    assert "| list | seed | 100 | 1.0 | 1.0 | 0.50 | n/a | **1.00** (1.00 to 1.00) |" in text
    assert "| requests/s on list, relative to the seed | ≥ 2.4 | 1.00 | **missed by 58%** |" in text
    assert "## Failed runs\n\n- get, seed: 503" in text
    assert TRIED.read_text().strip() in text


def test_a_missed_target_adds_the_attempts_and_the_limits_of_the_floor() -> None:
    results = results_of("list", [100], [100])
    results.add(Cell(FLOOR, "list"), 0, Figures(250, 1, 1, 0.5, None, 100))
    assert "- requests/s of the floor on list, relative to the seed: 2.50" in "\n".join(tried(results))
    assert tried(results_of("list", [300], [100])) == []


def test_only_a_complete_run_replaces_the_results() -> None:
    assert parse([]).output == HOME
    assert parse(["--only", "get"]).output is parse(["--quick"]).output is None
    assert parse(["--quick", "--output", "there"]).output == Path("there")


@pytest.mark.parametrize("arguments", [["--only", "got"], ["--rounds", "0"], ["--peer", "nameless"]])
def test_an_invalid_option_is_rejected(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(arguments)
    assert repr(arguments[1]) in capsys.readouterr().err


def test_a_round_has_the_workloads_that_each_server_supports() -> None:
    servers = [Server(name, "", ACCOUNTS) for name in (SERVICE, GRANIAN, FLOOR, SEED, "peer")]
    names = "get,page,get+sign-ins,get@rate"
    loads = [(server.name, name) for server, name in cells(servers, parse(["--only", names]))]
    assert loads == [
        *((server.name, "get") for server in servers),
        (SERVICE, "page"),
        *((name, "get+sign-ins") for name in (SERVICE, GRANIAN, SEED, "peer")),
        *((server.name, "get@rate") for server in servers),
    ]


def test_the_mix_is_seven_lists_two_tasks_and_an_update() -> None:
    requests = WORKLOADS["mix"].build("", ACCOUNTS)
    lists = [request for request in requests if request.path.endswith("/tasks")]
    updates = [request for request in requests if request.method == "PUT"]
    assert (len(requests), len(lists), len(updates)) == (80, 56, 8)
    assert requests == WORKLOADS["mix"].build("", ACCOUNTS)
    assert {request.path.split("/")[2] for request in updates} == {reader.id for reader in ACCOUNTS.readers}


def test_the_cpu_time_of_a_process_includes_exited_children() -> None:
    burn = "import time\nwhile time.process_time() < 0.3: pass\n"
    script = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}]); print(); input()"
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        assert cpu_seconds(process.pid) >= 0.3
        assert process.pid in tree(os.getpid())


def test_the_memory_of_a_server_is_that_of_its_largest_worker() -> None:
    assert memory("0-1 ---p [rollup]\nRss:  2048 kB\nPss:  1024 kB\nPss_Dirty: 9 kB\n") == Memory(2, 1)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        assert largest_worker(os.getpid()).proportional > 0
        assert process.poll() is None
    assert postmaster(os.getpid()) is None


def test_the_rows_of_the_sizes_fit_the_schema(fresh_database: str) -> None:
    for statement in ROWS.values():
        execute(fresh_database, statement.replace("100000", "200"))
    counts = {table: execute(fresh_database, f"SELECT count(*) FROM {table}") for table in ROWS}
    assert counts == {table: [(2000 if table == "tasks" else 200,)] for table in ROWS}


class Flaky(BaseHTTPRequestHandler):
    """A server that fails at random."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(503 if random.random() < 0.2 else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


@contextmanager
def served(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


class Slow(BaseHTTPRequestHandler):
    """A server whose first response takes 0.8 seconds, during which no other one starts."""

    protocol_version = "HTTP/1.1"
    lock = threading.Lock()
    delays = [0.8]

    def do_GET(self) -> None:
        with self.lock:
            time.sleep(self.delays.pop() if self.delays else 0)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    log_message = Flaky.log_message


def test_an_open_load_counts_the_time_until_a_connection_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    """80 of 100 requests are due while the first one is served, and find no connection free."""
    monkeypatch.setattr("benchmarks.open_load.CONNECTIONS", 2)
    with served(Slow) as url:
        figures = open_load(Server("slow", url, ACCOUNTS), WORKLOADS["list"], 1, 100)
    assert figures.requests == 100
    assert figures.rate <= 102
    assert 150 < figures.p50 < figures.p99


def test_an_open_load_with_error_responses_has_no_figures() -> None:
    with served(Flaky) as url, pytest.raises(LoadError, match="503"):
        open_load(Server("flaky", url, ACCOUNTS), WORKLOADS["list"], 1, 100)


@WRK
def test_a_load_with_error_responses_has_no_figures() -> None:
    with served(Flaky) as url, pytest.raises(LoadError, match="503"):
        load(Server("flaky", url, ACCOUNTS), WORKLOADS["list"], 1, 2)


def start(server: str, *arguments: str) -> subprocess.Popen[str]:
    """Start the benchmark as dev.py does, with the service and the floor."""
    command = [sys.executable, "-m", "benchmarks", "--quick", "--only", "get", *arguments]
    environ = clean_environ(DATABASE_URL=server)
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=ROOT, env=environ, start_new_session=True, **pipes)


def databases(server: str) -> list[tuple[object, ...]]:
    return execute(server, "SELECT datname FROM pg_database WHERE datname LIKE 'todo_bench_%%'")


@WRK
def test_a_quick_run_compares_the_service_with_the_floor_and_leaves_no_database(server: str) -> None:
    before = databases(server)
    process = start(server)
    stdout, stderr = process.communicate(timeout=180)
    assert process.returncode == 0, stderr
    for name in (SERVICE, GRANIAN, FLOOR):
        assert f"| get | {name} | " in stdout
        assert f"get, {name}: " in stderr
    assert "| requests/s on get, relative to the floor | ≥ 0.68 | " in stdout
    assert databases(server) == before


@WRK
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_no_process_and_no_database(server: str, number: signal.Signals) -> None:
    before = databases(server)
    process = start(server)
    deadline = time.monotonic() + 120
    while len(pids := tree(process.pid)) < 4:  # the benchmark, a master and its workers
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(number)
    try:
        stderr = process.communicate(timeout=60)[1]
    finally:
        remaining = [pid for pid in pids if Path(f"/proc/{pid}").exists()]
        for pid in remaining:
            os.kill(pid, signal.SIGKILL)
    assert stderr.endswith("dev.py bench was stopped; no results were written.\n")
    assert remaining == []
    assert databases(server) == before
