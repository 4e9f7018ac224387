"""Protection against cross-site requests, with the rule of Go's CrossOriginProtection, and open redirects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.actors import PASSWORD, Actor
from tests.support.credentials import ALL, COOKIE, sign_in
from tests.support.databases import application

if TYPE_CHECKING:
    from werkzeug.test import TestResponse

AUTH = "/api/auth"
EVIL = "https://evil.example"

TRUSTED = [
    {"Origin": "http://localhost:3000"},
    {"Origin": "https://app.example.com"},
    {"Origin": "http://localhost:8000"},  # the default of BETTER_AUTH_URL
    {"Origin": "http://localhost"},  # that of the request's own URL
    {"Origin": "https://app.example.com", "Referer": EVIL},
    {"Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "none"},
    {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost:3000"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors", "Origin": "http://localhost:3000"},
]
SCRIPTS = [
    {},
    {"Origin": ""},
    {"Sec-Fetch-Mode": "cors"},  # Node's fetch
    {"Sec-Fetch-Dest": "empty"},
    {"Referer": f"{EVIL}/page"},
]
"""The headers of clients that are not browsers. A browser adds Origin or Sec-Fetch-Site to every POST."""
UNTRUSTED = [
    ({"Origin": EVIL}, "INVALID_ORIGIN"),
    ({"Origin": "https://app.example.com.evil.example"}, "INVALID_ORIGIN"),
    ({"Origin": "https://app.example.com:444"}, "INVALID_ORIGIN"),
    ({"Origin": "http://app.example.com"}, "INVALID_ORIGIN"),
    ({"Origin": "https://APP.example.com/"}, "INVALID_ORIGIN"),
    ({"Origin": "https://app.example.com@evil.example"}, "INVALID_ORIGIN"),
    ({"Origin": EVIL, "Referer": "http://localhost:3000/"}, "INVALID_ORIGIN"),
    ({"Origin": EVIL, "Sec-Fetch-Site": "cross-site"}, "INVALID_ORIGIN"),
    ({"Origin": "http://localhost:3001", "Sec-Fetch-Site": "same-site"}, "INVALID_ORIGIN"),
    ({"Origin": "null"}, "MISSING_OR_NULL_ORIGIN"),
    ({"Origin": "null", "Sec-Fetch-Site": "cross-site"}, "MISSING_OR_NULL_ORIGIN"),
    ({"Sec-Fetch-Site": "cross-site"}, "MISSING_OR_NULL_ORIGIN"),
    ({"Sec-Fetch-Site": "same-site"}, "MISSING_OR_NULL_ORIGIN"),
    ({"Sec-Fetch-Site": "unknown"}, "MISSING_OR_NULL_ORIGIN"),
]
ROUTES: list[tuple[str, Any]] = [
    ("sign-out", None),
    ("refresh", {"refresh_token": "x"}),
    ("refresh", None),
    ("api-key/create", {}),
    ("api-key/update", {"keyId": "x"}),
    ("api-key/delete", {"keyId": "x"}),
    ("revoke-session", {"token": "x"}),
    ("revoke-sessions", {}),
    ("revoke-other-sessions", {}),
    ("change-password", {"currentPassword": PASSWORD, "newPassword": PASSWORD}),
    ("update-user", {"name": "Mallory"}),
    ("delete-user", {}),
    ("request-password-reset", {"email": "ada@example.com"}),
    ("reset-password", {"newPassword": PASSWORD, "token": "x"}),
    ("get-session", {}),
    ("sign-in/email", {"email": "ada@example.com", "password": PASSWORD}),
    ("sign-up/email", {"email": "ada@example.com", "password": PASSWORD}),
]


def code_of_403(response: TestResponse) -> str:
    assert response.status_code == 403
    code: str = response.get_json()["code"]
    return code


@pytest.mark.parametrize(("route", "body"), ROUTES)
def test_an_untrusted_page_cannot_write_with_a_cookie(alice: Actor, route: str, body: Any) -> None:
    session = sign_in(alice)
    for cookie in ({"Cookie": session.cookie["Cookie"]}, {"Cookie": "theme=dark"}, {}):
        for headers, code in UNTRUSTED:
            response = alice.client.post(f"{AUTH}/{route}", json=body, headers={**cookie, **headers})
            assert code_of_403(response) == code
            assert "Set-Cookie" not in response.headers
    assert session.accepted_credentials(alice.client) == ALL


@pytest.mark.parametrize("headers", [*TRUSTED, *SCRIPTS])
def test_scripts_and_trusted_pages_can_write_with_a_cookie(alice: Actor, headers: dict[str, str]) -> None:
    cookie = {"Cookie": sign_in(alice).cookie["Cookie"]}
    response = alice.client.post(f"{AUTH}/update-user", json={"name": "Ada"}, headers={**cookie, **headers})
    assert (response.status_code, response.json) == (200, {"status": True})


@pytest.mark.parametrize("cookie", [None, "theme=dark", f"{COOKIE}=x"])
@pytest.mark.parametrize("origin", [EVIL, "null", None])
def test_a_bearer_token_may_come_from_any_origin(alice: Actor, origin: str | None, cookie: str | None) -> None:
    headers = {**sign_in(alice).jwt, **({"Origin": origin} if origin else {}), **({"Cookie": cookie} if cookie else {})}
    response = alice.client.post(f"{AUTH}/update-user", json={"name": "Ada"}, headers=headers)
    assert response.status_code == 200


def test_a_read_may_come_from_any_origin(alice: Actor) -> None:
    headers = {**sign_in(alice).cookie, "Origin": EVIL}
    for method in ("GET", "HEAD"):
        response = alice.client.open(f"{AUTH}/get-session", method=method, headers=headers)
        assert response.status_code == 200
        assert "Access-Control-Allow-Origin" not in response.headers
    assert alice.client.get(f"{AUTH}/get-session", headers=headers).get_json()["user"]["id"] == alice.id


@pytest.mark.parametrize("encoding", ["data", "json"])
@pytest.mark.parametrize("route", ["sign-in/email", "sign-up/email"])
def test_an_untrusted_page_cannot_sign_in(alice: Actor, route: str, encoding: str) -> None:
    options: dict[str, Any] = {encoding: {"email": alice.email, "password": PASSWORD}}
    for bearer in ({}, sign_in(alice).jwt):
        for headers, code in UNTRUSTED:
            response = alice.client.post(f"{AUTH}/{route}", headers={**bearer, **headers}, **options)
            assert code_of_403(response) == code


@pytest.mark.parametrize("origin", ["http://localhost:3000", EVIL, None])
def test_a_cross_site_form_cannot_sign_in(alice: Actor, origin: str | None) -> None:
    form = {"email": alice.email, "password": PASSWORD}
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", **({"Origin": origin} if origin else {})}
    response = alice.client.post(f"{AUTH}/sign-in/email", data=form, headers=headers)
    assert code_of_403(response) == "CROSS_SITE_NAVIGATION_LOGIN_BLOCKED"


@pytest.mark.parametrize(
    "headers",
    [
        *SCRIPTS,
        *TRUSTED,
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate", "Origin": "http://localhost:3000"},
    ],
)
def test_scripts_and_trusted_pages_can_sign_in(alice: Actor, headers: dict[str, str]) -> None:
    form = {"email": alice.email, "password": PASSWORD}
    assert alice.client.post(f"{AUTH}/sign-in/email", data=form, headers=headers).status_code == 200


def test_the_origin_of_the_public_url_is_trusted(database: str, alice: Actor) -> None:
    app = application(database, better_auth_url="https://example.com/todo", cors_origins=())
    client = app.test_client(use_cookies=False)
    account = {"email": alice.email, "password": PASSWORD}
    for origin, status in (("https://example.com", 200), ("https://example.com/todo", 403), (EVIL, 403)):
        response = client.post(f"{AUTH}/sign-in/email", json=account, headers={"Origin": origin})
        assert response.status_code == status


TRUSTED_TARGETS = [
    "/",
    "/tasks?x=1#y",
    "/\u00fc",
    "http://localhost:3000",
    "http://localhost:3000/welcome",
    "https://app.example.com/a?b=c",
    "http://localhost:8000/",
]
UNTRUSTED_TARGETS = [
    "",
    "tasks",
    EVIL,
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    " //evil.example",
    "https:evil.example",
    "https:///evil.example",
    "https://app.example.com@evil.example",
    "https://app.example.com:x@evil.example",
    "https://app.example.com.evil.example",
    "https://app.example.com\\@evil.example",
    "https://[app.example.com",
    "http://app.example.com",
    "javascript:alert(1)",
    "data:text/html,x",
]


@pytest.mark.parametrize("target", TRUSTED_TARGETS)
def test_a_callback_may_be_a_path_or_a_trusted_page(alice: Actor, target: str) -> None:
    account = {"email": alice.email, "password": PASSWORD, "callbackURL": target}
    response = alice.client.post(f"{AUTH}/sign-in/email", json=account)
    body = response.get_json()
    assert (response.status_code, body["redirect"], body["url"]) == (200, True, target)
    assert response.headers["Location"] == target.replace("\u00fc", "%C3%BC")


@pytest.mark.parametrize("route", ["sign-in/email", "sign-up/email"])
@pytest.mark.parametrize("target", UNTRUSTED_TARGETS)
def test_a_callback_to_an_untrusted_page_is_rejected(alice: Actor, route: str, target: str) -> None:
    account = {"email": alice.email, "password": PASSWORD, "callbackURL": target}
    response = alice.client.post(f"{AUTH}/{route}", json=account)
    assert code_of_403(response) == "INVALID_CALLBACK_URL"
    assert "Set-Cookie" not in response.headers


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000"])
def test_a_forged_host_header_makes_no_callback_trusted(alice: Actor, host: str) -> None:
    origin = f"http://{host}"
    account = {"email": alice.email, "password": PASSWORD, "callbackURL": f"{origin}/x"}
    response = alice.client.post(f"{AUTH}/sign-in/email", json=account, headers={"Host": host})
    assert code_of_403(response) == "INVALID_CALLBACK_URL"
    reset = {"email": alice.email, "redirectTo": f"{origin}/x"}
    response = alice.client.post(f"{AUTH}/request-password-reset", json=reset, headers={"Host": host})
    assert response.status_code in {400, 403}  # mail is off here
