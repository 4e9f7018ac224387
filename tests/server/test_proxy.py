"""The service behind a reverse proxy that runs the very configuration of deploy/."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
import uuid
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import requests
import trustme

from devtools.embedded_postgres import free_port
from tests.server.test_edges import BROKEN, SMUGGLED, post
from tests.server.test_slow_clients import BODY, many, trickling
from tests.support.processes import ROOT, Service, serving
from tests.support.raw_http import answered, exchange

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
CADDY = shutil.which("caddy")
pytestmark = pytest.mark.skipif(not NGINX, reason="no nginx here (apt install nginx)")

AROUND = """
{user}
daemon off;
pid {folder}/pid;
error_log stderr crit;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


@dataclass
class Proxy:
    """A running nginx."""

    tls: Service
    plain: str
    authority: str
    trusting: ssl.SSLContext


@contextmanager
def proxying(upstream: int, folder: Path) -> Iterator[Proxy]:
    """Run nginx in front of what listens on the port; only names, ports and paths of its configuration are others."""
    tls, plain = free_port(), free_port()
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    certificate.private_key_and_cert_chain_pem.write_to_path(str(folder / "all.pem"))
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    site = (ROOT / "deploy" / "nginx.conf").read_text()
    site = re.sub(r"/etc/ssl/\S+\.pem", f"{folder}/all.pem", site).replace("todo.example.com", "localhost")
    site = site.replace("127.0.0.1:8000", f"127.0.0.1:{upstream}")
    site = re.sub(r"listen \[::\].*", "", site)
    site = re.sub(r"listen 443\b", f"listen 127.0.0.1:{tls}", site)
    site = re.sub(r"listen 80\b", f"listen 127.0.0.1:{plain}", site)
    (folder / "site.conf").write_text(site)
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(AROUND.format(folder=folder, user=user))
    assert NGINX
    process = subprocess.Popen([NGINX, "-c", str(folder / "nginx.conf"), "-p", str(folder)])
    try:
        wait_until_listening(process, tls)
        trusting = ssl.create_default_context(cafile=str(folder / "authority.pem"))
        url = f"https://localhost:{tls}"
        yield Proxy(Service(url, process), f"http://127.0.0.1:{plain}", str(folder / "authority.pem"), trusting)
    finally:
        process.terminate()
        process.wait(timeout=30)


def wait_until_listening(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
            return
        time.sleep(0.05)
    pytest.fail(f"nothing listens on port {port}")


@pytest.fixture(scope="module")
def proxy(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """Yield nginx in front of a service of one process."""
    with serving(database, WEB_CONCURRENCY="1", TRUSTED_PROXIES="1") as service:
        port = int(service.url.rpartition(":")[2])
        with proxying(port, tmp_path_factory.mktemp("nginx")) as running_proxy:
            yield running_proxy


class Witness:
    """A server that answers everything with 204, and keeps what it was sent and how many connections it had."""

    def __init__(self, listener: socket.socket) -> None:
        self.listener = listener
        self.heads: list[str] = []
        self.connections = 0

    def watch(self) -> None:
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
def witness() -> Iterator[Witness]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        watching = Witness(listener)
        threading.Thread(target=watching.watch, daemon=True).start()
        yield watching
        listener.shutdown(socket.SHUT_RDWR)


def test_accounts_tasks_and_the_page_are_served_by_tls(proxy: Proxy) -> None:
    def call(method: str, path: str, **options: Any) -> requests.Response:
        return requests.request(method, f"{proxy.tls.url}{path}", verify=proxy.authority, timeout=30, **options)

    account = {"email": "ada@proxy.example.com", "password": "correct horse battery"}
    token = call("POST", "/api/auth/sign-up/email", data=account).json()["token"]
    headers = {"Authorization": f"Bearer {token}"}
    assert call("POST", "/api/me/tasks", json={"title": "x"}, headers=headers).status_code == 201
    assert [task["title"] for task in call("GET", "/api/me/tasks", headers=headers).json()] == ["x"]
    assert "<html" in call("GET", "/docs").text


def test_what_comes_without_tls_is_sent_to_the_one_address_and_method(proxy: Proxy) -> None:
    answer = requests.post(f"{proxy.plain}/a?b=c", headers={"Host": "evil.example"}, allow_redirects=False, timeout=30)
    assert (answer.status_code, answer.headers["Location"]) == (308, "https://localhost/a?b=c")


def test_http_2_is_spoken(proxy: Proxy) -> None:
    command = ["curl", "--silent", "--http2", "--cacert", proxy.authority, "--output", "/dev/null"]
    shown = subprocess.run(
        [*command, "--write-out", "%{http_version} %{http_code}", proxy.tls.url],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert shown.stdout == "2 200"


def test_a_large_body_is_refused_by_the_proxy_but_not_an_import(proxy: Proxy) -> None:
    def send(path: str) -> requests.Response:
        return requests.post(
            f"{proxy.tls.url}{path}", data=b" " * 2_000_000, headers=headers, verify=proxy.authority, timeout=60
        )

    headers = {"Content-Type": "application/json"}
    assert send("/api/auth/sign-up/email").status_code == 413
    assert send("/api/me/import").status_code == 401


def test_what_is_for_those_who_run_it_is_not_shown(proxy: Proxy) -> None:
    for path in ("/metrics", "/readyz", "/metrics/", "/%6detrics", "//metrics", "/x/../readyz"):
        answer = requests.get(f"{proxy.tls.url}{path}", verify=proxy.authority, timeout=30)
        assert (answer.status_code, "json" in answer.headers["Content-Type"]) == (404, False), path


def test_no_version_is_named(proxy: Proxy) -> None:
    for path in ("/", "/metrics", "/nothing"):
        answer = requests.get(f"{proxy.tls.url}{path}", verify=proxy.authority, timeout=30)
        assert answer.headers["Server"] == "nginx"
        assert not re.search(r"nginx/|gunicorn", answer.text)


@pytest.mark.shows("API4:2023")
def test_slow_clients_starve_nobody(proxy: Proxy) -> None:
    with many(proxy.tls, 50, BODY, proxy.trusting) as connections, trickling(connections):
        for _ in range(20):
            answer = requests.get(f"{proxy.tls.url}/api/me/tasks", verify=proxy.authority, timeout=8)
            assert answer.status_code == 401


@pytest.mark.shows("ASVS 4.1.3")
def test_a_forged_address_is_dropped(witness: Witness, tmp_path: Path) -> None:
    forged = {
        "X-Forwarded-For": "10.0.0.1",
        "X-Forwarded-Proto": "gopher",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Prefix": "/evil",
        "Forwarded": "for=10.0.0.1",
        "X_Forwarded_For": "10.0.0.1",
    }
    with proxying(witness.listener.getsockname()[1], tmp_path) as running_proxy:
        answer = requests.get(running_proxy.tls.url, headers=forged, verify=running_proxy.authority, timeout=30)
        assert answer.status_code == 204
    (lines,) = (set(head.lower().splitlines()) for head in witness.heads)
    assert {"x-forwarded-for: 127.0.0.1", "x-forwarded-proto: https", "host: localhost"} <= lines
    assert not any(re.search("evil|10.0.0.1|gopher", line) for line in lines)


@pytest.mark.shows("ASVS 4.1.3")
@pytest.mark.parametrize("claimed", [None, "10.0.0.1", "10.0.0.1, 127.0.0.1"])
def test_clients_are_told_apart_by_their_own_addresses(proxy: Proxy, claimed: str | None) -> None:
    account = {"email": f"{uuid.uuid4().hex}@example.com", "password": "correct horse battery"}
    port = int(proxy.tls.url.rpartition(":")[2])
    forged = {"X-Forwarded-For": claimed} if claimed else {}
    connection = http.client.HTTPSConnection(
        "localhost", port, timeout=30, context=proxy.trusting, source_address=("127.0.0.9", 0)
    )
    with closing(connection):
        connection.request(
            "POST", "/api/auth/sign-up/email", json.dumps(account), {"Content-Type": "application/json", **forged}
        )
        token = json.load(connection.getresponse())["token"]
        connection.request("GET", "/api/auth/list-sessions", headers={"Authorization": f"Bearer {token}", **forged})
        assert [session["ipAddress"] for session in json.load(connection.getresponse())] == ["127.0.0.9"]


def test_connections_are_kept_on_both_sides(witness: Witness, tmp_path: Path) -> None:
    with proxying(witness.listener.getsockname()[1], tmp_path) as running_proxy:
        port = int(running_proxy.tls.url.rpartition(":")[2])
        connection = http.client.HTTPSConnection("localhost", port, timeout=30, context=running_proxy.trusting)
        used = set()
        for _ in range(5):
            connection.request("GET", "/")
            connection.getresponse().read()
            used.add(id(connection.sock))
        connection.close()
    assert (len(used), len(witness.heads), witness.connections) == (1, 5, 1)


@pytest.mark.parametrize("sent", BROKEN.values(), ids=BROKEN)
@pytest.mark.shows("ASVS 4.2.1")
def test_a_broken_message_slips_nothing_past_the_proxy(proxy: Proxy, sent: bytes) -> None:
    last = SMUGGLED.replace(b"Host: x", b"Host: x\r\nConnection: close")
    statuses = answered(exchange(proxy.tls, sent + last, proxy.trusting))
    assert len(statuses) <= 2
    assert {status for status in statuses if status >= 500} <= {501, 505}, (
        statuses
    )  # a coding, a version: nginx's words


def test_a_request_inside_a_refused_body_is_not_answered(proxy: Proxy) -> None:
    inside = SMUGGLED * 50_000
    got = exchange(proxy.tls, post(f"Content-Length: {len(inside)}", body=inside), proxy.trusting)
    assert answered(got) in ([], [413])


@pytest.mark.skipif(not CADDY, reason="no Caddy here")
def test_caddy_takes_its_configuration(tmp_path: Path) -> None:
    assert CADDY
    version = subprocess.run([CADDY, "version"], capture_output=True, text=True, check=True).stdout
    text = (ROOT / "deploy" / "Caddyfile").read_text()
    if version.lstrip("v").startswith("2.6."):
        text = text.replace("request_buffers 1MiB", "buffer_requests")
    (tmp_path / "Caddyfile").write_text(text)
    command = [CADDY, "validate", "--config", str(tmp_path / "Caddyfile"), "--adapter", "caddyfile"]
    environ = {**os.environ, "HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)}
    ended = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 0, ended.stderr
