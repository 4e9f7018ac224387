"""Fixtures of all tests, and what a run of many tests needs: parallel workers, quick runs, figures at the end."""

from __future__ import annotations

import sys
from collections import Counter
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.scale.compiled import COMPILED
from tests.support.actors import Actor
from tests.support.citus import citus_cluster, distributed_database
from tests.support.databases import application, migrate, new_database, postgres_server
from tests.support.pgbouncer import pgbouncer
from tests.support.processes import GUNICORN, Service, running_service
from tests.support.summary import write_summary

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from flask import Flask
    from flask.testing import FlaskClient

    from tests.support.citus import Cluster

SERVER = pytest.StashKey[str]()


@pytest.fixture(scope="session")
def server(pytestconfig: pytest.Config) -> Iterator[str]:
    """Yield the URL of a PostgreSQL server; the workers of a parallel run share one."""
    if worker := getattr(pytestconfig, "workerinput", None):
        yield worker["server"]
    else:
        with postgres_server() as url:
            yield url


@pytest.fixture(scope="session")
def template(server: str) -> Iterator[str]:
    """Yield a migrated, empty database."""
    with new_database(server) as url:
        migrate(url)
        yield url


@pytest.fixture(scope="session")
def citus() -> Iterator[Cluster]:
    """Yield a cluster of Citus, without a database of the service."""
    with citus_cluster() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def database(request: pytest.FixtureRequest) -> Iterator[str]:
    """Yield the database that most tests share. Each test creates its own users."""
    with own_database(request) as url:
        yield url


@pytest.fixture
def fresh_database(request: pytest.FixtureRequest) -> Iterator[str]:
    """Yield a database of the test's own."""
    with own_database(request) as url:
        yield url


@contextmanager
def own_database(request: pytest.FixtureRequest) -> Iterator[str]:
    """Yield the URL of a new database, in the way that the options of the run say."""
    option = request.config.option
    if option.citus:
        cluster = distributed_database(request.getfixturevalue("citus"))
        yield cluster.coordinator if option.citus == "coordinator" else cluster.workers[0]
        return
    server, template = (request.getfixturevalue(name) for name in ("server", "template"))
    # Tests that hold locks need more connections to the server than the service alone.
    reach = partial(pgbouncer, pool_size=20) if option.pooler else nullcontext
    with new_database(server, template) as url, reach(url) as reachable_url:
        yield reachable_url


@pytest.fixture(scope="session")
def app(database: str) -> Flask:
    return application(database)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client(use_cookies=False)


@pytest.fixture
def alice(app: Flask) -> Actor:
    return Actor.sign_up(app, "Alice")


@pytest.fixture
def bob(app: Flask) -> Actor:
    return Actor.sign_up(app, "Bob")


@pytest.fixture
def service(request: pytest.FixtureRequest, fresh_database: str) -> Iterator[Service]:
    """Yield the service on gunicorn, or on the server of an indirect parameter, with a database of its own."""
    with running_service(fresh_database, server=getattr(request, "param", GUNICORN)) as service:
        yield service


@pytest.fixture(autouse=True)
def _routed_statements() -> Iterator[None]:
    """Check the statements that the test is the first to compile."""
    yield
    assert COMPILED.check() == []


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--quick", action="store_true", help="skip each test that starts a process")
    parser.addoption("--pooler", action="store_true", help="reach the databases through PgBouncer")
    nodes = ("coordinator", "worker")
    parser.addoption("--citus", choices=nodes, help="distribute the databases with Citus, and reach them by this node")


def pytest_configure_node(node: Any) -> None:
    """Start one PostgreSQL for all workers, in the process that controls them."""
    config = node.config
    if SERVER not in config.stash:
        stack = ExitStack()
        config.add_cleanup(stack.close)
        config.stash[SERVER] = stack.enter_context(postgres_server())
    node.workerinput["server"] = config.stash[SERVER]


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Ignore a module in a quick run whose cases take seconds to generate, and all need a server."""
    return True if config.option.quick and collection_path.name == "test_schemathesis.py" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the modules of few tests: most of these start servers and would otherwise be left to the end."""
    sizes = Counter(item.path for item in items)
    items.sort(key=lambda item: sizes[item.path])


def pytest_collection_finish(session: pytest.Session) -> None:
    COMPILED.watch()
    if session.config.option.quick:
        sys.addaudithook(skip_processes)


def skip_processes(event: str, arguments: tuple[Any, ...]) -> None:
    """Skip a test of a quick run as soon as it starts a process. PostgreSQL alone may be started."""
    if event == "subprocess.Popen" and Path(arguments[0]).name not in {"initdb", "postgres"}:
        pytest.skip("it starts a process")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Escape what a test logged that is not UTF-8: a worker could not send it."""
    report = yield
    report.sections = [(name, text.encode(errors="backslashreplace").decode()) for name, text in report.sections]
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    write_summary(terminalreporter)
