"""The rules that hold the house up, as docs/architecture.md states them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

RANKS = {
    "config_mails": 0,
    "config_rates": 0,
    "config_readers": 0,
    "logs": 0,
    "ending": 0,
    "config": 1,
    "todo_api.clock": 1,
    "todo_api.errors": 1,
    "todo_api.extensions": 1,
    "todo_api.fields": 1,
    "todo_api.mail_transport": 1,
    "todo_api.paths": 1,
    "todo_api.patience": 1,
    "todo_api.service": 1,
    "todo_api.sql": 1,
    "todo_api.writing": 1,
    "todo_api.auth.cookies": 1,
    "todo_api.auth.examples": 1,
    "todo_api.auth.jwks": 1,
    "todo_api.auth.keyring": 1,
    "todo_api.auth.passwords": 1,
    "todo_api.auth.tokens": 1,
    "todo_api.tasks.examples": 1,
    "todo_api.answers": 2,
    "todo_api.connections": 2,
    "todo_api.observe": 2,
    "todo_api.headers": 2,
    "todo_api.mail": 2,
    "todo_api.models": 2,
    "todo_api.settings": 2,
    "todo_api.conditional": 2,
    "todo_api.json_provider": 2,
    "todo_api.parameters": 2,
    "todo_api.auth.errors": 2,
    "todo_api.auth.issuer": 2,
    "todo_api.auth.models": 2,
    "todo_api.tasks.models": 2,
    "todo_api.tasks.errors": 2,
    "todo_api.database": 3,
    "todo_api.bodies": 4,
    "todo_api.quotas": 4,
    "todo_api.auth.foreign": 4,
    "todo_api.auth.hashing": 4,
    "todo_api.auth.origins": 4,
    "todo_api.auth.policy": 4,
    "todo_api.auth.schemas": 4,
    "todo_api.auth.sessions": 4,
    "todo_api.tasks.schemas": 4,
    "todo_api.tasks.parameters": 4,
    "todo_api.places": 4,
    "todo_api.metrics": 4,
    "todo_api.counters": 5,
    "todo_api.redis_counters": 5,
    "todo_api.openapi": 5,
    "todo_api.spooling": 5,
    "todo_api.tasks.filters": 5,
    "todo_api.tasks.transfer_schemas": 5,
    "todo_api.auth.account_schemas": 5,
    "todo_api.auth.accounts": 5,
    "todo_api.auth.credentials": 5,
    "todo_api.auth.identity": 5,
    "todo_api.auth.resets": 5,
    "todo_api.auth.rotation": 5,
    "todo_api.tasks.list_schemas": 5,
    "todo_api.commands": 5,
    "todo_api.throttle": 6,
    "todo_api.documentation": 6,
    "todo_api.tasks.documents": 6,
    "todo_api.tasks.export_formats": 6,
    "todo_api.tasks.sorting": 6,
    "todo_api.doctor": 6,
    "todo_api.auth.attempts": 7,
    "todo_api.api": 7,
    "todo_api.auth.guard": 8,
    "todo_api.auth.session_guard": 9,
    "todo_api.auth.grants": 9,
    "todo_api.tasks.statements": 9,
    "todo_api.tasks.queries": 10,
    "todo_api.tasks.exports": 10,
    "todo_api.tasks.listing": 10,
    "todo_api.tasks.changes": 10,
    "todo_api.tasks.idempotency": 10,
    "todo_api.tasks.purging": 10,
    "todo_api.tasks.imports": 11,
    "todo_api.tasks.batch": 11,
    "todo_api.tasks.commands": 11,
    "todo_api.cli": 12,
    "todo_api.docs": 12,
    "todo_api.system": 12,
    "todo_api.auth.account_routes": 12,
    "todo_api.auth.routes": 12,
    "todo_api.auth.session_routes": 12,
    "todo_api.tasks.routes": 12,
    "todo_api.tasks.transfer_routes": 12,
    "todo_api.tasks.task_routes": 12,
    "todo_api": 13,
}
"""Every module of the service; a module imports lower ranks only."""

PURE = {
    "config",
    "config_mails",
    "config_rates",
    "config_readers",
    "ending",
    "logs",
    "todo_api.clock",
    "todo_api.errors",
    "todo_api.paths",
    "todo_api.auth.cookies",
    "todo_api.auth.jwks",
    "todo_api.auth.keyring",
    "todo_api.auth.passwords",
    "todo_api.auth.tokens",
}
"""Modules that know nothing of Flask: they take values and give values."""

OUTSIDE = [*ROOT.glob("config*.py"), ROOT / "ending.py", ROOT / "logs.py"]
FILES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in [*OUTSIDE, *sorted((ROOT / "todo_api").rglob("*.py"))]
}
SERVING = [ROOT / name for name in ("gunicorn.conf.py", "patient.py", "shutdown.py", "worker.py")]
"""What gunicorn's master loads; a reload reads only the first anew."""

PACKAGES = {"todo_api.auth", "todo_api.tasks"}
TREES = {name: ast.parse(path.read_text()) for name, path in FILES.items() if name not in PACKAGES}


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
        if name.startswith("todo_api.auth."):
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
    assert places(".commit(") == places(".rollback(") == {"todo_api.connections"}


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
