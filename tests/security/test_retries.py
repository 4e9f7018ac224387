"""Idempotency-Key and conditional requests (RFC 9110), as whoever would misuse them sees them."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.security.attacked import Person


def key() -> dict[str, str]:
    return {"Idempotency-Key": uuid.uuid4().hex}


@pytest.mark.shows("Idempotency once")
def test_a_request_that_is_sent_again_is_done_once_and_says_so(victim: Person) -> None:
    named = key()
    first, again = (victim.ask("POST", "/tasks", named, json={"title": "x"}) for _ in range(2))
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(victim.ask("GET", "/tasks").json()) == 2


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
def test_a_key_with_another_request_is_refused(victim: Person, path: str, body: object) -> None:
    named = key()
    victim.ask("POST", "/tasks", named, json={"title": "x"})
    assert victim.ask("POST", path.format(task=victim.task["id"]), named, json=body).status_code == 422
    assert len(victim.ask("GET", "/tasks").json()) == 2


@pytest.mark.shows("Idempotency scope", "API1:2023")
def test_nobody_gets_the_answer_to_anothers_key(victim: Person, attacker: Person) -> None:
    named = key()
    mine = victim.ask("POST", "/tasks", named, json={"title": "x"})
    theirs = attacker.ask("POST", "/tasks", named, json={"title": "x"})
    assert mine.json()["id"] != theirs.json()["id"]
    assert "Idempotency-Replayed" not in theirs.headers


@pytest.mark.shows("Idempotency refusals")
def test_what_was_refused_is_not_kept(victim: Person) -> None:
    named = key()
    assert victim.ask("POST", "/tasks", named, json={"title": ""}).status_code == 422
    assert victim.ask("POST", "/tasks", named, json={"title": "x"}).status_code == 201


@pytest.mark.shows("Idempotency scope", "ASVS 7.4.1")
def test_an_ended_session_is_not_answered_by_its_keys(victim: Person) -> None:
    named = key()
    victim.ask("POST", "/tasks", named, json={"title": "x"})
    victim.auth("POST", "sign-out")
    assert victim.ask("POST", "/tasks", named, json={"title": "x"}).status_code == 401


@pytest.mark.shows("Idempotency fingerprint", "ASVS 2.2.1")
@pytest.mark.parametrize("text", ["", "x" * 256, "x" * 5000])
def test_a_key_has_1_to_255_characters(victim: Person, text: str) -> None:
    assert victim.ask("POST", "/tasks", {"Idempotency-Key": text}, json={"title": "x"}).status_code == 400
    assert victim.is_untouched()


@pytest.mark.shows("RFC 9110 If-Match")
@pytest.mark.parametrize("tag", ['"0"', '""', 'W/"1"', "x", '"1', '"\'"', '"1" "2"', ",", "*x"])
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_a_condition_that_is_not_met_changes_nothing(victim: Person, method: str, tag: str) -> None:
    answer = victim.ask(method, f"/tasks/{victim.task['id']}", {"If-Match": tag}, json={"title": "x"})
    assert answer.status_code == 412
    assert victim.is_untouched()


@pytest.mark.shows("RFC 9110 If-None-Match")
@pytest.mark.parametrize("path", ["/tasks", "/tasks/{task}"])
def test_what_is_known_is_304_to_its_owner_only(victim: Person, attacker: Person, path: str) -> None:
    at = path.format(task=victim.task["id"])
    tag = {"If-None-Match": victim.ask("GET", at).headers["ETag"]}
    known = victim.ask("GET", at, tag)
    assert (known.status_code, known.content) == (304, b"")
    assert attacker.at("GET", f"/api/{victim.id}{at}", tag).status_code == 403
    victim.auth("POST", "sign-out")
    assert victim.ask("GET", at, tag).status_code == 401
