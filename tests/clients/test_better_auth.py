"""The unmodified client of Better Auth, against a real Better Auth server and against the service."""

from __future__ import annotations

import base64
import json
import re
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from devtools.processes import free_port
from tests.support.actors import PASSWORD
from tests.support.databases import CONFIG, execute
from tests.support.node import node_with_packages
from tests.support.processes import ROOT, clean_environ, running_service, wait_until_ready

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.processes import Service

FOLDER = Path(__file__).parent / "better_auth"
ORIGIN = "http://localhost:3000"
MIN_CHECKS = 240
MIN_CHECKS_REQUIRED = 10
"""The least numbers of checks in client.mjs, so that none is skipped unnoticed."""
REQUIRED = {"REQUIRE_EMAIL_VERIFICATION": "true"}


@pytest.fixture(scope="module")
def node() -> str:
    """Install the packages of package-lock.json, and return the path of Node."""
    return node_with_packages(FOLDER)


@contextmanager
def better_auth_server(node: str, mails: Path, **settings: str) -> Iterator[str]:
    """Run a Better Auth server, and yield its URL."""
    port = free_port()
    # A clean environment: with some values of NODE_ENV, Better Auth does not check the origin.
    environ = clean_environ(
        PORT=str(port),
        BETTER_AUTH_SECRET=CONFIG.better_auth_secret,
        TRUSTED_ORIGINS=ORIGIN,
        MAILS=str(mails),
        **settings,
    )
    process = subprocess.Popen([node, "server.mjs"], cwd=FOLDER, env=environ)
    try:
        wait_until_ready(f"http://localhost:{port}/api/auth/ok")
        yield f"http://localhost:{port}"
    finally:
        process.terminate()
        process.wait(timeout=20)


def run_client(node: str, url: str, mails: Path, **settings: str) -> int:
    """Run the checks of client.mjs against the server, and return their number."""
    environ = clean_environ(
        BASE_URL=url,
        MAILS=str(mails),
        ORIGIN=ORIGIN,
        BETTER_AUTH_SECRET=CONFIG.better_auth_secret,
        **settings,
    )
    command = [node, "client.mjs"]
    client = subprocess.run(command, cwd=FOLDER, env=environ, capture_output=True, text=True, check=False, timeout=300)
    print(client.stdout)  # noqa: T201 - pytest -s shows every check by name
    lines = client.stdout.splitlines()
    failed = [line for line in lines if line.startswith("not ok")]
    assert not failed, "\n".join([lines[-1], *failed])
    assert client.returncode == 0, client.stderr
    return sum(line.startswith("ok - ") for line in lines)


def test_a_better_auth_server_passes_the_checks(node: str, tmp_path: Path) -> None:
    mails = tmp_path / "mails"
    with better_auth_server(node, mails) as url:
        assert run_client(node, url, mails) >= MIN_CHECKS


def test_the_service_passes_the_checks(node: str, fresh_database: str, tmp_path: Path) -> None:
    mails = tmp_path / "mails"
    with running_service(fresh_database, WEB_CONCURRENCY="1", MAIL_URL=f"file://{mails}") as service:
        assert run_client(node, service.url, mails, EXTENSIONS="1") > MIN_CHECKS


def test_a_better_auth_server_that_requires_verification_passes_the_checks(node: str, tmp_path: Path) -> None:
    mails = tmp_path / "mails"
    with better_auth_server(node, mails, **REQUIRED) as url:
        assert run_client(node, url, mails, **REQUIRED) >= MIN_CHECKS_REQUIRED


def test_the_service_that_requires_verification_passes_the_checks(
    node: str, fresh_database: str, tmp_path: Path
) -> None:
    mails = tmp_path / "mails"
    settings: dict[str, Any] = {"WEB_CONCURRENCY": "1", "MAIL_URL": f"file://{mails}", **REQUIRED}
    with running_service(fresh_database, **settings) as service:
        assert run_client(node, service.url, mails, EXTENSIONS="1", **REQUIRED) >= MIN_CHECKS_REQUIRED


@contextmanager
def service_of_issuer(issuer: str, database: str) -> Iterator[Service]:
    """Run the service for a front end with a Better Auth server, which is the issuer."""
    settings: dict[str, Any] = {"JWT_ISSUER": issuer, "JWT_AUDIENCE": issuer, "JWT_JWKS_URL": f"{issuer}/api/auth/jwks"}
    with running_service(database, WEB_CONCURRENCY="1", **settings) as service:
        yield service


def sign_up_at_issuer(server: str, name: str) -> tuple[requests.Session, str]:
    """Create an account at the Better Auth server, and return a session with its cookie, and its id."""
    browser = requests.Session()
    browser.headers["Origin"] = ORIGIN
    account = {"email": f"{name.lower()}@example.com", "password": PASSWORD, "name": name}
    response = browser.post(f"{server}/api/auth/sign-up/email", json=account, timeout=10)
    assert response.status_code == 200, response.text
    user_id: str = response.json()["user"]["id"]
    return browser, user_id


def test_users_of_a_better_auth_server_store_tasks_here(node: str, fresh_database: str, tmp_path: Path) -> None:
    with better_auth_server(node, tmp_path / "mails") as server, service_of_issuer(server, fresh_database) as service:

        def tasks(headers: dict[str, str], user_id: str, title: str | None = None) -> requests.Response:
            url = f"{service.url}/api/{user_id}/tasks"
            method = "POST" if title else "GET"
            return requests.request(method, url, headers=headers, json=title and {"title": title}, timeout=10)

        users = []
        for name in ("Ada", "Eve"):
            browser, user_id = sign_up_at_issuer(server, name)
            token = browser.get(f"{server}/api/auth/token", timeout=10).json()["token"]
            users.append((browser, user_id, {"Authorization": f"Bearer {token}"}))
        (browser, ada, ada_headers), (_, eve, eve_headers) = users
        assert len(ada) == 32
        created = tasks(ada_headers, ada, "Ada's")
        assert (created.status_code, created.json()["user_id"]) == (201, ada)
        assert [task["title"] for task in tasks(ada_headers, ada).json()] == ["Ada's"]
        assert tasks(eve_headers, eve).json() == []
        assert [tasks(eve_headers, ada).status_code, tasks(eve_headers, ada, "Eve's").status_code] == [403, 403]
        rows = execute(fresh_database, "SELECT id, issuer, email, name FROM users ORDER BY name")
        assert rows == [(ada, server, "ada@example.com", "Ada"), (eve, server, "eve@example.com", "Eve")]
        # A sign-out there revokes no token. Tokens expire after 15 minutes.
        assert browser.post(f"{server}/api/auth/sign-out", timeout=10).status_code == 200
        assert [task["title"] for task in tasks(ada_headers, ada).json()] == ["Ada's"]
        payload = ada_headers["Authorization"].split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
        assert claims["exp"] - claims["iat"] == 900


# The code of docs/better-auth.md, unchanged.

BROWSER = """
const jars = {};
const { fetch: plain } = globalThis;
globalThis.fetch = async (input, init) => {
  const request = new Request(input, init);
  const jar = (jars[new URL(request.url).host] ??= {});
  request.headers.set("origin", ORIGIN);
  if (request.credentials === "include" && !request.headers.has("cookie")) {
    request.headers.set("cookie", Object.entries(jar).map((pair) => pair.join("=")).join("; "));
  }
  const response = await plain(request);
  for (const line of response.headers.getSetCookie()) {
    const [, name, value] = line.match(/^([^=]+)=([^;]*)/);
    jar[name] = value;
  }
  return response;
};
const items = {};
globalThis.localStorage = { getItem: (key) => items[key] ?? null, setItem: (key, value) => (items[key] = value) };
"""
"""What Node.js lacks of a browser: cookies, the Origin header and localStorage."""

ROUTE = """
const cookie = Object.entries(jars[new URL(API).host]).map((pair) => pair.join("=")).join("; ");
const response = await GET(new Request("http://localhost/my-tasks", { headers: { cookie } }));
if (response.status !== 200 || (await response.json()).length !== 1) throw new Error("the route fails");
const unauthorized = await GET(new Request("http://localhost/my-tasks"));
if (unauthorized.status !== 401) throw new Error("the route needs no session");
"""

HANDLER = """
import { createServer } from "node:http";
import { memoryAdapter } from "better-auth/adapters/memory";
import { toNodeHandler } from "better-auth/node";
const database = memoryAdapter({ user: [], session: [], account: [], verification: [], jwks: [] });
"""

LISTEN = """
const server = createServer(toNodeHandler(auth));
await new Promise((listening) => server.listen(new URL(ORIGIN).port, "localhost", listening));
"""


def code_blocks(letter: str) -> list[str]:
    """Return the JavaScript blocks of the section with this letter."""
    page = (ROOT / "docs" / "better-auth.md").read_text()
    (section,) = [section for section in page.split("\n## ") if section.startswith(f"{letter}. ")]
    blocks: list[str] = re.findall(r"```js\n(.*?)```", section, re.DOTALL)
    return blocks


def run_page(node: str, blocks: list[str], urls: dict[str, str], origin: str) -> None:
    """Run code blocks as one module. Each console.log must print the text of the comment beside it."""
    code = "\n".join(blocks)
    expected = re.findall(r"^console\.log\(.*\); // (.*)$", code, re.MULTILINE)
    assert code.count("console.log") == len(expected) > 0
    for documented, actual in urls.items():
        assert documented in code
        code = code.replace(documented, actual)
    environ = clean_environ(BETTER_AUTH_SECRET=CONFIG.better_auth_secret)
    command = [node, "--input-type=module", "-"]
    script = f'const ORIGIN = "{origin}";\n{code}\nprocess.exit(0);\n'
    module = subprocess.run(
        command, cwd=FOLDER, env=environ, input=script, capture_output=True, text=True, check=False, timeout=60
    )
    assert (module.returncode, module.stdout.splitlines()) == (0, expected), module.stderr


def test_the_documented_code_signs_in_at_the_service(node: str, fresh_database: str) -> None:
    *first, route, last = code_blocks("A")
    with running_service(fresh_database, WEB_CONCURRENCY="1") as service:
        run_page(node, [BROWSER, *first, route, ROUTE, last], {"http://localhost:8000": service.url}, ORIGIN)


def test_the_documented_code_signs_in_at_a_better_auth_server(node: str, fresh_database: str) -> None:
    configuration, usage = code_blocks("B")
    issuer = f"http://localhost:{free_port()}"
    with service_of_issuer(issuer, fresh_database) as service:
        urls = {"http://localhost:3000": issuer, "http://localhost:8000": service.url}
        run_page(node, [HANDLER, BROWSER, configuration, LISTEN, usage], urls, issuer)
