"""A page of another origin in a real browser changes nothing with its visitor's cookie; a trusted page does."""

from __future__ import annotations

import json
import threading
import uuid
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from devtools.processes import free_port
from tests.support.actors import PASSWORD
from tests.support.browsers import chromium_browser, new_context
from tests.support.databases import new_database
from tests.support.processes import running_service, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, BrowserContext

    from tests.support.processes import Service

ATTACKS = {
    "a form": """
        <form method="post" action="{auth}/{route}"><input name="{field}" value="{value}"></form>
        <script>document.forms[0].submit()</script>""",
    "a form in a hidden frame": """
        <iframe name="hidden" style="display: none"></iframe>
        <form method="post" action="{auth}/{route}" target="hidden"><input name="{field}" value="{value}"></form>
        <script>document.forms[0].submit()</script>""",
    "fetch with credentials": """
        <script>fetch("{auth}/{route}", {{method: "POST", credentials: "include",
            headers: {{"Content-Type": "application/json"}}, body: '{body}'}})</script>""",
    "fetch without CORS": """
        <script>fetch("{auth}/{route}", {{method: "POST", credentials: "include", mode: "no-cors",
            body: new URLSearchParams({body})}})</script>""",
    "a top-level navigation": """<script>location = "{auth}/{route}?{field}={value}"</script>""",
}
ROUTES = {
    "sign-out": ("x", "y"),
    "update-user": ("name", "Mallory"),
    "revoke-sessions": ("x", "y"),
    "delete-user": ("password", PASSWORD),
    "sign-in/email": ("email", "mallory@example.com"),
}


@contextmanager
def page_at(host: str, html: str, port: int = 0) -> Iterator[str]:
    """Serve one HTML page until the block ends; yield its origin."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(html.encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://{host}:{server.server_port}"
        finally:
            server.shutdown()


@pytest.fixture(scope="module")
def trusted_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def visited(server: str, template: str, trusted_port: int) -> Iterator[Service]:
    """Yield a service that trusts the pages of one origin."""
    origins = json.dumps([f"http://localhost:{trusted_port}"])
    with (
        new_database(server, template) as database,
        running_service(database, WEB_CONCURRENCY="1", CORS_ORIGINS=origins) as service,
    ):
        yield service


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with chromium_browser() as browser:
        yield browser


@pytest.fixture
def browser(chromium: Browser, visited: Service) -> Iterator[BrowserContext]:
    """Yield a browser whose user Ada is signed in at the service by cookie."""
    with new_context(chromium) as context:
        account: dict[str, str | float | bool] = {
            "email": f"{uuid.uuid4().hex}@example.com",
            "password": PASSWORD,
            "name": "Ada",
        }
        assert context.request.post(f"{visited.url}/api/auth/sign-up/email", form=account).status == 200
        yield context


def user_of(browser: BrowserContext, service: Service) -> dict[str, str] | None:
    """Return the user of the browser's session, if there is one."""
    session = browser.request.get(f"{service.url}/api/auth/get-session").json()
    return session and dict(session["user"])


def visit(browser: BrowserContext, origin: str, path: str) -> None:
    """Open a page, and wait until its request to the path has ended, well or not."""
    page = browser.new_page()
    ended: list[str] = []
    for event in ("requestfinished", "requestfailed"):
        page.on(event, lambda request: ended.append(request.url))
    page.goto(origin, wait_until="commit")

    def has_ended() -> bool:
        page.wait_for_timeout(25)  # the events arrive in it
        return any(path in url for url in ended)

    wait_until(has_ended)
    page.close()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"], ids=["same site", "cross site"])
@pytest.mark.parametrize("attack", ATTACKS)
def test_a_page_of_another_origin_changes_nothing(
    visited: Service, browser: BrowserContext, attack: str, host: str
) -> None:
    ada = user_of(browser, visited)
    for route, (field, value) in ROUTES.items():
        body = json.dumps({field: value, "password": PASSWORD})
        words = {"auth": f"{visited.url}/api/auth", "route": route, "field": field, "value": value, "body": body}
        with page_at(host, ATTACKS[attack].format(**words)) as origin:
            visit(browser, origin, f"/api/auth/{route}")
        assert user_of(browser, visited) == ada, route


def test_a_page_of_a_trusted_origin_acts_for_its_visitor(
    visited: Service, browser: BrowserContext, trusted_port: int
) -> None:
    script = """url => fetch(url, {method: "POST", credentials: "include", body: '{"name": "Grace"}',
        headers: {"Content-Type": "application/json"}}).then(response => response.status)"""
    with page_at("localhost", "", trusted_port) as origin, browser.new_page() as page:
        page.goto(origin)
        assert page.evaluate(script, f"{visited.url}/api/auth/update-user") == 200
    user = user_of(browser, visited)
    assert user is not None
    assert user["name"] == "Grace"
