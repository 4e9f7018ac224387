"""The real, unmodified client of Better Auth: against a real Better Auth server, and against the service."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from devtools.embedded_postgres import free_port
from tests.support.actors import PASSWORD
from tests.support.databases import CONFIG, execute
from tests.support.processes import ROOT, environment, serving, wait_until_answering

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.processes import Service

FOLDER = Path(__file__).parent / "better_auth"
NODE = shutil.which("node")
NPM = shutil.which("npm")
ORIGIN = "http://localhost:3000"
CHECKS = 180
"""So many at least; should they ever be skipped by mistake, somebody is told."""


@pytest.fixture(scope="module")
def node() -> str:
    """Return Node's path, with what package-lock.json names installed."""
    if NODE is None or NPM is None:
        pytest.skip("there is no Node.js with npm on this machine (apt install nodejs npm)")
    version = subprocess.run([NODE, "--version"], capture_output=True, text=True, check=True, timeout=30).stdout
    if int(version.strip().removeprefix("v").partition(".")[0]) < 20:
        pytest.skip(f"Better Auth needs Node.js 20 or later; this is {version.strip()}")
    # npm leaves a copy of the lock in what it has installed; it is written last.
    installed = FOLDER / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < (FOLDER / "package-lock.json").stat().st_mtime:
        command = [NPM, "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
        done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, f"npm ci: {done.stderr}"
    return NODE


@contextmanager
def real_server(node: str, mails: Path) -> Iterator[str]:
    """Run a Better Auth server until the block ends."""
    port = free_port()
    # NODE_ENV, for one, must not reach it: in some of its environments Better Auth checks no origin.
    settings = environment(
        PORT=str(port),
        BETTER_AUTH_SECRET=CONFIG.better_auth_secret,
        TRUSTED_ORIGINS=ORIGIN,
        MAILS=str(mails),
    )
    process = subprocess.Popen([node, "server.mjs"], cwd=FOLDER, env=settings)
    try:
        wait_until_answering(f"http://localhost:{port}/api/auth/ok")
        yield f"http://localhost:{port}"
    finally:
        process.terminate()
        process.wait(timeout=20)


def run_client(node: str, url: str, mails: Path, **settings: str) -> int:
    """Run every check of client.mjs on the server; return their number, or fail with those that were not ok."""
    told = environment(
        BASE_URL=url,
        MAILS=str(mails),
        ORIGIN=ORIGIN,
        BETTER_AUTH_SECRET=CONFIG.better_auth_secret,
        **settings,
    )
    command = [node, "client.mjs"]
    done = subprocess.run(command, cwd=FOLDER, env=told, capture_output=True, text=True, check=False, timeout=300)
    print(done.stdout)  # noqa: T201 - pytest -s shows every check by name
    lines = done.stdout.splitlines()
    bad = [line for line in lines if line.startswith("not ok")]
    assert not bad, "\n".join([lines[-1], *bad])
    assert done.returncode == 0, done.stderr
    return sum(line.startswith("ok - ") for line in lines)


def test_the_checks_are_true_of_a_real_server(node: str, tmp_path: Path) -> None:
    mails = tmp_path / "mails"
    with real_server(node, mails) as url:
        assert run_client(node, url, mails) >= CHECKS


def test_the_real_client_is_at_home_here(node: str, fresh_database: str, tmp_path: Path) -> None:
    mails = tmp_path / "mails"
    with serving(fresh_database, MAIL_URL=f"file://{mails}") as service:
        assert run_client(node, service.url, mails, OURS="1") > CHECKS


@contextmanager
def taking_tokens_of(issuer: str, database: str) -> Iterator[Service]:
    """Run the service for a front end whose Better Auth server is the issuer."""
    with serving(
        database, JWT_ISSUER=issuer, JWT_AUDIENCE=issuer, JWT_JWKS_URL=f"{issuer}/api/auth/jwks"
    ) as running_service:
        yield running_service


def sign_up_there(server: str, name: str) -> tuple[requests.Session, str]:
    """Make an account at the real server; return the browser that has its cookie, and its id."""
    browser = requests.Session()
    browser.headers["Origin"] = ORIGIN
    account = {"email": f"{name.lower()}@example.com", "password": PASSWORD, "name": name}
    answer = browser.post(f"{server}/api/auth/sign-up/email", json=account, timeout=10)
    assert answer.status_code == 200, answer.text
    user_id: str = answer.json()["user"]["id"]
    return browser, user_id


def test_users_of_a_real_server_keep_tasks_here(node: str, fresh_database: str, tmp_path: Path) -> None:
    with real_server(node, tmp_path / "mails") as server, taking_tokens_of(server, fresh_database) as service:

        def tasks(headers: dict[str, str], user_id: str, title: str | None = None) -> requests.Response:
            url = f"{service.url}/api/{user_id}/tasks"
            method = "POST" if title else "GET"
            return requests.request(method, url, headers=headers, json=title and {"title": title}, timeout=10)

        people = []
        for name in ("Ada", "Eve"):
            browser, user_id = sign_up_there(server, name)
            token = browser.get(f"{server}/api/auth/token", timeout=10).json()["token"]
            people.append((browser, user_id, {"Authorization": f"Bearer {token}"}))
        (browser, ada, hers), (_, eve, eves) = people
        assert len(ada) == 32
        made = tasks(hers, ada, "Ada's")
        assert (made.status_code, made.json()["user_id"]) == (201, ada)
        assert [task["title"] for task in tasks(hers, ada).json()] == ["Ada's"]
        assert tasks(eves, eve).json() == []
        assert [tasks(eves, ada).status_code, tasks(eves, ada, "Eve's").status_code] == [403, 403]
        stored = execute(fresh_database, "SELECT id, issuer, email, name FROM users ORDER BY name")
        assert stored == [(ada, server, "ada@example.com", "Ada"), (eve, server, "eve@example.com", "Eve")]
        # Signing out there takes no token back; their short life bounds that.
        assert browser.post(f"{server}/api/auth/sign-out", timeout=10).status_code == 200
        assert [task["title"] for task in tasks(hers, ada).json()] == ["Ada's"]
        middle = hers["Authorization"].split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(middle + "=="))
        assert claims["exp"] - claims["iat"] == 900


# The code of docs/better-auth.md, as it stands there.

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
"""What a browser adds to Node.js: its cookies, the origin of its page, and a storage."""

ROUTE = """
const cookie = Object.entries(jars[new URL(API).host]).map((pair) => pair.join("=")).join("; ");
const shown = await GET(new Request("http://localhost/my-tasks", { headers: { cookie } }));
if (shown.status !== 200 || (await shown.json()).length !== 1) throw new Error("the route fails");
const nobody = await GET(new Request("http://localhost/my-tasks"));
if (nobody.status !== 401) throw new Error("the route lets everybody through");
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


def blocks(part: str) -> list[str]:
    """Return the blocks of JavaScript of a part of the page, which begins with its letter."""
    page = (ROOT / "docs" / "better-auth.md").read_text()
    (text,) = [text for text in page.split("\n## ") if text.startswith(f"{part}. ")]
    found: list[str] = re.findall(r"```js\n(.*?)```", text, re.DOTALL)
    return found


def run_page(node: str, pieces: list[str], addresses: dict[str, str], origin: str) -> None:
    """Run pieces of the page as one module; each console.log must print what stands beside it."""
    code = "\n".join(pieces)
    wanted = re.findall(r"^console\.log\(.*\); // (.*)$", code, re.MULTILINE)
    assert code.count("console.log") == len(wanted) > 0
    for there, here in addresses.items():
        assert there in code
        code = code.replace(there, here)
    told = environment(BETTER_AUTH_SECRET=CONFIG.better_auth_secret)
    command = [node, "--input-type=module", "-"]
    whole = f'const ORIGIN = "{origin}";\n{code}\nprocess.exit(0);\n'
    done = subprocess.run(
        command, cwd=FOLDER, env=told, input=whole, capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout.splitlines()) == (0, wanted), done.stderr


def test_the_page_tells_how_to_sign_in_here(node: str, fresh_database: str) -> None:
    *first, route, last = blocks("A")
    with serving(fresh_database) as service:
        run_page(node, [BROWSER, *first, route, ROUTE, last], {"http://localhost:8000": service.url}, ORIGIN)


def test_the_page_tells_how_to_sign_in_with_a_server(node: str, fresh_database: str) -> None:
    configured, used = blocks("B")
    issuer = f"http://localhost:{free_port()}"
    with taking_tokens_of(issuer, fresh_database) as service:
        addresses = {"http://localhost:3000": issuer, "http://localhost:8000": service.url}
        run_page(node, [HANDLER, BROWSER, configured, LISTEN, used], addresses, issuer)
