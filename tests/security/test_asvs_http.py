"""Headers, cookies, cross-site requests, methods and errors (ASVS V3, V4, V13, V14, V16)."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.security.target import AUTH, COOKIE, PASSWORD, PUBLIC_URL
from tests.support.credentials import ALL
from tests.support.routes import RULES

if TYPE_CHECKING:
    from tests.security.target import Target, User

EVIL = "https://evil.example"
ALLOWED_ORIGIN = "http://localhost:3000"
OTHER_ORIGINS = [
    *(EVIL, "null", "*", "http://localhost:3001", "https://localhost:3000", "http://localhost:3000.evil.example"),
    *("http://localhost:30000", "http://evil.localhost:3000", "http://localhost", "HTTP://LOCALHOST:3000/"),
    *(
        "https://todo.example.evil.example",
        "https://eviltodo.example",
        "http://todo.example",
        "https://todo.example:444",
    ),
    *("https://todo.example@evil.example", "http://localhost:3000, https://evil.example", "file://", "about:blank"),
]
REQUESTS = {
    "welcome": ("GET", "/"),
    "OpenAPI document": ("GET", "/openapi.json"),
    "documentation page": ("GET", "/docs"),
    "script": ("GET", "/docs/docs.js"),
    "tasks": ("GET", "/api/me/tasks"),
    "change": ("PATCH", "/api/me/tasks/{task}/complete"),
    "export": ("GET", "/api/me/export"),
    "CSV export": ("GET", "/api/me/export?format=csv"),
    "session": ("GET", "/api/auth/get-session"),
    "JWK Set": ("GET", "/api/auth/jwks"),
    "204": ("DELETE", "/api/me/tasks/{task}"),
    "400": ("DELETE", "/api/me/tasks"),
    "401": ("GET", "/api/me/tasks?anonymous"),
    "403": ("GET", "/api/somebody/tasks"),
    "404": ("GET", "/nothing"),
    "404 for a task": ("GET", "/api/me/tasks/0"),
    "405": ("POST", "/"),
    "415": ("POST", "/api/me/tasks"),
    "422": ("GET", "/api/me/tasks?limit=0"),
}


def response_to(name: str, victim: User, **headers: str) -> Any:
    method, path = REQUESTS[name]
    if name == "401":
        return victim.target.request(method, path, headers=headers)
    return victim.request_path(method, path.format(task=victim.task["id"]), headers)


@pytest.mark.shows("ASVS 3.4.4", "ASVS 3.4.6", "API8:2023")
@pytest.mark.parametrize("name", REQUESTS)
def test_3_4_4_every_response_forbids_sniffing_and_framing(victim: User, name: str) -> None:
    headers = response_to(name, victim).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


@pytest.mark.shows("ASVS 4.1.1")
@pytest.mark.parametrize("name", REQUESTS)
def test_4_1_1_every_response_has_its_content_type(victim: User, name: str) -> None:
    response = response_to(name, victim)
    content_type = response.headers.get("Content-Type")
    if not response.content:
        assert content_type is None
    elif response.status_code >= 400:
        assert content_type == "application/problem+json"
        assert response.json()["status"] == response.status_code
    else:
        # JSON is always UTF-8; other texts name their charset.
        assert content_type == "application/json" or "charset=utf-8" in str(content_type)
        response.content.decode()


@pytest.mark.shows("ASVS 13.4.6", "ASVS 13.4.2")
@pytest.mark.parametrize("name", REQUESTS)
def test_13_4_6_no_header_contains_a_version(victim: User, name: str) -> None:
    headers = response_to(name, victim).headers
    assert not re.search(r"\d", headers.get("Server", ""))
    assert not {"X-Powered-By", "X-Runtime", "X-AspNet-Version", "X-Debug", "Via"} & set(headers)


@pytest.mark.shows("ASVS 14.3.2")
@pytest.mark.parametrize("name", REQUESTS)
def test_14_3_2_private_responses_are_not_cached(victim: User, name: str) -> None:
    cache_control = response_to(name, victim).headers["Cache-Control"]
    if name in {"tasks", "change", "204"}:
        assert cache_control in {"private, no-cache", "no-store"}
    elif name not in {"documentation page", "script"}:
        assert cache_control == "no-store"


@pytest.mark.shows("ASVS 14.3.2")
@pytest.mark.parametrize("route", ["sign-up", "sign-in", "refresh", "token"])
def test_14_3_2_tokens_are_not_cached(target: Target, victim: User, route: str) -> None:
    responses = {
        "sign-up": lambda: target.sign_up(f"n-{victim.email}", PASSWORD),
        "sign-in": lambda: target.sign_in(victim.email, PASSWORD),
        "refresh": lambda: target.refresh(victim.session.refresh),
        "token": lambda: victim.request_auth("GET", "token"),
    }
    response = responses[route]()
    assert (response.status_code, response.headers["Cache-Control"]) == (200, "no-store")


@pytest.mark.shows("ASVS 3.4.2", "API8:2023")
@pytest.mark.parametrize("origin", OTHER_ORIGINS)
def test_3_4_2_other_origins_are_never_allowed(victim: User, origin: str) -> None:
    for name in ("tasks", "403", "404", "422", "welcome", "session"):
        assert "Access-Control-Allow-Origin" not in response_to(name, victim, Origin=origin).headers
    headers = {"Origin": origin, "Access-Control-Request-Method": "DELETE"}
    preflight = victim.target.request("OPTIONS", "/api/me/tasks", headers=headers)
    assert not [name for name in preflight.headers if name.startswith("Access-Control-Allow")]


@pytest.mark.shows("ASVS 3.4.2")
@pytest.mark.parametrize("name", ["tasks", "401", "403", "404", "422"])
def test_3_4_2_a_configured_origin_is_allowed_by_name(victim: User, name: str) -> None:
    headers = response_to(name, victim, Origin=ALLOWED_ORIGIN).headers
    assert headers["Access-Control-Allow-Origin"] == ALLOWED_ORIGIN
    assert "Origin" in headers["Vary"]


@pytest.mark.shows("ASVS 3.3.1", "ASVS 3.3.2", "ASVS 3.3.3", "ASVS 3.3.4")
@pytest.mark.parametrize("route", ["sign-up", "sign-in", "sign-in without remember me", "sign-out"])
def test_3_3_1_cookies_are_secure_host_only_and_http_only(target: Target, victim: User, route: str) -> None:
    responses = {
        "sign-up": lambda: target.sign_up(f"n-{victim.email}", PASSWORD),
        "sign-in": lambda: target.sign_in(victim.email, PASSWORD),
        "sign-in without remember me": lambda: target.sign_in(victim.email, PASSWORD, rememberMe=False),
        "sign-out": lambda: victim.request_auth("POST", "sign-out"),
    }
    cookies = responses[route]().raw.headers.getlist("Set-Cookie")
    assert cookies
    for cookie in cookies:
        name, *attributes = cookie.split("; ")
        assert name.startswith("__Secure-better-auth.")
        assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(attributes)
        assert not any(attribute.lower().startswith("domain") for attribute in attributes)


@pytest.mark.shows("ASVS 3.3.3")
@pytest.mark.parametrize(
    "shape", ["{opaque}", "{opaque}.", "{opaque}.AAAA", "x.{signature}", "{other}.{signature}", '"{signed}"x']
)
def test_3_3_3_a_cookie_without_a_valid_signature_is_rejected(
    target: Target, victim: User, attacker: User, shape: str
) -> None:
    signed = victim.session.signed
    opaque, _, signature = signed.partition(".")
    value = shape.format(opaque=opaque, signature=signature, signed=signed, other=attacker.session.opaque)
    headers = {"Cookie": f"{COOKIE}={value}", "Origin": PUBLIC_URL}
    assert target.request("GET", f"{AUTH}/get-session", headers=headers).json() is None
    assert target.request("POST", f"{AUTH}/revoke-sessions", headers=headers).status_code == 401
    assert victim.accepted_credentials() == ALL


WRITES: dict[str, Any] = {
    "sign-out": None,
    "revoke-sessions": {},
    "revoke-other-sessions": {},
    "update-user": {"name": "Eve"},
    "change-password": {"currentPassword": PASSWORD, "newPassword": "a password of the attacker's"},
    "delete-user": {},
}


@pytest.mark.shows("ASVS 3.5.1", "ASVS 3.3.2", "Better Auth origins")
@pytest.mark.parametrize("route", WRITES)
@pytest.mark.parametrize("origin", [EVIL, "null", f"{PUBLIC_URL}.evil.example", "http://todo.example"])
def test_3_5_1_a_cross_site_request_with_the_cookie_changes_nothing(
    target: Target, victim: User, route: str, origin: str
) -> None:
    cookie = {"Cookie": victim.cookie["Cookie"]}
    for browser in (
        {"Origin": origin},
        {"Origin": origin, "Sec-Fetch-Site": "cross-site"},
        {"Origin": origin, "Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ):
        response = target.request("POST", f"{AUTH}/{route}", headers={**cookie, **browser}, json=WRITES[route])
        assert response.status_code == 403
    assert victim.accepted_credentials() == ALL
    assert victim.request_auth("GET", "get-session").json()["user"]["name"] == "Ada"
    assert target.sign_in(victim.email, PASSWORD).status_code == 200


@pytest.mark.shows("ASVS 3.5.1", "Better Auth first login")
@pytest.mark.parametrize("route", ["sign-in", "sign-up"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": EVIL},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "null"},
        {
            "Sec-Fetch-Site": "cross-site",
            "Sec-Fetch-Mode": "navigate",
            "Sec-Fetch-Dest": "document",
            "Origin": PUBLIC_URL,
        },
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
    ],
    ids=str,
)
def test_3_5_1_a_cross_site_request_cannot_sign_in_or_up(
    target: Target, attacker: User, route: str, headers: dict[str, str]
) -> None:
    email = attacker.email if route == "sign-in" else f"n-{attacker.email}"
    for encoding in ("json", "data"):
        options: dict[str, Any] = {encoding: {"email": email, "password": PASSWORD}}
        response = target.request("POST", f"{AUTH}/{route}/email", headers=headers, **options)
        assert response.status_code == 403
        assert "Set-Cookie" not in response.headers


@pytest.mark.shows("ASVS 3.5.1")
@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
def test_3_5_1_task_routes_reject_the_cookie(target: Target, victim: User, method: str) -> None:
    path = f"/api/{victim.id}/tasks" + (f"/{victim.task['id']}" if method in {"PATCH", "DELETE"} else "")
    response = target.request(method, path, headers=victim.cookie, json={"title": "x"})
    assert response.status_code == 401
    assert victim.is_unchanged()


CORS_SAFE_TYPES = [
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "text/json",
    "application/csp-report",
]


@pytest.mark.shows("ASVS 3.5.2", "API8:2023")
@pytest.mark.parametrize("content_type", [*CORS_SAFE_TYPES, "application/xml", "application/json-patch+json", "", None])
def test_3_5_2_other_content_types_are_415(victim: User, content_type: str | None) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    body = b'{"title": "x", "operations": [], "token": "x"}'
    at = f"/tasks/{victim.task['id']}"
    for method, path in (("POST", "/tasks"), ("PUT", at), ("PATCH", at), ("POST", "/tasks/batch"), ("POST", "/import")):
        assert victim.request(method, path, headers, data=body).status_code == 415
    for route in ("change-password", "revoke-session", "update-user", "delete-user"):
        assert victim.request_auth("POST", route, headers, data=body).status_code == 415
    assert victim.is_unchanged()


@pytest.mark.shows("ASVS 3.5.3", "RFC 9110 HEAD")
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_3_5_3_safe_methods_change_nothing(victim: User, method: str) -> None:
    for path in ("/tasks", f"/tasks/{victim.task['id']}", "/tasks/changes", "/export"):
        victim.request(method, path)
        victim.request(method, f"{path}?_method=DELETE", {"X-HTTP-Method-Override": "DELETE"})
    for route in ("sign-out", "revoke-sessions", "delete-user", "sign-in/email", "refresh"):
        victim.request_auth(method, f"{route}?token=x")
    assert victim.is_unchanged()
    assert victim.accepted_credentials() == ALL


@pytest.mark.shows("RFC 9110 HEAD")
@pytest.mark.parametrize("path", ["/", "/openapi.json", "/api/me/tasks", "/api/me/export", "/nothing"])
def test_head_is_get_without_a_body(victim: User, path: str) -> None:
    get, head = victim.request_path("GET", path), victim.request_path("HEAD", path)
    assert (head.status_code, head.content) == (get.status_code, b"")
    assert head.headers["Content-Length"] == get.headers["Content-Length"]


PATHS = sorted({rule.rule for rule in RULES if not rule.rule.startswith(AUTH)})


@pytest.mark.shows("ASVS 4.1.4", "API8:2023")
@pytest.mark.parametrize("rule", PATHS)
def test_4_1_4_an_unsupported_method_is_405_with_the_allowed_ones(victim: User, rule: str) -> None:
    allowed = set().union(*(other.methods or set() for other in RULES if other.rule == rule))
    path = rule.replace("<user_id>", victim.id).replace("<id:task_id>", str(victim.task["id"]))
    path = re.sub(r"<any\(.*\):name>", "swagger-ui.css", path)
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "FOO"} - allowed:
        response = victim.request_path(method, path)
        assert response.status_code == 405
        assert set(response.headers["Allow"].split(", ")) == allowed
    assert victim.is_unchanged()


@pytest.mark.shows("ASVS 4.1.4")
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE"])
@pytest.mark.parametrize("route", ["sign-in/email", "get-session", "jwks", "delete-user", "nothing"])
def test_4_1_4_an_auth_route_rejects_other_methods(victim: User, method: str, route: str) -> None:
    response = victim.request_auth(method, route)
    assert response.status_code in {404, 405}
    assert victim.accepted_credentials() == ALL


@pytest.mark.shows("ASVS 4.1.4", "ASVS 13.4.2")
def test_4_1_4_trace_is_405(target: Target) -> None:
    head = b"TRACE / HTTP/1.1\r\nHost: x\r\nX-Echo: echoed-to-the-caller\r\nConnection: close\r\n\r\n"
    (response,) = target.send_raw(head)
    assert b"405" in response.split(b"\r\n")[0]
    assert b"echoed" not in response


UNDOCUMENTED_PATHS = [
    *(
        "/.env",
        "/.git/config",
        "/config.py",
        "/wsgi.py",
        "/gunicorn.conf.py",
        "/.data/development-secret",
        "/todo_api/",
    ),
    *(
        "/metrics",
        "/debug",
        "/console",
        "/server-status",
        "/actuator/env",
        "/swagger.json",
        "/api/docs",
        "/static/docs.js",
    ),
    *("/docs/../config.py", "/docs/%2e%2e/config.py", "/docs/..%2fconfig.py", "/docs/docs.html", "/docs/index.html"),
    *("/docs//etc/passwd", "/docs/swagger-ui.css.map", "/docs/swagger-ui.css%00.js", "/robots.txt", "/backup.sql"),
    *("/?__debugger__=yes&cmd=resource&f=debugger.js", "/api/auth/reference"),
]


@pytest.mark.shows("ASVS 13.4.5", "ASVS 13.4.2", "API9:2023")
@pytest.mark.parametrize("path", UNDOCUMENTED_PATHS)
def test_13_4_5_undocumented_paths_are_404(target: Target, path: str) -> None:
    (response,) = target.send_raw(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    assert int(response.split()[1]) in ({200, 404} if path.startswith("/?") else {400, 404})
    assert b"debugger" not in response.lower()


@pytest.mark.shows("ASVS 16.5.1", "ASVS 15.3.1", "API8:2023")
@pytest.mark.parametrize("name", ["400", "401", "403", "404", "404 for a task", "405", "415", "422"])
def test_16_5_1_an_error_response_has_a_code_and_no_internals(victim: User, name: str) -> None:
    problem = response_to(name, victim).json()
    assert set(problem) <= {"type", "title", "status", "detail", "code", "message", "errors"}
    assert re.fullmatch("[A-Z_]+", problem["code"])


@pytest.mark.shows("Better Auth redirects", "ASVS 3.5.1")
@pytest.mark.parametrize(
    "redirect",
    [
        *(EVIL, "//evil.example", "/\\evil.example", "\\\\evil.example", "/\t/evil.example", "https:evil.example"),
        *(
            "javascript:alert(1)",
            "data:text/html,x",
            "https://todo.example@evil.example",
            "https://todo.example.evil.example",
        ),
        *("http://todo.example/", "https:/\\evil.example", "/\n/evil.example", " //evil.example", "https://[evil"),
    ],
)
def test_redirects_lead_to_trusted_origins_only(target: Target, victim: User, redirect: str) -> None:
    assert target.sign_in(victim.email, PASSWORD, callbackURL=redirect).status_code == 403
    reset = {"email": victim.email, "redirectTo": redirect}
    assert target.request("POST", f"{AUTH}/request-password-reset", json=reset).status_code == 403
    link = target.request("GET", f"{AUTH}/reset-password/x", params={"callbackURL": redirect})
    assert link.status_code == 403
    assert "Location" not in link.headers


@pytest.mark.shows("Better Auth redirects", "ASVS 4.1.1")
@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "todo.example.evil.example"])
def test_links_ignore_the_host_header(target: Target, victim: User, host: str) -> None:
    for headers in ({"Host": host}, {"X-Forwarded-Host": host}, {"Forwarded": f"host={host}"}):
        body = {"email": victim.email}
        assert target.request("POST", f"{AUTH}/request-password-reset", json=body, headers=headers).status_code == 200
        created = victim.request("POST", "/tasks", headers, json={"title": "x"})
        assert created.headers["Location"].startswith("/api/")
    mails = delivered_mails(target, f"To: {victim.email}", 3)
    assert f"{PUBLIC_URL}{AUTH}/reset-password/" in mails
    assert host not in mails


def delivered_mails(target: Target, text: str, number: int) -> str:
    """Wait until this number of mails contains the text, and return all mails."""
    deadline = time.monotonic() + 30
    while True:
        mails = target.mbox.read_text() if target.mbox.exists() else ""
        if mails.count(text) >= number:
            return mails.replace("=\n", "")
        assert time.monotonic() < deadline, mails
        time.sleep(0.05)
