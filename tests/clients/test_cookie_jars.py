"""Clients that are no browsers keep the session cookie in a jar and send no Origin: every auth route serves them."""

from __future__ import annotations

import json
import shutil
import subprocess
import uuid
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import httpx
import pytest
import requests

from tests.support.actors import PASSWORD
from tests.support.node import node_with_packages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from tests.support.processes import Service

PHP = shutil.which("php")
UNDICI = Path(__file__).parent / "undici"


class Post(Protocol):
    """Sends a POST to an auth route by a client that keeps cookies; returns status and body."""

    def __call__(
        self, path: str, *, form: dict[str, str] | None = None, body: Any = None, bearer: str | None = None
    ) -> tuple[int, Any]: ...


def authorization(bearer: str | None) -> dict[str, str]:
    return {"Authorization": f"Bearer {bearer}"} if bearer else {}


@contextmanager
def by_library(client: requests.Session | httpx.Client, url: str) -> Iterator[Post]:
    """Yield a sender that is one session of a Python library."""

    def post(path: str, *, form: Any = None, body: Any = None, bearer: str | None = None) -> tuple[int, Any]:
        response = client.post(f"{url}/{path}", data=form, json=body, headers=authorization(bearer), timeout=30)
        return response.status_code, response.json()

    with client:
        yield post


def by_requests(url: str, _: Path) -> AbstractContextManager[Post]:
    return by_library(requests.Session(), url)


def by_httpx(url: str, _: Path) -> AbstractContextManager[Post]:
    return by_library(httpx.Client(trust_env=False), url)


@contextmanager
def by_curl(url: str, folder: Path) -> Iterator[Post]:
    jar = ["--cookie", str(folder / "jar"), "--cookie-jar", str(folder / "jar")]

    def post(path: str, *, form: Any = None, body: Any = None, bearer: str | None = None) -> tuple[int, Any]:
        command = ["curl", "--silent", "--max-time", "30", "--request", "POST", "--write-out", "\n%{http_code}", *jar]
        for name, value in (form or {}).items():
            command += ["--data-urlencode", f"{name}={value}"]
        if body is not None:
            command += ["--json", json.dumps(body)]
        for name, value in authorization(bearer).items():
            command += ["--header", f"{name}: {value}"]
        done = subprocess.run([*command, f"{url}/{path}"], capture_output=True, text=True, check=True, timeout=60)
        text, _, status = done.stdout.rpartition("\n")
        return int(status), json.loads(text)

    yield post


@pytest.mark.parametrize("client", [by_requests, by_httpx, by_curl])
def test_a_script_with_a_cookie_jar_uses_every_auth_route(
    service: Service, tmp_path: Path, client: Callable[[str, Path], AbstractContextManager[Post]]
) -> None:
    with client(f"{service.url}/api/auth", tmp_path) as post:
        statuses = every_route(post)
    assert set(statuses.values()) == {200}, statuses


def every_route(post: Post) -> dict[str, int]:
    """Return the status of each step of a user's way through the auth routes."""
    email, other = (f"{uuid.uuid4().hex}@example.com" for _ in range(2))
    account = {"email": email, "password": PASSWORD}
    statuses = {"sign-up by form": post("sign-up/email", form=account)[0]}
    statuses["update by cookie"] = post("update-user", body={"name": "Ada"})[0]
    statuses["sign-out by cookie"] = post("sign-out")[0]
    statuses["sign-in by form"], tokens = post("sign-in/email", form=account)
    statuses["refresh"], tokens = post("refresh", form={"refresh_token": tokens["refresh_token"]})
    statuses["update by bearer"] = post("update-user", body={"name": "Ada"}, bearer=tokens["token"])[0]
    change = {"currentPassword": PASSWORD, "newPassword": PASSWORD, "revokeOtherSessions": False}
    statuses["change the password"] = post("change-password", body=change, bearer=tokens["token"])[0]
    statuses["sign-in again"] = post("sign-in/email", body=account)[0]
    statuses["sign-up of another"] = post("sign-up/email", form={**account, "email": other})[0]
    statuses["sign-out by bearer"] = post("sign-out", bearer=tokens["token"])[0]
    return statuses


@pytest.mark.parametrize("client", ["node", "undici"])
def test_fetch_uses_every_auth_route(service: Service, client: str) -> None:
    emails = [f"{uuid.uuid4().hex}@example.com" for _ in range(2)]
    command = [node_with_packages(UNDICI), str(UNDICI / "cookie_jar.mjs"), client, service.url, *emails]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    statuses = json.loads(done.stdout)
    assert len(statuses) == 10
    assert set(statuses.values()) == {200}, statuses


SIGN_UP_BY_PHP = """
$options = ["method" => "POST", "content" => http_build_query(["email" => $argv[2], "password" => $argv[3]]),
    "header" => ["Content-Type: application/x-www-form-urlencoded", ...array_slice($argv, 4)], "ignore_errors" => true];
file_get_contents($argv[1], false, stream_context_create(["http" => $options]));
echo json_encode($http_response_header);
"""


@pytest.mark.skipif(PHP is None, reason="there is no PHP on this machine (apt install php-cli)")
def test_phps_streams_sign_up_and_in_with_a_cookie(service: Service) -> None:
    email, cookies = f"{uuid.uuid4().hex}@example.com", list[str]()
    for route in ("sign-up/email", "sign-in/email", "sign-out"):
        command = [str(PHP), "-r", SIGN_UP_BY_PHP, "--", f"{service.url}/api/auth/{route}", email, PASSWORD, *cookies]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
        headers = json.loads(done.stdout)
        assert headers[0].split()[1] == "200", headers
        cookies = [
            f"Cookie: {line.partition(': ')[2].partition(';')[0]}" for line in headers if "session_token=" in line
        ]
        assert len(cookies) == 1
