"""The service behind nginx with the configuration of deploy/."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import threading
import uuid
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.support.malformed_messages import MALFORMED, SMUGGLED, post
from tests.support.nginx import NGINX, Proxy, proxying
from tests.support.processes import COMMANDS, ROOT, running_service
from tests.support.raw_http import exchange, final_statuses
from tests.support.slow_clients import INCOMPLETE_BODY, REQUESTS_FOR_LARGE_FILE, open_connections, trickling

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CADDY = shutil.which("caddy")
pytestmark = pytest.mark.skipif(not NGINX, reason="nginx is not installed (apt install nginx)")


@pytest.fixture(scope="module", params=COMMANDS)
def proxy(request: pytest.FixtureRequest, database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """Yield nginx in front of a service with one process, on each server."""
    with running_service(database, server=request.param, WEB_CONCURRENCY="1", TRUSTED_PROXIES="1") as service:
        port = int(service.url.rpartition(":")[2])
        with proxying([port], tmp_path_factory.mktemp("nginx")) as running_proxy:
            yield running_proxy


class Upstream:
    """A server that answers every request with 204. It records the heads of the requests and counts connections."""

    def __init__(self, listener: socket.socket) -> None:
        self.listener = listener
        self.heads: list[str] = []
        self.connections = 0

    def accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self.connections += 1
                threading.Thread(target=self.answer, args=[connection], daemon=True).start()

    def answer(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            while head := connection.recv(65_536):
                self.heads.append(head.decode())
                connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Upstream(listener)
        threading.Thread(target=server.accept, daemon=True).start()
        yield server
        listener.shutdown(socket.SHUT_RDWR)


def test_accounts_tasks_and_the_api_page_are_served_over_tls(proxy: Proxy) -> None:
    def call(method: str, path: str, **options: Any) -> requests.Response:
        return requests.request(method, f"{proxy.https.url}{path}", verify=proxy.ca_file, timeout=30, **options)

    account = {"email": f"{uuid.uuid4().hex}@example.com", "password": "correct horse battery"}
    token = call("POST", "/api/auth/sign-up/email", data=account).json()["token"]
    headers = {"Authorization": f"Bearer {token}"}
    assert call("POST", "/api/me/tasks", json={"title": "x"}, headers=headers).status_code == 201
    assert [task["title"] for task in call("GET", "/api/me/tasks", headers=headers).json()] == ["x"]
    assert "<html" in call("GET", "/docs").text


def test_plain_http_is_redirected_to_the_configured_host(proxy: Proxy) -> None:
    headers = {"Host": "evil.example"}
    response = requests.post(f"{proxy.http_url}/a?b=c", headers=headers, allow_redirects=False, timeout=30)
    assert (response.status_code, response.headers["Location"]) == (308, "https://localhost/a?b=c")


def test_http_2_is_served(proxy: Proxy) -> None:
    command = ["curl", "--silent", "--http2", "--cacert", proxy.ca_file, "--output", "/dev/null"]
    completed = subprocess.run(
        [*command, "--write-out", "%{http_version} %{http_code}", proxy.https.url],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert completed.stdout == "2 200"


def test_the_proxy_rejects_a_large_body_except_an_import(proxy: Proxy) -> None:
    def send(path: str, size: int) -> requests.Response:
        return requests.post(
            f"{proxy.https.url}{path}", data=b" " * size, headers=headers, verify=proxy.ca_file, timeout=60
        )

    headers = {"Content-Type": "application/json"}
    assert send("/api/auth/sign-up/email", 2_000_000).status_code == 413
    # More than the buffers of a connection hold: the service has to read it, or nginx loses the response.
    assert send("/api/me/import", 20_000_000).status_code == 401


def test_operational_routes_are_hidden(proxy: Proxy) -> None:
    for path in ("/metrics", "/readyz", "/metrics/", "/%6detrics", "//metrics", "/x/../readyz"):
        response = requests.get(f"{proxy.https.url}{path}", verify=proxy.ca_file, timeout=30)
        assert (response.status_code, "json" in response.headers["Content-Type"]) == (404, False), path


def test_versions_are_hidden(proxy: Proxy) -> None:
    for path in ("/", "/metrics", "/nothing"):
        response = requests.get(f"{proxy.https.url}{path}", verify=proxy.ca_file, timeout=30)
        assert response.headers["Server"] == "nginx"
        assert not re.search(r"nginx/|gunicorn", response.text)


@pytest.mark.shows("API4:2023")
@pytest.mark.parametrize("data", [INCOMPLETE_BODY, REQUESTS_FOR_LARGE_FILE], ids=["sending", "reading"])
def test_slow_clients_do_not_delay_others(proxy: Proxy, data: bytes) -> None:
    with open_connections(proxy.https, 50, data, proxy.tls) as connections, trickling(connections):
        for _ in range(20):
            response = requests.get(f"{proxy.https.url}/api/me/tasks", verify=proxy.ca_file, timeout=8)
            assert response.status_code == 401


@pytest.mark.shows("ASVS 4.1.3")
def test_forged_proxy_headers_are_dropped(upstream: Upstream, tmp_path: Path) -> None:
    forged = {
        "X-Forwarded-For": "10.0.0.1",
        "X-Forwarded-Proto": "gopher",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Prefix": "/evil",
        "Forwarded": "for=10.0.0.1",
        "X_Forwarded_For": "10.0.0.1",
    }
    with proxying([upstream.listener.getsockname()[1]], tmp_path) as running_proxy:
        response = requests.get(running_proxy.https.url, headers=forged, verify=running_proxy.ca_file, timeout=30)
        assert response.status_code == 204
    (lines,) = (set(head.lower().splitlines()) for head in upstream.heads)
    assert {"x-forwarded-for: 127.0.0.1", "x-forwarded-proto: https", "host: localhost"} <= lines
    assert not any(re.search("evil|10.0.0.1|gopher", line) for line in lines)


@pytest.mark.shows("ASVS 4.1.3")
@pytest.mark.parametrize("forged", [None, "10.0.0.1", "10.0.0.1, 127.0.0.1"])
def test_a_client_has_its_own_address(proxy: Proxy, forged: str | None) -> None:
    account = {"email": f"{uuid.uuid4().hex}@example.com", "password": "correct horse battery"}
    port = int(proxy.https.url.rpartition(":")[2])
    headers = {"X-Forwarded-For": forged} if forged else {}
    connection = http.client.HTTPSConnection(
        "localhost", port, timeout=30, context=proxy.tls, source_address=("127.0.0.9", 0)
    )
    with closing(connection):
        connection.request(
            "POST", "/api/auth/sign-up/email", json.dumps(account), {"Content-Type": "application/json", **headers}
        )
        token = json.load(connection.getresponse())["token"]
        connection.request("GET", "/api/auth/list-sessions", headers={"Authorization": f"Bearer {token}", **headers})
        assert [session["ipAddress"] for session in json.load(connection.getresponse())] == ["127.0.0.9"]


def test_connections_to_clients_and_service_are_reused(upstream: Upstream, tmp_path: Path) -> None:
    with proxying([upstream.listener.getsockname()[1]], tmp_path) as running_proxy:
        port = int(running_proxy.https.url.rpartition(":")[2])
        connection = http.client.HTTPSConnection("localhost", port, timeout=30, context=running_proxy.tls)
        sockets = set()
        for _ in range(5):
            connection.request("GET", "/")
            connection.getresponse().read()
            sockets.add(id(connection.sock))
        connection.close()
    assert (len(sockets), len(upstream.heads), upstream.connections) == (1, 5, 1)


@pytest.mark.parametrize("message", MALFORMED.values(), ids=MALFORMED)
@pytest.mark.shows("ASVS 4.2.1")
def test_a_malformed_message_smuggles_no_request_past_the_proxy(proxy: Proxy, message: bytes) -> None:
    statuses = final_statuses(exchange(proxy.https, message + SMUGGLED, proxy.tls))
    assert len(statuses) <= 2
    # nginx answers an unknown transfer coding with 501 and an unknown version with 505.
    assert {status for status in statuses if status >= 500} <= {501, 505}, statuses


def test_a_request_inside_a_rejected_body_is_not_answered(proxy: Proxy) -> None:
    content = SMUGGLED * 50_000
    received = exchange(proxy.https, post(f"Content-Length: {len(content)}", body=content), proxy.tls)
    assert final_statuses(received) in ([], [413])


@pytest.mark.skipif(not CADDY, reason="Caddy is not installed")
def test_caddy_accepts_its_configuration(tmp_path: Path) -> None:
    assert CADDY
    version = subprocess.run([CADDY, "version"], capture_output=True, text=True, check=True).stdout
    text = (ROOT / "deploy" / "Caddyfile").read_text()
    if version.lstrip("v").startswith("2.6."):
        text = text.replace("request_buffers 1MiB", "buffer_requests")
    (tmp_path / "Caddyfile").write_text(text)
    command = [CADDY, "validate", "--config", str(tmp_path / "Caddyfile"), "--adapter", "caddyfile"]
    environ = {**os.environ, "HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)}
    completed = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=60)
    assert completed.returncode == 0, completed.stderr
