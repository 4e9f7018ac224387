"""The rules of docs/architecture.md: which package imports which, and how long files and functions are."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent

PACKAGES = """
    wsgi                          gunicorn.conf      serve_granian
    todo_api
    todo_api.tasks
    todo_api.auth
    todo_api.operations
    todo_api.rate_limiting        todo_api.mail
    todo_api.openapi
    todo_api.http
    todo_api.database
    todo_api.settings             todo_api.clock     todo_api.extensions
    config
    server
"""
"""The packages, highest first. A package imports only packages of lower lines."""

ORDER = [line.split() for line in PACKAGES.strip().splitlines()]
RANKS = {package: len(ORDER) - index for index, line in enumerate(ORDER) for package in line}

PURE = {
    "config",
    "server",
    "todo_api.clock",
    "todo_api.http.converters",
    "todo_api.http.errors",
    "todo_api.http.media_types",
    "todo_api.auth.api_keys.encoding",
    "todo_api.auth.api_keys.scopes",
    "todo_api.auth.passwords.hashing",
    "todo_api.auth.sessions.cookies",
    "todo_api.auth.tokens.jwks",
    "todo_api.auth.tokens.session_tokens",
    "todo_api.auth.tokens.signing_keys",
    "todo_api.auth.verification.link_tokens",
    "todo_api.tasks.feeds.tokens",
    "todo_api.tasks.recurrence.days",
    "todo_api.tasks.recurrence.parts",
    "todo_api.tasks.recurrence.rules",
    "todo_api.tasks.recurrence.series",
}
"""Modules and packages without Flask, SQLAlchemy and marshmallow."""

ON_DEMAND = {
    "alembic.runtime.migration",
    "alembic.script",
    "flask_migrate",
    "flask_migrate.cli",
    "todo_api.rate_limiting.redis_store",
}
"""Modules that few processes need. The function that needs them imports them, since they take a tenth of a start."""

SERVICE = [
    ROOT / "config.py",
    ROOT / "wsgi.py",
    ROOT / "gunicorn.conf.py",
    ROOT / "serve_granian.py",
    *sorted((ROOT / "server").rglob("*.py")),
    *sorted((ROOT / "todo_api").rglob("*.py")),
]
TOOLS = [ROOT / "dev.py", *sorted((ROOT / "devtools").glob("*.py")), *sorted((ROOT / "benchmarks").glob("*.py"))]


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_name(path): path for path in [*SERVICE, *TOOLS]}
TREES = {name: ast.parse(path.read_text()) for name, path in MODULES.items()}


def nodes_outside_functions(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes that run when the module is loaded."""
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, ast.FunctionDef):
            yield node
            yield from nodes_outside_functions(node)


def imported_modules(tree: ast.AST) -> set[str]:
    """Return the modules of this project that a module imports."""
    names = set()
    for node in nodes_outside_functions(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.module is not None, "relative import"
            submodules = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= (submodules & set(MODULES)) or {node.module}
    return names & set(MODULES)


IMPORTS = {name: imported_modules(tree) for name, tree in TREES.items()}


def package_of(module: str) -> str:
    """Return the innermost package of the table that contains the module."""
    return max((package for package in RANKS if f"{module}.".startswith(f"{package}.")), key=len)


def is_in(module: str, packages: set[str]) -> bool:
    return any(f"{module}.".startswith(f"{package}.") for package in packages)


SERVICE_NAMES = [module_name(path) for path in SERVICE]


@pytest.mark.parametrize("name", SERVICE_NAMES)
def test_a_package_imports_lower_packages_only(name: str) -> None:
    own = package_of(name)
    for other in map(package_of, IMPORTS[name]):
        assert other == own or RANKS[other] < RANKS[own], f"{name} imports {other}"


@pytest.mark.parametrize("line", ORDER, ids=" ".join)
def test_packages_of_one_line_do_not_import_each_other(line: list[str]) -> None:
    for name, modules in IMPORTS.items():
        if is_in(name, set(line)) and package_of(name) in line:
            assert {package_of(other) for other in modules} & set(line) <= {package_of(name)}


def test_there_are_no_circular_imports() -> None:
    """`dev.py` and devtools included."""
    remaining = {name: modules - {name} for name, modules in IMPORTS.items()}
    while leaves := {name for name, modules in remaining.items() if not modules & set(remaining)}:
        remaining = {name: modules for name, modules in remaining.items() if name not in leaves}
    assert remaining == {}


def test_tasks_imports_only_the_guard_of_auth() -> None:
    for name in SERVICE_NAMES:
        if is_in(name, {"todo_api.tasks"}):
            assert {other for other in IMPORTS[name] if is_in(other, {"todo_api.auth"})} <= {"todo_api.auth.guard"}


@pytest.mark.parametrize("name", [name for name in SERVICE_NAMES if is_in(name, PURE)])
def test_pure_modules_import_no_framework(name: str) -> None:
    imported = {
        module.split(".")[0]
        for node in ast.walk(TREES[name])
        if isinstance(node, ast.Import | ast.ImportFrom)
        for module in [getattr(node, "module", None) or node.names[0].name]
    }
    assert imported & {"flask", "flask_sqlalchemy", "sqlalchemy", "marshmallow"} == set()


@pytest.mark.parametrize(
    "name", [name for name in SERVICE_NAMES if is_in(name, {"server", "gunicorn.conf", "serve_granian"})]
)
def test_the_master_process_loads_nothing_of_the_application(name: str) -> None:
    """A reload (HUP) does not reload the modules that the master has loaded."""
    assert not any(is_in(other, {"todo_api"}) for other in IMPORTS[name])


@pytest.mark.parametrize("name", [name for name in SERVICE_NAMES if is_in(name, {"todo_api", "config"})])
def test_imports_are_at_the_top(name: str) -> None:
    nested = {
        getattr(node, "module", None) or node.names[0].name
        for function in ast.walk(TREES[name])
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert nested <= ON_DEMAND


def modules_containing(text: str) -> set[str]:
    return {name for name in SERVICE_NAMES if text in MODULES[name].read_text()}


def test_only_the_entry_points_read_the_environment() -> None:
    assert modules_containing("os.environ") | modules_containing("getenv") == {
        "wsgi",
        "gunicorn.conf",
        "serve_granian",
    }
    passed_on = {"config", "server.metrics_directory"}
    assert modules_containing("environ.get") | modules_containing("environ[") <= passed_on


def test_one_module_commits_and_rolls_back() -> None:
    assert modules_containing(".commit(") == modules_containing(".rollback(") == {"todo_api.database.connections"}


@pytest.mark.parametrize("path", MODULES.values(), ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_stay_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 200
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            lines = (node.end_lineno or 0) - body[0].lineno + 1 if body else 0
            assert lines <= 25, f"{node.name} has {lines} lines"
