"""What is another's stays another's, by every route and every trick (ASVS V8, API1, API3, API5)."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from tests.security.attacked import AUTH, PASSWORD
from tests.support.credentials import bearer
from tests.support.routes import USER_RULES, calls

if TYPE_CHECKING:
    from tests.security.attacked import Attacked, Person

CALLS = calls(USER_RULES, but=("OPTIONS",))
TASK_CALLS = [call for call in CALLS if "{task}" in call[1]]
BODIES = [{"title": "taken over", "completed": True}, {"title": 7}]


@pytest.mark.shows("ASVS 8.2.2", "API1:2023")
@pytest.mark.parametrize(("method", "path"), CALLS)
def test_8_2_2_another_users_path_is_403_for_every_verb(
    attacked: Attacked, victim: Person, attacker: Person, method: str, path: str
) -> None:
    target = path.format(user=victim.id, task=victim.task["id"])
    for headers in (attacker.session.jwt, bearer(attacker.session.opaque)):
        for body in BODIES:
            answer = attacker.at(method, target, headers, json=body)
            assert answer.status_code == 403
            assert victim.id not in answer.text
    assert victim.is_untouched()


@pytest.mark.shows("ASVS 8.2.2", "API1:2023")
@pytest.mark.parametrize(("method", "path"), TASK_CALLS)
@pytest.mark.parametrize("own", ["id", "me"])
def test_8_2_2_another_users_task_under_ones_own_path_is_404_as_if_it_were_not_there(
    victim: Person, attacker: Person, method: str, path: str, own: str
) -> None:
    user = attacker.id if own == "id" else "me"
    there = attacker.at(method, path.format(user=user, task=victim.task["id"]), json=BODIES[0])
    nowhere = attacker.at(method, path.format(user=user, task=2**62), json=BODIES[0])
    assert (there.status_code, there.content) == (nowhere.status_code, nowhere.content)
    assert there.status_code == 404
    assert victim.is_untouched()


@pytest.mark.shows("ASVS 8.2.2", "API1:2023", "RFC 9110 401")
@pytest.mark.parametrize(("method", "path"), CALLS)
def test_8_2_2_without_a_credential_nothing_is_open(attacked: Attacked, victim: Person, method: str, path: str) -> None:
    for user in (victim.id, "me"):
        answer = attacked.ask(method, path.format(user=user, task=victim.task["id"]), json=BODIES[0])
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert victim.is_untouched()


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
def test_8_2_2_no_spelling_of_a_path_leads_to_anothers_tasks(
    attacked: Attacked, victim: Person, attacker: Person, path: str
) -> None:
    names = {"victim": victim.id, "VICTIM": victim.id.upper(), "attacker": attacker.id, "task": victim.task["id"]}
    line = f"GET {path.format(**names)} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    head = f"{line}Authorization: {attacker.session.jwt['Authorization']}\r\n\r\n"
    (answer,) = attacked.send(head.encode())
    assert int(answer.split()[1]) in {400, 403, 404, 405, 422}


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
def test_8_2_2_no_header_makes_one_somebody_else(
    attacked: Attacked, victim: Person, attacker: Person, header: str
) -> None:
    name, _, value = header.format(victim=victim.id).partition(": ")
    assert attacker.ask("GET", "/tasks", {name: value}).json() == [attacker.task]
    assert attacked.ask("GET", "/api/me/tasks", headers={name: value}).status_code == 401
    assert attacker.is_untouched()
    assert victim.is_untouched()


OPERATIONS: list[dict[str, Any]] = [
    {"op": "update", "task": {"title": "taken over"}},
    {"op": "delete"},
    {"op": "restore"},
]


@pytest.mark.shows("ASVS 8.2.2", "ASVS 2.3.3", "API1:2023")
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation["op"])
def test_8_2_2_a_batch_reaches_no_task_of_another(victim: Person, attacker: Person, operation: Any) -> None:
    operations = [{"op": "create", "task": {"title": "x"}}, {**operation, "id": victim.task["id"]}]
    assert attacker.ask("POST", "/tasks/batch", json={"operations": operations}).status_code == 404
    assert victim.is_untouched()
    assert attacker.is_untouched()


@pytest.mark.shows("ASVS 8.2.2", "API1:2023")
def test_8_2_2_what_one_was_given_is_nothing_to_another(victim: Person, attacker: Person) -> None:
    """Sync tokens, cursors, keys of requests and uids."""
    token = victim.ask("GET", "/tasks/changes").json()["sync_token"]
    assert attacker.ask("GET", f"/tasks/changes?sync_token={token}").status_code == 400
    victim.ask("POST", "/tasks", {"Idempotency-Key": "same"}, json={"title": "Mine"})
    answer = attacker.ask("POST", "/tasks", {"Idempotency-Key": "same"}, json={"title": "Mine"})
    assert answer.json()["user_id"] == attacker.id
    assert "Idempotency-Replayed" not in answer.headers
    link = victim.ask("GET", "/tasks?limit=1").headers["Link"].partition("<")[2].partition(">")[0]
    assert attacker.at("GET", link.replace(victim.id, attacker.id)).status_code == 422
    exported = victim.ask("GET", "/export").json()
    brought = attacker.ask("POST", "/import", json={**exported, "tasks": [{**exported["tasks"][0], "title": "Mine"}]})
    assert brought.json()["created"] == 1
    assert victim.ask("GET", f"/tasks/{victim.task['id']}").json() == victim.task


TAKEN = {
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
@pytest.mark.parametrize("member", TAKEN)
def test_8_2_3_members_that_are_not_ones_to_set_are_never_applied(
    victim: Person, attacker: Person, member: str
) -> None:
    value = json.loads(json.dumps(TAKEN[member]).replace("{victim}", victim.id))
    at = f"/tasks/{attacker.task['id']}"
    for method, path in (("POST", "/tasks"), ("PUT", at), ("PATCH", at)):
        answer = attacker.ask(method, path, json={"title": "x", member: value})
        assert answer.status_code in {200, 201, 422}
        shown = attacker.ask("GET", "/tasks").json()
        assert all(task.get(member) != value for task in shown)
        assert {task["user_id"] for task in shown} == {attacker.id}
    assert victim.is_untouched()


@pytest.mark.shows("ASVS 8.2.3", "ASVS 15.3.3", "API3:2023")
@pytest.mark.parametrize(
    ("member", "value"),
    [
        *(("id", "chosen-by-the-client"), ("emailVerified", True), ("email_verified", True), ("issuer", "x")),
        *(("role", "admin"), ("isAdmin", True), ("password_hash", "x"), ("createdAt", "2001-01-01T00:00:00Z")),
        *(("updatedAt", "2001-01-01T00:00:00Z"), ("banned", False), ("__proto__", {"role": "admin"})),
    ],
)
def test_8_2_3_nobody_gives_themselves_what_is_not_theirs_to_give(
    attacked: Attacked, victim: Person, member: str, value: Any
) -> None:
    made = attacked.sign_up(f"own-{uuid.uuid4().hex[:12]}@example.com", PASSWORD, **{member: value})
    assert made.json()["user"].get(member) != value
    assert victim.auth("POST", "update-user", json={"name": "Ada", member: value}).status_code in {200, 400}
    user = victim.auth("GET", "get-session").json()["user"]
    assert user.get(member) != value
    assert set(user) == {"id", "email", "name", "emailVerified", "image", "createdAt", "updatedAt"}


@pytest.mark.shows("API3:2023", "ASVS 8.2.2")
def test_nobody_takes_over_an_account_by_changing_the_email(
    attacked: Attacked, victim: Person, attacker: Person
) -> None:
    assert attacker.auth("POST", "update-user", json={"email": victim.email}).status_code == 400
    assert attacked.sign_in(victim.email, PASSWORD).json()["user"]["id"] == victim.id


FUNCTIONS = [
    *("/admin", "/api/admin", "/api/users", "/api/auth/admin/list-users", "/api/auth/admin/impersonate-user"),
    *("/api/auth/admin/set-role", "/api/auth/list-users", "/api/tasks", "/api/auth/users", "/manage", "/internal"),
    *("/api/auth/set-password", "/api/auth/verify-password", "/api/auth/change-email", "/graphql", "/api/me"),
]


@pytest.mark.shows("API5:2023", "ASVS 13.4.5")
@pytest.mark.parametrize("path", FUNCTIONS)
def test_there_are_no_functions_of_administration(attacker: Person, path: str) -> None:
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        assert attacker.at(method, path, json={}).status_code == 404


@pytest.mark.shows("ASVS 14.2.1", "API2:2023")
@pytest.mark.parametrize(
    "query",
    ["token={}", "access_token={}", "jwt={}", "authorization=Bearer%20{}", "session_token={}", "key={}", "_token={}"],
)
def test_14_2_1_a_credential_in_a_url_is_none(attacked: Attacked, victim: Person, query: str) -> None:
    for token in (victim.session.access, victim.session.opaque):
        for user in (victim.id, "me"):
            assert attacked.ask("GET", f"/api/{user}/tasks?{query.format(token)}").status_code == 401
        assert attacked.ask("GET", f"{AUTH}/get-session?{query.format(token)}").json() is None


@pytest.mark.shows("ASVS 14.2.1")
def test_14_2_1_passwords_and_refresh_tokens_in_a_url_are_none(attacked: Attacked, victim: Person) -> None:
    account = {"email": victim.email, "password": PASSWORD}
    assert attacked.ask("POST", f"{AUTH}/sign-in/email", params=account).status_code == 400
    refresh = {"refresh_token": victim.session.refresh}
    assert attacked.ask("POST", f"{AUTH}/refresh", params=refresh).status_code == 400


@pytest.mark.shows("RFC 9110 scheme", "RFC 9110 401")
@pytest.mark.parametrize(
    ("scheme", "status"), [("bearer", 200), ("BEARER", 200), ("Basic", 401), ("Digest", 401), ("", 401)]
)
def test_the_scheme_is_bearer_in_any_case_and_no_other(victim: Person, scheme: str, status: int) -> None:
    answer = victim.ask("GET", "/tasks", {"Authorization": f"{scheme} {victim.session.access}".strip()})
    assert answer.status_code == status
    assert status == 200 or answer.headers["WWW-Authenticate"].startswith("Bearer")
