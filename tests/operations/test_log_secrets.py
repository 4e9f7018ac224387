"""A run of the whole service logs lines of JSON, and no secret."""

from __future__ import annotations

import json
import re
import signal
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import requests

from tests.support.actors import PASSWORD
from tests.support.processes import GRANIAN, GUNICORN, running_service, wait_until
from tests.support.raw_http import exchange

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "geheim"
"""A word that only the requests below contain."""

SECRET_REQUESTS = [
    b"GET /geheim-path?geheim-query HTTP/9.9\r\n\r\n",
    b"GET /geheim\r\n\r\n",
    b"geheim / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nCookie : geheim-cookie\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nX: geheim\0\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: geheim host\r\nConnection: close\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: geheim\r\n\r\n",
    b"POST /api/auth/sign-in/email HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\ngeheim\r\n\r\n",
    b"GET /%0a%1b%5b31m%ff?geheim%0a HTTP/1.1\r\nHost: a\r\nUser-Agent: geheim\xff\x1b\r\nConnection: close\r\n\r\n",
    b"GET /\xff\xfe\xe2\x80\xa8 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    b"GEHEIM /geheim HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: geheim id\r\nConnection: close\r\n\r\n",
]


SERVER_MESSAGES = {
    GUNICORN: ("Starting gunicorn", "Listening at", "Booting worker", "Hang up", "Handling signal: term"),
    GRANIAN: ("Starting granian", "Listening at", "Started worker", "HUP signal received", "Shutting down granian"),
}
"""Beginnings of messages that each server logs."""

REFUSED = {GUNICORN: 4, GRANIAN: 0}
"""Malformed requests that each server logs at least. granian logs none."""


@pytest.mark.shows("ASVS 16.2.5", "ASVS 16.4.1")
@pytest.mark.parametrize("name", SERVER_MESSAGES)
def test_a_whole_run_logs_json_lines_without_a_secret(fresh_database: str, tmp_path: Path, name: str) -> None:
    mails, log = tmp_path / "mails", tmp_path / "log"
    with log.open("wb") as stderr:
        url, production = mails.as_uri(), "production"
        run = running_service(fresh_database, stderr=stderr, server=name, MAIL_URL=url, ENVIRONMENT=production)
        with run as service:
            secrets = {*use_an_account(service.url, mails), SECRET}
            for request in SECRET_REQUESTS:
                exchange(service, request)
            service.process.send_signal(signal.SIGHUP)
            requests.get(service.url, timeout=10)
    text = log.read_text("ascii")
    lines = [json.loads(line) for line in text.splitlines()]
    assert all({"time", "level", "event"} <= set(line) for line in lines)
    messages = [line.get("message", "") for line in lines]
    for start in SERVER_MESSAGES[name]:
        assert any(message.startswith(start) for message in messages), start
    refused = [message for message in messages if re.match("refused request [0-9a-f]{32} of 127.0.0.1: ", message)]
    assert len(refused) >= REFUSED[name]
    events = {line["event"] for line in lines}
    assert {"sign_up", "sign_in", "refresh_reuse", "reset_password", "delete_user", "request"} <= events
    for secret in secrets:
        assert secret.lower() not in text.lower(), secret


def use_an_account(url: str, mails: Path) -> set[str]:
    """Do everything that an account can do, and return every secret that was sent or received."""
    email, new = "ada.lovelace@example.com", "another horse battery"
    browser = requests.Session()

    def post(path: str, **body: str) -> requests.Response:
        return browser.post(f"{url}/api/auth/{path}", json=body, headers={"Origin": url}, timeout=30)

    responses = [post("sign-up/email", email=email, password=PASSWORD, name="Ada Lovelace")]
    responses += [post("sign-in/email", email=email, password=PASSWORD)]
    responses += [post("sign-in/email", email="stranger@example.com", password=new)]
    first = token = responses[0].json()["refresh_token"]
    for _ in range(3):
        responses.append(post("refresh", refresh_token=token))
        token = responses[-1].json()["refresh_token"]
    post("refresh", refresh_token=first)
    post("request-password-reset", email=email)
    responses += [post("sign-in/email", email=email, password=PASSWORD)]
    link = mailed_link(mails)
    browser.get(link, timeout=30, allow_redirects=False)
    reset_token = urlsplit(link).path.rpartition("/")[2]
    assert post("reset-password", token=reset_token, newPassword=new).status_code == 200
    responses += [post("sign-in/email", email=email, password=new)]
    headers = {"Authorization": f"Bearer {responses[-1].json()['token']}"}
    requests.post(f"{url}/api/me/tasks", json={"title": "title-of-hers"}, headers=headers, timeout=30)
    requests.get(f"{url}/api/me/tasks?tag=query-of-hers", headers=headers, timeout=30)
    responses += [browser.get(f"{url}/api/auth/token", timeout=30)]
    assert post("delete-user", password=new).status_code == 200
    bodies = [response.json() for response in responses]
    tokens = {str(body[name]) for body in bodies for name in ("token", "refresh_token") if name in body}
    cookies = {cookie.value for response in responses for cookie in response.cookies if cookie.value}
    opaque = {response.headers["set-auth-token"] for response in responses if "set-auth-token" in response.headers}
    assert min(len(tokens), len(cookies), len(opaque)) >= 3
    texts = {PASSWORD, new, email, "stranger@example.com", "Lovelace", "title-of-hers", "query-of-hers", "hmac-sha256"}
    return tokens | cookies | opaque | texts | {reset_token, reset_token.partition("_")[0]}


def mailed_link(mails: Path) -> str:
    """Wait for the mail, and return the link in it."""
    links: list[str] = []

    def is_delivered() -> bool:
        links.extend(re.findall(r"^http\S+$", mails.read_text(), re.MULTILINE) if mails.exists() else [])
        return bool(links)

    wait_until(is_delivered)
    return links[0]
