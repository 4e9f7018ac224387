"""The path of a calendar feed is its credential: no log of nginx has it, whether the service runs or not."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import requests

from devtools.processes import free_port
from tests.support.credentials import sign_up_at
from tests.support.nginx import NGINX, SITE, UNDER_A_PATH, Proxy, proxying
from tests.support.processes import running_service

if TYPE_CHECKING:
    from pathlib import Path

CADDY = shutil.which("caddy")
SITES = {"": SITE, "/todo": UNDER_A_PATH}
TOKEN = "geheim" * 20
SPELLINGS = [
    f"/api/feeds/{TOKEN}.ics",
    f"/api/feeds/{TOKEN}.ics?geheim=1",
    f"/api//feeds/{TOKEN}.ics",
    f"/api/./feeds/x/../{TOKEN}.ics",
    f"/%61pi/feeds%2F{TOKEN}.ics",
    f"/api/feeds/{TOKEN}",
    f"/api/feeds/{TOKEN}.ics/",
]
"""What nginx reads as a path of feeds."""

pytestmark = pytest.mark.skipif(not NGINX, reason="nginx is not installed (apt install nginx)")


def get(proxy: Proxy, path: str) -> requests.Response:
    """Send a GET with exactly this path."""
    request = requests.Request("GET", proxy.https.url).prepare()
    request.url = f"{proxy.https.url}{path}"
    with requests.Session() as session:
        return session.send(request, verify=proxy.ca_file, timeout=30, allow_redirects=False)


@pytest.mark.shows("feeds: no log")
@pytest.mark.parametrize("prefix", SITES)
def test_a_feed_is_read_through_the_proxy_and_not_logged(fresh_database: str, tmp_path: Path, prefix: str) -> None:
    public_url = f"https://localhost{prefix}"
    with running_service(fresh_database, WEB_CONCURRENCY="1", BETTER_AUTH_URL=public_url) as service:
        headers = sign_up_at(service.url, "ada@example.com").jwt
        created = requests.post(f"{service.url}/api/me/feeds", json={"name": "Home"}, headers=headers, timeout=30)
        path = urlsplit(created.json()["url"]).path
        assert path.startswith(f"{prefix}/api/feeds/")
        with proxying([int(service.url.rpartition(":")[2])], tmp_path, SITES[prefix]) as proxy:
            response = get(proxy, path)
            assert (response.status_code, "X-WR-CALNAME:Home" in response.text) == (200, True)
            for spelling in SPELLINGS:
                assert get(proxy, prefix + spelling).status_code == 404, spelling
            redirected = requests.get(f"{proxy.http_url}{path}", timeout=30, allow_redirects=False)
            assert redirected.headers["Location"] == f"https://localhost{path}"
            get(proxy, f"{prefix}/healthz")
    log = proxy.log()
    assert f"GET {prefix}/healthz" in log
    assert path.rpartition("/")[2][:40] not in log
    assert "geheim" not in log


@pytest.mark.shows("feeds: no log")
@pytest.mark.parametrize("prefix", SITES)
def test_a_feed_is_not_logged_while_the_service_is_down(tmp_path: Path, prefix: str) -> None:
    with proxying([free_port()], tmp_path, SITES[prefix]) as proxy:
        for spelling in SPELLINGS:
            assert get(proxy, prefix + spelling).status_code == 502, spelling
        assert get(proxy, f"{prefix}/healthz").status_code == 502
    log = proxy.log()
    assert "connect() failed" in log
    assert f"GET {prefix}/healthz" in log
    assert "geheim" not in log
