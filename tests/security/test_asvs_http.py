"""What every answer carries and none tells, and what a foreign page can do: nothing (ASVS V3, V4, V13, V14, V16)."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.security.attacked import AUTH, COOKIE, PASSWORD, PUBLIC
from tests.support.credentials import ALL
from tests.support.routes import RULES

if TYPE_CHECKING:
    from tests.security.attacked import Attacked, Person

EVIL = "https://evil.example"
ALLOWED = "http://localhost:3000"
ORIGINS = [
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
KINDS = {
    "the welcome": ("GET", "/"),
    "the document": ("GET", "/openapi.json"),
    "the page": ("GET", "/docs"),
    "a script": ("GET", "/docs/docs.js"),
    "tasks": ("GET", "/api/me/tasks"),
    "a change": ("PATCH", "/api/me/tasks/{task}/complete"),
    "an export": ("GET", "/api/me/export"),
    "a spreadsheet": ("GET", "/api/me/export?format=csv"),
    "a session": ("GET", "/api/auth/get-session"),
    "keys": ("GET", "/api/auth/jwks"),
    "204": ("DELETE", "/api/me/tasks/{task}"),
    "400": ("DELETE", "/api/me/tasks"),
    "401": ("GET", "/api/me/tasks?anonymous"),
    "403": ("GET", "/api/somebody/tasks"),
    "404": ("GET", "/nothing"),
    "404 of a task": ("GET", "/api/me/tasks/0"),
    "405": ("POST", "/"),
    "415": ("POST", "/api/me/tasks"),
    "422": ("GET", "/api/me/tasks?limit=0"),
}


def answer_of(kind: str, victim: Person, **headers: str) -> Any:
    method, path = KINDS[kind]
    if kind == "401":
        return victim.attacked.ask(method, path, headers=headers)
    return victim.at(method, path.format(task=victim.task["id"]), headers)


@pytest.mark.shows("ASVS 3.4.4", "ASVS 3.4.6", "API8:2023")
@pytest.mark.parametrize("kind", KINDS)
def test_3_4_4_every_answer_forbids_guessing_and_framing(victim: Person, kind: str) -> None:
    headers = answer_of(kind, victim).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


@pytest.mark.shows("ASVS 4.1.1")
@pytest.mark.parametrize("kind", KINDS)
def test_4_1_1_every_answer_says_what_it_is(victim: Person, kind: str) -> None:
    answer = answer_of(kind, victim)
    said = answer.headers.get("Content-Type")
    if not answer.content:
        assert said is None
    elif answer.status_code >= 400:
        assert said == "application/problem+json"
        assert answer.json()["status"] == answer.status_code
    else:
        # JSON has one encoding; texts name theirs.
        assert said == "application/json" or "charset=utf-8" in str(said)
        answer.content.decode()


@pytest.mark.shows("ASVS 13.4.6", "ASVS 13.4.2")
@pytest.mark.parametrize("kind", KINDS)
def test_13_4_6_no_header_names_a_version(victim: Person, kind: str) -> None:
    headers = answer_of(kind, victim).headers
    assert not re.search(r"\d", headers.get("Server", ""))
    assert not {"X-Powered-By", "X-Runtime", "X-AspNet-Version", "X-Debug", "Via"} & set(headers)


@pytest.mark.shows("ASVS 14.3.2")
@pytest.mark.parametrize("kind", KINDS)
def test_14_3_2_no_cache_keeps_what_is_private(victim: Person, kind: str) -> None:
    kept = answer_of(kind, victim).headers["Cache-Control"]
    if kind in {"tasks", "a change", "204"}:
        assert kept in {"private, no-cache", "no-store"}
    elif kind not in {"the page", "a script"}:
        assert kept == "no-store"


@pytest.mark.shows("ASVS 14.3.2")
@pytest.mark.parametrize("route", ["sign-up", "sign-in", "refresh", "token"])
def test_14_3_2_no_cache_keeps_a_token(attacked: Attacked, victim: Person, route: str) -> None:
    answers = {
        "sign-up": lambda: attacked.sign_up(f"n-{victim.email}", PASSWORD),
        "sign-in": lambda: attacked.sign_in(victim.email, PASSWORD),
        "refresh": lambda: attacked.refresh(victim.session.refresh),
        "token": lambda: victim.auth("GET", "token"),
    }
    answer = answers[route]()
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")


@pytest.mark.shows("ASVS 3.4.2", "API8:2023")
@pytest.mark.parametrize("origin", ORIGINS)
def test_3_4_2_another_origin_is_never_named(victim: Person, origin: str) -> None:
    for kind in ("tasks", "403", "404", "422", "the welcome", "a session"):
        assert "Access-Control-Allow-Origin" not in answer_of(kind, victim, Origin=origin).headers
    wish = {"Origin": origin, "Access-Control-Request-Method": "DELETE"}
    preflight = victim.attacked.ask("OPTIONS", "/api/me/tasks", headers=wish)
    assert not [name for name in preflight.headers if name.startswith("Access-Control-Allow")]


@pytest.mark.shows("ASVS 3.4.2")
@pytest.mark.parametrize("kind", ["tasks", "401", "403", "404", "422"])
def test_3_4_2_a_configured_origin_is_named_exactly(victim: Person, kind: str) -> None:
    headers = answer_of(kind, victim, Origin=ALLOWED).headers
    assert headers["Access-Control-Allow-Origin"] == ALLOWED
    assert "Origin" in headers["Vary"]


@pytest.mark.shows("ASVS 3.3.1", "ASVS 3.3.2", "ASVS 3.3.3", "ASVS 3.3.4")
@pytest.mark.parametrize("route", ["sign-up", "sign-in", "sign-in forgotten", "sign-out"])
def test_3_3_1_cookies_are_secure_bound_to_the_host_and_out_of_reach(
    attacked: Attacked, victim: Person, route: str
) -> None:
    answers = {
        "sign-up": lambda: attacked.sign_up(f"n-{victim.email}", PASSWORD),
        "sign-in": lambda: attacked.sign_in(victim.email, PASSWORD),
        "sign-in forgotten": lambda: attacked.sign_in(victim.email, PASSWORD, rememberMe=False),
        "sign-out": lambda: victim.auth("POST", "sign-out"),
    }
    cookies = answers[route]().raw.headers.getlist("Set-Cookie")
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
def test_3_3_3_a_cookie_without_our_signature_opens_nothing(
    attacked: Attacked, victim: Person, attacker: Person, shape: str
) -> None:
    signed = victim.session.signed
    opaque, _, signature = signed.partition(".")
    value = shape.format(opaque=opaque, signature=signature, signed=signed, other=attacker.session.opaque)
    headers = {"Cookie": f"{COOKIE}={value}", "Origin": PUBLIC}
    assert attacked.ask("GET", f"{AUTH}/get-session", headers=headers).json() is None
    assert attacked.ask("POST", f"{AUTH}/revoke-sessions", headers=headers).status_code == 401
    assert victim.opens() == ALL


def without_origin(headers: dict[str, str]) -> dict[str, str]:
    return {"Cookie": headers["Cookie"]}


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
@pytest.mark.parametrize("origin", [EVIL, "null", "", f"{PUBLIC}.evil.example", "http://todo.example"])
def test_3_5_1_a_foreign_page_does_nothing_with_its_visitors_cookie(
    attacked: Attacked, victim: Person, route: str, origin: str
) -> None:
    cookie = without_origin(victim.cookie)
    for named in ({"Origin": origin}, {"Referer": f"{origin}/page"}, {}):
        answer = attacked.ask("POST", f"{AUTH}/{route}", headers={**cookie, **named}, json=WRITES[route])
        assert answer.status_code == 403
    assert victim.opens() == ALL
    assert victim.auth("GET", "get-session").json()["user"]["name"] == "Ada"
    assert attacked.sign_in(victim.email, PASSWORD).status_code == 200


@pytest.mark.shows("ASVS 3.5.1", "Better Auth first login")
@pytest.mark.parametrize("route", ["sign-in", "sign-up"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": EVIL},
        {"Referer": f"{EVIL}/"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Origin": PUBLIC},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
    ],
    ids=str,
)
def test_3_5_1_a_foreign_page_signs_its_visitor_neither_in_nor_up(
    attacked: Attacked, attacker: Person, route: str, headers: dict[str, str]
) -> None:
    email = attacker.email if route == "sign-in" else f"n-{attacker.email}"
    for encoding in ("json", "data"):
        options: dict[str, Any] = {encoding: {"email": email, "password": PASSWORD}}
        answer = attacked.ask("POST", f"{AUTH}/{route}/email", headers=headers, **options)
        assert answer.status_code == 403
        assert "Set-Cookie" not in answer.headers


@pytest.mark.shows("ASVS 3.5.1")
@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
def test_3_5_1_the_cookie_opens_no_tasks(attacked: Attacked, victim: Person, method: str) -> None:
    path = f"/api/{victim.id}/tasks" + (f"/{victim.task['id']}" if method in {"PATCH", "DELETE"} else "")
    answer = attacked.ask(method, path, headers=victim.cookie, json={"title": "x"})
    assert answer.status_code == 401
    assert victim.is_untouched()


SIMPLE = [
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "text/json",
    "application/csp-report",
]


@pytest.mark.shows("ASVS 3.5.2", "API8:2023")
@pytest.mark.parametrize("content_type", [*SIMPLE, "application/xml", "application/json-patch+json", "", None])
def test_3_5_2_other_types_reach_no_function(victim: Person, content_type: str | None) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    body = b'{"title": "x", "operations": [], "token": "x"}'
    at = f"/tasks/{victim.task['id']}"
    for method, path in (("POST", "/tasks"), ("PUT", at), ("PATCH", at), ("POST", "/tasks/batch"), ("POST", "/import")):
        assert victim.ask(method, path, headers, data=body).status_code == 415
    for route in ("change-password", "revoke-session", "update-user", "delete-user"):
        assert victim.auth("POST", route, headers, data=body).status_code == 415
    assert victim.is_untouched()


@pytest.mark.shows("ASVS 3.5.3", "RFC 9110 HEAD")
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_3_5_3_reading_changes_nothing(victim: Person, method: str) -> None:
    for path in ("/tasks", f"/tasks/{victim.task['id']}", "/tasks/changes", "/export"):
        victim.ask(method, path)
        victim.ask(method, f"{path}?_method=DELETE", {"X-HTTP-Method-Override": "DELETE"})
    for route in ("sign-out", "revoke-sessions", "delete-user", "sign-in/email", "refresh"):
        victim.auth(method, f"{route}?token=x")
    assert victim.is_untouched()
    assert victim.opens() == ALL


@pytest.mark.shows("RFC 9110 HEAD")
@pytest.mark.parametrize("path", ["/", "/openapi.json", "/api/me/tasks", "/api/me/export", "/nothing"])
def test_head_is_get_without_a_body(victim: Person, path: str) -> None:
    got, head = victim.at("GET", path), victim.at("HEAD", path)
    assert (head.status_code, head.content) == (got.status_code, b"")
    assert head.headers["Content-Length"] == got.headers["Content-Length"]


PATHS = sorted({rule.rule for rule in RULES if not rule.rule.startswith(AUTH)})


@pytest.mark.shows("ASVS 4.1.4", "API8:2023")
@pytest.mark.parametrize("rule", PATHS)
def test_4_1_4_a_method_that_a_path_lacks_is_405_with_all_it_has(victim: Person, rule: str) -> None:
    has = set().union(*(found.methods or set() for found in RULES if found.rule == rule))
    path = rule.replace("<user_id>", victim.id).replace("<id:task_id>", str(victim.task["id"]))
    path = re.sub(r"<any\(.*\):name>", "swagger-ui.css", path)
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "FOO"} - has:
        answer = victim.at(method, path)
        assert answer.status_code == 405
        assert set(answer.headers["Allow"].split(", ")) == has
    assert victim.is_untouched()


@pytest.mark.shows("ASVS 4.1.4")
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE"])
@pytest.mark.parametrize("route", ["sign-in/email", "get-session", "jwks", "delete-user", "nothing"])
def test_4_1_4_an_auth_route_lacks_other_methods_as_better_auth_does(victim: Person, method: str, route: str) -> None:
    answer = victim.auth(method, route)
    assert answer.status_code in {404, 405}
    assert victim.opens() == ALL


@pytest.mark.shows("ASVS 4.1.4", "ASVS 13.4.2")
def test_4_1_4_trace_echoes_nothing(attacked: Attacked) -> None:
    head = b"TRACE / HTTP/1.1\r\nHost: x\r\nX-Echo: echoed-to-the-caller\r\nConnection: close\r\n\r\n"
    (answer,) = attacked.send(head)
    assert b"405" in answer.split(b"\r\n")[0]
    assert b"echoed" not in answer


HIDDEN = [
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
    *("/?__debugger__=yes&cmd=resource&f=debugger.js", "/api/auth/error", "/api/auth/reference"),
]


@pytest.mark.shows("ASVS 13.4.5", "ASVS 13.4.2", "API9:2023")
@pytest.mark.parametrize("path", HIDDEN)
def test_13_4_5_nothing_is_served_that_the_readme_does_not_name(attacked: Attacked, path: str) -> None:
    (answer,) = attacked.send(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    assert int(answer.split()[1]) in ({200, 404} if path.startswith("/?") else {400, 404})
    assert b"debugger" not in answer.lower()


@pytest.mark.shows("ASVS 16.5.1", "ASVS 15.3.1", "API8:2023")
@pytest.mark.parametrize("kind", ["400", "401", "403", "404", "404 of a task", "405", "415", "422"])
def test_16_5_1_a_refusal_says_its_code_and_nothing_of_the_inside(victim: Person, kind: str) -> None:
    said = answer_of(kind, victim).json()
    assert set(said) <= {"type", "title", "status", "detail", "code", "message", "errors"}
    assert re.fullmatch("[A-Z_]+", said["code"])


@pytest.mark.shows("Better Auth redirects", "ASVS 3.5.1")
@pytest.mark.parametrize(
    "target",
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
def test_addresses_to_go_on_to_are_of_trusted_origins(attacked: Attacked, victim: Person, target: str) -> None:
    assert attacked.sign_in(victim.email, PASSWORD, callbackURL=target).status_code == 403
    reset = {"email": victim.email, "redirectTo": target}
    assert attacked.ask("POST", f"{AUTH}/request-password-reset", json=reset).status_code == 403
    link = attacked.ask("GET", f"{AUTH}/reset-password/x", params={"callbackURL": target})
    assert link.status_code == 403
    assert "Location" not in link.headers


@pytest.mark.shows("Better Auth redirects", "ASVS 4.1.1")
@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "todo.example.evil.example"])
def test_a_host_header_has_no_say_in_where_links_lead(attacked: Attacked, victim: Person, host: str) -> None:
    for headers in ({"Host": host}, {"X-Forwarded-Host": host}, {"Forwarded": f"host={host}"}):
        body = {"email": victim.email}
        assert attacked.ask("POST", f"{AUTH}/request-password-reset", json=body, headers=headers).status_code == 200
        created = victim.ask("POST", "/tasks", headers, json={"title": "x"})
        assert created.headers["Location"].startswith("/api/")
    letters = delivered(attacked, f"To: {victim.email}", 3)
    assert f"{PUBLIC}{AUTH}/reset-password/" in letters
    assert host not in letters


def delivered(attacked: Attacked, text: str, times: int) -> str:
    """Return all mails, as soon as so many have the text."""
    deadline = time.monotonic() + 30
    while True:
        mails = attacked.mails.read_text() if attacked.mails.exists() else ""
        if mails.count(text) >= times:
            return mails.replace("=\n", "")
        assert time.monotonic() < deadline, mails
        time.sleep(0.05)
