"""The rules that hold the house up, as docs/architecture.md states them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

RANKS = {
    "server.setting_parsers.mail": 0,
    "server.setting_parsers.rates": 0,
    "server.setting_parsers.scalars": 0,
    "server.logging": 0,
    "server.draining": 0,
    "config": 1,
    "todo_api.clock": 1,
    "todo_api.http.errors": 1,
    "todo_api.extensions": 1,
    "todo_api.http.fields": 1,
    "todo_api.mail.transport": 1,
    "todo_api.http.converters": 1,
    "todo_api.database.timeouts": 1,
    "todo_api.service": 1,
    "todo_api.database.statements": 1,
    "todo_api.http.serialization": 1,
    "todo_api.auth.sessions.cookies": 1,
    "todo_api.auth.examples": 1,
    "todo_api.auth.tokens.jwks": 1,
    "todo_api.auth.tokens.signing_keys": 1,
    "todo_api.auth.passwords.hashing": 1,
    "todo_api.auth.tokens.session_tokens": 1,
    "todo_api.tasks.examples": 1,
    "todo_api.http.responses": 2,
    "todo_api.database.connections": 2,
    "todo_api.operations.request_log": 2,
    "todo_api.http.headers": 2,
    "todo_api.mail.message": 2,
    "todo_api.rate_limiting.models": 2,
    "todo_api.settings": 2,
    "todo_api.http.conditional_requests": 2,
    "todo_api.http.json_provider": 2,
    "todo_api.http.query_string": 2,
    "todo_api.auth.errors": 2,
    "todo_api.auth.tokens.external_issuer": 2,
    "todo_api.auth.models": 2,
    "todo_api.tasks.models": 2,
    "todo_api.tasks.errors": 2,
    "todo_api.database.execution": 3,
    "todo_api.http.request_body": 4,
    "todo_api.rate_limiting.limits": 4,
    "todo_api.auth.tokens.external_users": 4,
    "todo_api.auth.passwords.hashing_queue": 4,
    "todo_api.auth.sessions.csrf": 4,
    "todo_api.auth.passwords.policy": 4,
    "todo_api.auth.schemas.sign_in": 4,
    "todo_api.auth.sessions.store": 4,
    "todo_api.tasks.schemas": 4,
    "todo_api.tasks.parameters": 4,
    "todo_api.http.cursors": 4,
    "todo_api.operations.metrics": 4,
    "todo_api.rate_limiting.postgres_store": 5,
    "todo_api.rate_limiting.redis_store": 5,
    "todo_api.openapi.document": 5,
    "todo_api.http.spooled_upload": 5,
    "todo_api.tasks.queries.filters": 5,
    "todo_api.tasks.transfer.schemas": 5,
    "todo_api.auth.schemas.account": 5,
    "todo_api.auth.accounts": 5,
    "todo_api.auth.sessions.credentials": 5,
    "todo_api.auth.tokens.identity": 5,
    "todo_api.auth.passwords.reset": 5,
    "todo_api.auth.sessions.refresh": 5,
    "todo_api.tasks.sync.schemas": 5,
    "todo_api.operations.cli": 5,
    "todo_api.rate_limiting.consumption": 6,
    "todo_api.http.documentation": 6,
    "todo_api.tasks.transfer.document_reader": 6,
    "todo_api.tasks.transfer.formats": 6,
    "todo_api.tasks.queries.sorting": 6,
    "todo_api.operations.doctor": 6,
    "todo_api.auth.rate_limits": 7,
    "todo_api.http.blueprint": 7,
    "todo_api.auth.guard": 8,
    "todo_api.auth.sessions.session_guard": 9,
    "todo_api.auth.sessions.responses": 9,
    "todo_api.tasks.queries.statements": 9,
    "todo_api.tasks.queries.item": 10,
    "todo_api.tasks.transfer.exporter": 10,
    "todo_api.tasks.queries.listing": 10,
    "todo_api.tasks.sync.changes": 10,
    "todo_api.tasks.sync.idempotency": 10,
    "todo_api.tasks.purge": 10,
    "todo_api.tasks.transfer.importer": 11,
    "todo_api.tasks.sync.batch": 11,
    "todo_api.tasks.cli": 11,
    "todo_api.auth.cli": 12,
    "todo_api.openapi.page": 12,
    "todo_api.operations.health": 12,
    "todo_api.auth.routes.account": 12,
    "todo_api.auth.routes.sign_in": 12,
    "todo_api.auth.routes.sessions": 12,
    "todo_api.tasks.routes.collection": 12,
    "todo_api.tasks.routes.transfer": 12,
    "todo_api.tasks.routes.item": 12,
    "todo_api": 13,
}
"""Every module of the service; a module imports lower ranks only."""

PURE = {
    "config",
    "server.setting_parsers.mail",
    "server.setting_parsers.rates",
    "server.setting_parsers.scalars",
    "server.draining",
    "server.logging",
    "todo_api.clock",
    "todo_api.http.errors",
    "todo_api.http.converters",
    "todo_api.auth.sessions.cookies",
    "todo_api.auth.tokens.jwks",
    "todo_api.auth.tokens.signing_keys",
    "todo_api.auth.passwords.hashing",
    "todo_api.auth.tokens.session_tokens",
}
"""Modules that know nothing of Flask: they take values and give values."""

OUTSIDE = [
    ROOT / "config.py",
    ROOT / "server" / "draining.py",
    ROOT / "server" / "logging.py",
    *(ROOT / "server" / "setting_parsers").glob("*.py"),
]
FILES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in [*OUTSIDE, *sorted((ROOT / "todo_api").rglob("*.py"))]
}
SERVING = [
    ROOT / name
    for name in ("gunicorn.conf.py", "server/socket_timeouts.py", "server/graceful_shutdown.py", "server/worker.py")
]
"""What gunicorn's master loads; a reload reads only the first anew."""

TREES = {
    name: ast.parse(path.read_text())
    for name, path in FILES.items()
    if path.name != "__init__.py" or name == "todo_api"
}


def imported(tree: ast.AST) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.module is not None, "relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return names


def test_every_module_has_a_rank() -> None:
    assert set(TREES) == set(RANKS)


@pytest.mark.parametrize("name", TREES)
def test_imports_point_down(name: str) -> None:
    names = imported(TREES[name])
    ours = names & (set(RANKS) - {"todo_api"})
    assert "todo_api" not in {module for module in names if not any(f"{module}." in other for other in names)}
    assert {other for other in ours if RANKS[other] >= RANKS[name]} == set()


@pytest.mark.parametrize("name", sorted(PURE))
def test_pure_modules_know_no_framework(name: str) -> None:
    known = {module.split(".")[0] for module in imported(TREES[name])}
    assert known & {"flask", "flask_sqlalchemy", "sqlalchemy", "marshmallow"} == set()


def test_the_features_meet_at_the_guard_only() -> None:
    for name, tree in TREES.items():
        ours = {module for module in imported(tree) if module in RANKS}
        if name.startswith("todo_api.tasks."):
            assert {module for module in ours if module.startswith("todo_api.auth.")} <= {"todo_api.auth.guard"}
        if name.startswith("todo_api.auth.") and name != "todo_api.auth.cli":
            assert not any(module.startswith("todo_api.tasks.") for module in ours)


@pytest.mark.parametrize("name", TREES)
def test_imports_stand_at_the_top(name: str) -> None:
    inside = [
        node.lineno
        for function in ast.walk(TREES[name])
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert inside == []


def places(text: str) -> set[str]:
    return {name for name, path in FILES.items() if text in path.read_text()}


def test_the_environment_is_read_outside_the_package() -> None:
    assert places("environ[") | places("environ.get") | places("getenv") <= {"config"}
    assert places("os.environ") == set()
    assert "os.environ" in (ROOT / "wsgi.py").read_text()


def test_nothing_commits_by_hand() -> None:
    assert places(".commit(") == places(".rollback(") == {"todo_api.database.connections"}


@pytest.mark.parametrize("path", SERVING, ids=lambda path: path.name)
def test_the_master_loads_nothing_that_a_reload_is_to_read_anew(path: Path) -> None:
    tree = ast.parse(path.read_text())
    at_the_top = ast.Module([node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)], [])
    assert not any(name.split(".")[0] == "todo_api" for name in imported(at_the_top))


@pytest.mark.parametrize(
    "path",
    sorted([*FILES.values(), *SERVING, *(ROOT / "benchmarks").glob("*.py")]),
    ids=lambda path: path.name,
)
def test_files_and_functions_stay_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 200
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            lines = (node.end_lineno or 0) - body[0].lineno + 1 if body else 0
            assert lines <= 25, f"{node.name} has {lines} lines"
