"""No response of any route contains versions, paths, SQL or stack traces."""

from __future__ import annotations

import re
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import pytest

from tests.security.leaks import leaks
from tests.support.routes import RULES, operations

if TYPE_CHECKING:
    from tests.support.actors import Actor

JSON = {"content_type": "application/json"}
CLIENT_NAME = f'"userAgent":"Werkzeug/{version("werkzeug")}"'
"""The user agent of the test client, which list-sessions returns to its user."""

HOSTILE: list[dict[str, Any]] = [
    {},
    {"data": b"{", **JSON},
    {"data": b"\xff\x00", **JSON},
    {"data": b"[" * 5000, **JSON},
    {"data": rb'{"title": "\u0000", "email": "\u0027; DROP TABLE users; --", "password": {"$ne": 1}}', **JSON},
    {"data": rb'{"title": "\ud800", "token": "a.b.c", "refresh_token": "../../etc/passwd"}', **JSON},
    {"data": rb'[{"op": "create"}, null, 1e400]', **JSON},
    {"data": b"email=%00&password=%FF", "content_type": "application/x-www-form-urlencoded"},
    {"data": b"--x", "content_type": "multipart/form-data; boundary=x"},
    {"query_string": "limit=1'&sort=%00&q=%ED%A0%80&cursor=AAAA&since=-1&format=../x&callbackURL=//evil.example"},
    {"headers": {"If-Match": '"\x80', "Idempotency-Key": "'" * 300, "Range": "bytes=9-1", "Cookie": "a=\x00"}},
]

ROUTES = [call for call in operations(RULES) if not call[1].startswith("/docs") and call[1] != "/openapi.json"]


@pytest.mark.shows("ASVS 13.4.6", "ASVS 16.5.1")
@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_no_response_leaks_internals(alice: Actor, method: str, path: str) -> None:
    ends_session = path == "/api/{user}/account" or path.endswith(("delete-user", "sign-out", "revoke-sessions"))
    for hostile in HOSTILE[1:] if ends_session else HOSTILE:
        for task in ("1", "0", "9" * 30, "%00", "'"):
            headers = {"Authorization": f"Bearer {alice.token}", **hostile.get("headers", {})}
            url = re.sub(r"<[^>]+>", "x", path.format(user=alice.id, task=task))
            response = alice.client.open(url, method=method, **{**hostile, "headers": headers})
            text = f"{response.headers}\n{response.text}".replace(CLIENT_NAME, "")
            assert response.status_code < 500, (url, hostile)
            assert leaks(text) == [], (url, hostile)
            if "{task}" not in path:
                break
