"""Clients generated from the OpenAPI document compile under strict types and work, and linters find nothing in it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from devtools.installation import CLIENTS_LOCK, ROOT, install
from tests.support.actors import PASSWORD
from tests.support.node import node_with_packages

if TYPE_CHECKING:
    from tests.support.processes import Service

FOLDER = Path(__file__).parent
VENV = ROOT / ".data" / "clients"
QUIET = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}


@pytest.fixture(scope="module")
def node() -> str:
    return node_with_packages(FOLDER)


@pytest.fixture
def document(service: Service, tmp_path: Path) -> Path:
    """Return the document of the running service, in a file."""
    path = tmp_path / "openapi.json"
    path.write_bytes(requests.get(f"{service.url}/openapi.json", timeout=10).content)
    return path


def run(folder: Path, *command: str | Path, **settings: str) -> str:
    """Return the standard output of a command, which must succeed."""
    environ = {**os.environ, **QUIET, **settings}
    result = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False, timeout=300)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def npm_command(name: str) -> Path:
    return FOLDER / "node_modules" / ".bin" / name


def client_settings(service: Service) -> dict[str, str]:
    return {"BASE_URL": service.url, "EMAIL": f"{uuid.uuid4().hex}@example.com", "PASSWORD": PASSWORD}


def test_redocly_and_spectral_report_no_problem(node: str, document: Path) -> None:
    lint = ("lint", document, "--format=json")
    assert json.loads(run(FOLDER, node, npm_command("redocly"), *lint, "--extends=recommended"))["problems"] == []
    assert json.loads(run(FOLDER, node, npm_command("spectral"), *lint, "--quiet")) == []


def test_the_typescript_client_compiles_and_works(node: str, document: Path, service: Service, tmp_path: Path) -> None:
    (tmp_path / "node_modules").symlink_to(FOLDER / "node_modules")
    for name in ("client.ts", "tsconfig.json", "package.json"):
        shutil.copy(FOLDER / name, tmp_path)
    output = run(tmp_path, node, npm_command("openapi-typescript"), document, "--output=schema.d.ts")
    assert len(output.splitlines()) == 2, output  # its name, the file, and no warning
    run(tmp_path, node, npm_command("tsc"))
    run(tmp_path, node, "client.js", **client_settings(service))


def omit_calendar_import(document: Path) -> None:
    """Leave JSON as the only import: the generator knows no body that is a text, and warns of it."""
    openapi = json.loads(document.read_text())
    del openapi["paths"]["/api/{user_id}/import"]["post"]["requestBody"]["content"]["text/calendar"]
    document.write_text(json.dumps(openapi))


def test_the_python_client_is_typed_and_works(document: Path, service: Service, tmp_path: Path) -> None:
    install(CLIENTS_LOCK, VENV)
    commands, project = VENV / "bin", tmp_path / "project"
    path = f"{commands}{os.pathsep}{os.environ['PATH']}"  # the generator runs the ruff of its environment
    omit_calendar_import(document)
    options = ["--fail-on-warning", f"--path={document}", f"--output-path={project}"]
    run(tmp_path, commands / "openapi-python-client", "generate", *options, PATH=path)
    shutil.copy(FOLDER / "client.py", project)
    strict = ["--strict", "--config-file=", f"--python-executable={commands / 'python'}"]
    run(project, sys.executable, "-m", "mypy", *strict, "client.py", "todo_api_client")
    run(project, commands / "python", "client.py", **client_settings(service))
