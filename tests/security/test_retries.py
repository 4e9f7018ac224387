"""Misuse of Idempotency-Key and of conditional requests (RFC 9110)."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.security.target import User


def new_key() -> dict[str, str]:
    return {"Idempotency-Key": uuid.uuid4().hex}


@pytest.mark.shows("Idempotency once")
def test_a_repeated_request_is_executed_once_and_marked_as_replayed(victim: User) -> None:
    key = new_key()
    first, second = (victim.request("POST", "/tasks", key, json={"title": "x"}) for _ in range(2))
    assert (first.status_code, first.json()) == (second.status_code, second.json())
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    assert len(victim.request("GET", "/tasks").json()) == 2


@pytest.mark.shows("Idempotency fingerprint")
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/tasks", {"title": "y"}),
        ("/tasks", {"title": "x", "completed": True}),
        ("/tasks/batch", {"operations": [{"op": "create", "task": {"title": "x"}}]}),
        ("/tasks/{task}/restore", {"title": "x"}),
    ],
)
def test_a_key_with_another_request_is_rejected(victim: User, path: str, body: object) -> None:
    key = new_key()
    victim.request("POST", "/tasks", key, json={"title": "x"})
    assert victim.request("POST", path.format(task=victim.task["id"]), key, json=body).status_code == 422
    assert len(victim.request("GET", "/tasks").json()) == 2


@pytest.mark.shows("Idempotency scope", "API1:2023")
def test_a_key_of_another_user_replays_nothing(victim: User, attacker: User) -> None:
    key = new_key()
    own = victim.request("POST", "/tasks", key, json={"title": "x"})
    other = attacker.request("POST", "/tasks", key, json={"title": "x"})
    assert own.json()["id"] != other.json()["id"]
    assert "Idempotency-Replayed" not in other.headers


@pytest.mark.shows("Idempotency refusals")
def test_a_rejected_request_is_not_stored(victim: User) -> None:
    key = new_key()
    assert victim.request("POST", "/tasks", key, json={"title": ""}).status_code == 422
    assert victim.request("POST", "/tasks", key, json={"title": "x"}).status_code == 201


@pytest.mark.shows("Idempotency scope", "ASVS 7.4.1")
def test_a_key_replays_nothing_after_the_session_has_ended(victim: User) -> None:
    key = new_key()
    victim.request("POST", "/tasks", key, json={"title": "x"})
    victim.request_auth("POST", "sign-out")
    assert victim.request("POST", "/tasks", key, json={"title": "x"}).status_code == 401


@pytest.mark.shows("Idempotency fingerprint", "ASVS 2.2.1")
@pytest.mark.parametrize("text", ["", "x" * 256, "x" * 5000])
def test_a_key_has_1_to_255_characters(victim: User, text: str) -> None:
    assert victim.request("POST", "/tasks", {"Idempotency-Key": text}, json={"title": "x"}).status_code == 400
    assert victim.is_unchanged()


@pytest.mark.shows("RFC 9110 If-Match")
@pytest.mark.parametrize("tag", ['"0"', '""', 'W/"1"', '"\'"'])
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_a_failed_precondition_changes_nothing(victim: User, method: str, tag: str) -> None:
    response = victim.request(method, f"/tasks/{victim.task['id']}", {"If-Match": tag}, json={"title": "x"})
    assert response.status_code == 412
    assert victim.is_unchanged()


@pytest.mark.shows("RFC 9110 If-Match", "ASVS 2.2.1")
@pytest.mark.parametrize("tag", ["x", '"1', '"1" "2"', ",", "*x"])
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_an_invalid_entity_tag_changes_nothing(victim: User, method: str, tag: str) -> None:
    response = victim.request(method, f"/tasks/{victim.task['id']}", {"If-Match": tag}, json={"title": "x"})
    assert (response.status_code, response.json()["code"]) == (400, "INVALID_ENTITY_TAG")
    assert victim.is_unchanged()


@pytest.mark.shows("RFC 9110 If-None-Match")
@pytest.mark.parametrize("path", ["/tasks", "/tasks/{task}"])
def test_a_matching_etag_is_304_for_the_owner_only(victim: User, attacker: User, path: str) -> None:
    at = path.format(task=victim.task["id"])
    tag = {"If-None-Match": victim.request("GET", at).headers["ETag"]}
    cached = victim.request("GET", at, tag)
    assert (cached.status_code, cached.content) == (304, b"")
    assert attacker.request_path("GET", f"/api/{victim.id}{at}", tag).status_code == 403
    victim.request_auth("POST", "sign-out")
    assert victim.request("GET", at, tag).status_code == 401
