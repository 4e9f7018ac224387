"""The ETag of a list: another after every change, and 304 for whoever knows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.actors import Actor


def test_the_lists_etag_changes_with_every_change_and_with_no_other(alice: Actor, bob: Actor) -> None:
    def tag(query: str = "") -> str:
        return alice.get(f"/tasks{query}").headers["ETag"]

    empty, made = tag(), alice.task()
    path = f"/tasks/{made['id']}"
    changes = [
        *(("PATCH", path, {"title": "x"}), ("PUT", path, {"title": "y"}), ("PATCH", f"{path}/complete", None)),
        *(("DELETE", path, None), ("POST", f"{path}/restore", None), ("POST", "/tasks", {"title": "z"})),
        *(
            ("DELETE", "/tasks?q=z", None),
            ("DELETE", "/tasks?all=true", None),
            ("DELETE", f"{path}?permanent=true", None),
        ),
    ]
    seen = [empty, tag()]
    for method, url, body in changes:
        assert alice.request(method, url, json=body).status_code < 300
        seen.append(tag())
    assert len(set(seen)) == len(changes) + 2
    for method, url, body in (("PATCH", path, {}), ("DELETE", "/tasks?q=nothing", None), ("GET", "/tasks", None)):
        alice.request(method, url, json=body)
    bob.task()
    assert tag() == tag("?limit=1") == seen[-1]
    assert not seen[-1].startswith("W/")


@pytest.mark.parametrize("query", ["", "?limit=1", "?sort=-due&q=b&limit=1", "?deleted=true"])
def test_a_list_that_is_known_is_304(alice: Actor, query: str) -> None:
    alice.task()
    alice.task()
    whole = alice.get(f"/tasks{query}")
    tag = whole.headers["ETag"]
    assert whole.headers["Cache-Control"] == "private, no-cache"
    for known in (tag, f"W/{tag}", "*", f'"other", {tag}'):
        again = alice.get(f"/tasks{query}", headers={"If-None-Match": known})
        assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", tag)
        assert again.headers["Cache-Control"] == "private, no-cache"
        # A cache replaces what it has by what a 304 brings (RFC 9111 section 3.2); a Link would have no next.
        assert again.headers.get("Link", whole.headers.get("Link")) == whole.headers.get("Link")
    for unknown in ('"0"', '"other"', f'"0{tag[1:]}', '"99999999999999999999"'):
        assert alice.get(f"/tasks{query}", headers={"If-None-Match": unknown}).get_json() == whole.get_json()
    alice.task()
    changed = alice.get(f"/tasks{query}", headers={"If-None-Match": tag})
    assert changed.status_code == 200


def test_a_list_without_a_task_has_an_etag(alice: Actor) -> None:
    tag = alice.get("/tasks").headers["ETag"]
    assert alice.get("/tasks", headers={"If-None-Match": tag}).status_code == 304
    alice.task()
    assert alice.get("/tasks", headers={"If-None-Match": tag}).status_code == 200
