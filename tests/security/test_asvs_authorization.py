"""Access to tasks and accounts of other users (ASVS V8, API1, API3, API5)."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from tests.security.target import AUTH, PASSWORD
from tests.support.credentials import bearer
from tests.support.routes import USER_RULES, operations

if TYPE_CHECKING:
    from tests.security.target import Target, User

OPERATIONS = operations(USER_RULES, excluded=("OPTIONS",))
TASK_OPERATIONS = [(method, path) for method, path in OPERATIONS if "{task}" in path]
BODIES = [{"title": "taken over", "completed": True}, {"title": 7}]


@pytest.mark.shows("ASVS 8.2.2", "API1:2023")
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_8_2_2_another_users_path_is_403_for_every_method(
    target: Target, victim: User, attacker: User, method: str, path: str
) -> None:
    url_path = path.format(user=victim.id, task=victim.task["id"])
    for headers in (attacker.session.jwt, bearer(attacker.session.opaque)):
        for body in BODIES:
            response = attacker.request_path(method, url_path, headers, json=body)
            assert response.status_code == 403
            assert victim.id not in response.text
    assert victim.is_unchanged()


@pytest.mark.shows("ASVS 8.2.2", "API1:2023")
@pytest.mark.parametrize(("method", "path"), TASK_OPERATIONS)
@pytest.mark.parametrize("own", ["id", "me"])
def test_8_2_2_another_users_task_under_the_own_path_is_404_like_an_unknown_one(
    victim: User, attacker: User, method: str, path: str, own: str
) -> None:
    user = attacker.id if own == "id" else "me"
    existing = attacker.request_path(method, path.format(user=user, task=victim.task["id"]), json=BODIES[0])
    unknown = attacker.request_path(method, path.format(user=user, task=2**62), json=BODIES[0])
    assert (existing.status_code, existing.content) == (unknown.status_code, unknown.content)
    assert existing.status_code == 404
    assert victim.is_unchanged()


@pytest.mark.shows("ASVS 8.2.2", "API1:2023", "RFC 9110 401")
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_8_2_2_without_a_credential_everything_is_401(target: Target, victim: User, method: str, path: str) -> None:
    for user in (victim.id, "me"):
        response = target.request(method, path.format(user=user, task=victim.task["id"]), json=BODIES[0])
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"].startswith("Bearer")
    assert victim.is_unchanged()


PATHS = [
    "/api/{victim}%00/tasks",
    "/api/%00{victim}/tasks",
    "/api/{VICTIM}/tasks",
    "/api/{victim}%20/tasks",
    "/api/{victim}./tasks",
    "/api/{victim};{attacker}/tasks",
    "/api/{attacker},{victim}/tasks",
    "/api/{attacker}/../{victim}/tasks",
    "/api/{attacker}%2F..%2F{victim}/tasks",
    "/api/{attacker}/tasks/../../{victim}/tasks",
    "/api/me/../{victim}/tasks",
    "/api//{victim}/tasks",
    "//api/{victim}/tasks",
    "/api/{victim}//tasks",
    "/api/./{victim}/tasks",
    "/API/{victim}/tasks",
    "/api/*/tasks",
    "/api/%2A/tasks",
    "/api/%25/tasks",
    "/api/null/tasks",
    "/api/undefined/tasks",
    "/api/ME/tasks",
    "/api/{victim}/tasks?user_id={attacker}",
    "/api/{victim}/tasks#me",
    "/api/{victim}/tasks/{task}%2Fcomplete",
    "/api/{attacker}/tasks/{task}%00",
    "/api/{attacker}/tasks/{task}?user_id={victim}",
    "/api/{attacker}/tasks/+{task}",
    "/api/{attacker}/tasks/0{task}",
    "/api/{attacker}/tasks/{task}.0",
    "/api/{attacker}/tasks/{task}.json",
    "/api/{attacker}/tasks/{task}/",
    "http://127.0.0.1/api/{victim}/tasks",
]


@pytest.mark.shows("ASVS 8.2.2", "ASVS 1.5.3", "API1:2023")
@pytest.mark.parametrize("path", PATHS)
def test_8_2_2_no_spelling_of_a_path_reaches_another_users_tasks(
    target: Target, victim: User, attacker: User, path: str
) -> None:
    ids = {"victim": victim.id, "VICTIM": victim.id.upper(), "attacker": attacker.id, "task": victim.task["id"]}
    request_line = f"GET {path.format(**ids)} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    head = f"{request_line}Authorization: {attacker.session.jwt['Authorization']}\r\n\r\n"
    (response,) = target.send_raw(head.encode())
    assert int(response.split()[1]) in {400, 403, 404, 405, 422}


HEADERS = [
    "X-User-Id: {victim}",
    "X-Original-URL: /api/{victim}/tasks",
    "X-Rewrite-URL: /api/{victim}/tasks",
    "X-Forwarded-User: {victim}",
    "X-Forwarded-Prefix: /api/{victim}",
    "X-HTTP-Method-Override: DELETE",
    "X-Method-Override: DELETE",
    "X-HTTP-Method: DELETE",
    "SCRIPT_NAME: /api/{victim}",
    "PATH_INFO: /api/{victim}/tasks",
    "Remote-User: {victim}",
]


@pytest.mark.shows("ASVS 8.2.2", "API5:2023")
@pytest.mark.parametrize("header", HEADERS)
def test_8_2_2_no_header_changes_the_user(target: Target, victim: User, attacker: User, header: str) -> None:
    name, _, value = header.format(victim=victim.id).partition(": ")
    assert attacker.request("GET", "/tasks", {name: value}).json() == [attacker.task]
    assert target.request("GET", "/api/me/tasks", headers={name: value}).status_code == 401
    assert attacker.is_unchanged()
    assert victim.is_unchanged()


BATCH_OPERATIONS: list[dict[str, Any]] = [
    {"op": "update", "task": {"title": "taken over"}},
    {"op": "delete"},
    {"op": "restore"},
]


@pytest.mark.shows("ASVS 8.2.2", "ASVS 2.3.3", "API1:2023")
@pytest.mark.parametrize("operation", BATCH_OPERATIONS, ids=lambda operation: operation["op"])
def test_8_2_2_a_batch_reaches_no_task_of_another_user(victim: User, attacker: User, operation: Any) -> None:
    operations = [{"op": "create", "task": {"title": "x"}}, {**operation, "id": victim.task["id"]}]
    assert attacker.request("POST", "/tasks/batch", json={"operations": operations}).status_code == 404
    assert victim.is_unchanged()
    assert attacker.is_unchanged()


@pytest.mark.shows("ASVS 8.2.2", "API1:2023")
def test_8_2_2_tokens_cursors_keys_and_uids_of_another_user_are_useless(victim: User, attacker: User) -> None:
    token = victim.request("GET", "/tasks/changes").json()["sync_token"]
    assert attacker.request("GET", f"/tasks/changes?sync_token={token}").status_code == 400
    victim.request("POST", "/tasks", {"Idempotency-Key": "same"}, json={"title": "Mine"})
    response = attacker.request("POST", "/tasks", {"Idempotency-Key": "same"}, json={"title": "Mine"})
    assert response.json()["user_id"] == attacker.id
    assert "Idempotency-Replayed" not in response.headers
    link = victim.request("GET", "/tasks?limit=1").headers["Link"].partition("<")[2].partition(">")[0]
    assert attacker.request_path("GET", link.replace(victim.id, attacker.id)).status_code == 422
    exported = victim.request("GET", "/export").json()
    imported = attacker.request(
        "POST", "/import", json={**exported, "tasks": [{**exported["tasks"][0], "title": "Mine"}]}
    )
    assert imported.json()["created"] == 1
    assert victim.request("GET", f"/tasks/{victim.task['id']}").json() == victim.task


READ_ONLY = {
    "id": 1,
    "user_id": "{victim}",
    "userId": "{victim}",
    "uid": "00000000-0000-4000-8000-000000000000",
    "version": 999_999,
    "created_at": "2001-01-01T00:00:00Z",
    "updated_at": "2001-01-01T00:00:00Z",
    "completed_at": "2001-01-01T00:00:00Z",
    "deleted_at": "2001-01-01T00:00:00Z",
    "due_on": "2001-01-01",
    "__class__": {"__init__": "x"},
    "__proto__": {"isAdmin": True},
    "constructor": {"prototype": {"isAdmin": True}},
}


@pytest.mark.shows("ASVS 8.2.3", "ASVS 15.3.3", "API3:2023")
@pytest.mark.parametrize("name", READ_ONLY)
def test_8_2_3_read_only_fields_of_a_task_are_never_applied(victim: User, attacker: User, name: str) -> None:
    value = json.loads(json.dumps(READ_ONLY[name]).replace("{victim}", victim.id))
    at = f"/tasks/{attacker.task['id']}"
    for method, path in (("POST", "/tasks"), ("PUT", at), ("PATCH", at)):
        response = attacker.request(method, path, json={"title": "x", name: value})
        assert response.status_code in {200, 201, 422}
        tasks = attacker.request("GET", "/tasks").json()
        assert all(task.get(name) != value for task in tasks)
        assert {task["user_id"] for task in tasks} == {attacker.id}
    assert victim.is_unchanged()


@pytest.mark.shows("ASVS 8.2.3", "ASVS 15.3.3", "API3:2023")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("id", "chosen-by-the-client"), ("emailVerified", True), ("email_verified", True), ("issuer", "x")),
        *(("role", "admin"), ("isAdmin", True), ("password_hash", "x"), ("createdAt", "2001-01-01T00:00:00Z")),
        *(("updatedAt", "2001-01-01T00:00:00Z"), ("banned", False), ("__proto__", {"role": "admin"})),
    ],
)
def test_8_2_3_read_only_fields_of_an_account_are_never_applied(
    target: Target, victim: User, name: str, value: Any
) -> None:
    created = target.sign_up(f"own-{uuid.uuid4().hex[:12]}@example.com", PASSWORD, **{name: value})
    assert created.json()["user"].get(name) != value
    assert victim.request_auth("POST", "update-user", json={"name": "Ada", name: value}).status_code in {200, 400}
    user = victim.request_auth("GET", "get-session").json()["user"]
    assert user.get(name) != value
    assert set(user) == {"id", "email", "name", "emailVerified", "image", "createdAt", "updatedAt"}


@pytest.mark.shows("API3:2023", "ASVS 8.2.2")
def test_changing_the_email_takes_over_no_account(target: Target, victim: User, attacker: User) -> None:
    assert attacker.request_auth("POST", "update-user", json={"email": victim.email}).status_code == 400
    assert target.sign_in(victim.email, PASSWORD).json()["user"]["id"] == victim.id


ADMINISTRATION_PATHS = [
    *("/admin", "/api/admin", "/api/users", "/api/auth/admin/list-users", "/api/auth/admin/impersonate-user"),
    *("/api/auth/admin/set-role", "/api/auth/list-users", "/api/tasks", "/api/auth/users", "/manage", "/internal"),
    *("/api/auth/set-password", "/graphql", "/api/me"),
]


@pytest.mark.shows("API5:2023", "ASVS 13.4.5")
@pytest.mark.parametrize("path", ADMINISTRATION_PATHS)
def test_there_are_no_administration_routes(attacker: User, path: str) -> None:
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        assert attacker.request_path(method, path, json={}).status_code == 404


@pytest.mark.shows("ASVS 14.2.1", "API2:2023")
@pytest.mark.parametrize(
    "query",
    ["token={}", "access_token={}", "jwt={}", "authorization=Bearer%20{}", "session_token={}", "key={}", "_token={}"],
)
def test_14_2_1_a_credential_in_a_url_is_ignored(target: Target, victim: User, query: str) -> None:
    for token in (victim.session.access, victim.session.opaque):
        for user in (victim.id, "me"):
            assert target.request("GET", f"/api/{user}/tasks?{query.format(token)}").status_code == 401
        assert target.request("GET", f"{AUTH}/get-session?{query.format(token)}").json() is None


@pytest.mark.shows("ASVS 14.2.1")
def test_14_2_1_passwords_and_refresh_tokens_in_a_url_are_ignored(target: Target, victim: User) -> None:
    account = {"email": victim.email, "password": PASSWORD}
    assert target.request("POST", f"{AUTH}/sign-in/email", params=account).status_code == 400
    refresh = {"refresh_token": victim.session.refresh}
    assert target.request("POST", f"{AUTH}/refresh", params=refresh).status_code == 400


@pytest.mark.shows("RFC 9110 scheme", "RFC 9110 401")
@pytest.mark.parametrize(
    ("scheme", "status"), [("bearer", 200), ("BEARER", 200), ("Basic", 401), ("Digest", 401), ("", 401)]
)
def test_the_scheme_is_bearer_in_any_case(victim: User, scheme: str, status: int) -> None:
    response = victim.request("GET", "/tasks", {"Authorization": f"{scheme} {victim.session.access}".strip()})
    assert response.status_code == status
    assert status == 200 or response.headers["WWW-Authenticate"].startswith("Bearer")
