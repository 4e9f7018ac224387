"""The service under a path of a host: nginx strips the path, and responses contain it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.support.actors import PASSWORD
from tests.support.databases import application
from tests.support.nginx import NGINX, UNDER_A_PATH, Proxy, proxying
from tests.support.processes import running_service

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PUBLIC_URL = "https://localhost/todo"


@pytest.fixture
def proxy(fresh_database: str, tmp_path: Path) -> Iterator[Proxy]:
    """Yield an nginx that serves the service under /todo."""
    with (
        running_service(
            fresh_database, WEB_CONCURRENCY="1", BETTER_AUTH_URL=PUBLIC_URL, MAIL_URL="file:///dev/null"
        ) as service,
        proxying([int(service.url.rpartition(":")[2])], tmp_path, UNDER_A_PATH) as running_proxy,
    ):
        yield running_proxy


@pytest.mark.skipif(not NGINX, reason="nginx is not installed (apt install nginx)")
def test_every_path_in_a_response_leads_back_to_the_service(proxy: Proxy) -> None:
    session = requests.Session()

    def call(method: str, path: str, **options: Any) -> requests.Response:
        options = {"timeout": 30, "allow_redirects": False, "verify": proxy.ca_file, **options}
        return session.request(method, f"{proxy.https.url}{path}", **options)

    account = {"email": "ada@example.com", "password": PASSWORD}
    signed_up = call("POST", "/todo/api/auth/sign-up/email", data=account)
    assert {cookie.path for cookie in session.cookies} == {"/todo"}
    session.headers["Authorization"] = f"Bearer {signed_up.json()['token']}"
    created = [call("POST", "/todo/api/me/tasks", json={"title": title}) for title in ("1", "2")]
    assert call("GET", created[0].headers["Location"]).json()["title"] == "1"
    page = call("GET", "/todo/api/me/tasks?limit=1")
    (next_page, first_page) = re.findall("<(.*?)>", page.headers["Link"])
    assert [task["title"] for task in call("GET", next_page).json()] == ["2"]
    assert [task["title"] for task in call("GET", first_page).json()] == ["1"]
    export = call("GET", "/todo/api/me/export")
    assert call("POST", "/todo/api/me/import?dry_run=true", json=export.json()).json()["skipped"] == 2
    assert call("GET", "/todo/openapi.json").json()["servers"] == [{"url": "/todo"}]
    for asset in re.findall('(?:href|src)="(docs/[^"]+)"', call("GET", "/todo/docs").text):
        assert call("GET", f"/todo/{asset}").status_code == 200
    welcome = call("GET", "/todo", headers={"Accept": "text/html"})
    links = re.findall('href="([^"]+)"', welcome.text)
    assert len(links) >= 3
    for link in set(links) - {"/todo/readyz"}:  # nginx hides it
        assert call("GET", link).status_code == 200, link
    link = call("GET", "/todo/api/auth/reset-password/x")
    assert (link.status_code, link.headers["Location"]) == (302, "/todo/?error=INVALID_TOKEN")
    session.close()


@pytest.mark.parametrize(
    ("url", "prefix"),
    [
        (None, ""),
        ("https://example.com", ""),
        ("https://example.com/", ""),
        ("https://example.com/todo", "/todo"),
        ("https://example.com/a/b", "/a/b"),
        ("https://example.com/%C3%A9", "/%C3%A9"),
    ],
)
def test_the_path_of_the_public_url_is_the_prefix(database: str, url: str | None, prefix: str) -> None:
    client = application(database, better_auth_url=url and url.rstrip("/")).test_client(use_cookies=False)
    assert client.get("/openapi.json").get_json()["servers"] == [{"url": prefix or "/"}]
    assert client.get("/api/auth/reset-password/x").headers["Location"] == f"{prefix}/?error=INVALID_TOKEN"
    account = {"email": f"{abs(hash(url))}@example.com", "password": PASSWORD}
    signed_up = client.post("/api/auth/sign-up/email", data=account)
    assert f"Path={prefix or '/'};" in f"{signed_up.headers['Set-Cookie']};"
    headers = {"Authorization": f"Bearer {signed_up.get_json()['token']}"}
    created = client.post("/api/me/tasks", json={"title": "x"}, headers=headers)
    assert created.headers["Location"].startswith(f"{prefix}/api/")
    page = client.get("/api/me/tasks?limit=1", headers=headers)
    assert page.headers["Link"].startswith(f"<{prefix}/api/me/tasks?")
