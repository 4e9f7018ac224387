"""The ETag of a list: it changes with every change, and an unmodified list is 304."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.actors import Actor


def test_the_etag_changes_with_every_change_and_only_then(alice: Actor, bob: Actor) -> None:
    def tag(query: str = "") -> str:
        return alice.get(f"/tasks{query}").headers["ETag"]

    empty, task = tag(), alice.create_task()
    path = f"/tasks/{task['id']}"
    changes = [
        *(("PATCH", path, {"title": "x"}), ("PUT", path, {"title": "y"}), ("PATCH", f"{path}/complete", None)),
        *(("DELETE", path, None), ("POST", f"{path}/restore", None), ("POST", "/tasks", {"title": "z"})),
        *(("DELETE", url, None) for url in ("/tasks?q=z", "/tasks?all=true", f"{path}?permanent=true")),
    ]
    seen = [empty, tag()]
    for method, url, body in changes:
        assert alice.request(method, url, json=body).status_code < 300
        seen.append(tag())
    assert len(set(seen)) == len(changes) + 2
    for method, url, body in (("PATCH", path, {}), ("DELETE", "/tasks?q=nothing", None), ("GET", "/tasks", None)):
        alice.request(method, url, json=body)
    bob.create_task()
    assert tag() == tag("?limit=1") == seen[-1]
    assert not seen[-1].startswith("W/")


@pytest.mark.parametrize("query", ["", "?limit=1", "?sort=-due&q=b&limit=1", "?deleted=true"])
def test_an_unmodified_list_is_304(alice: Actor, query: str) -> None:
    alice.create_task()
    alice.create_task()
    response = alice.get(f"/tasks{query}")
    tag = response.headers["ETag"]
    assert response.headers["Cache-Control"] == "private, no-cache"
    for current in (tag, f"W/{tag}", "*", f'"other", {tag}'):
        not_modified = alice.get(f"/tasks{query}", headers={"If-None-Match": current})
        assert (not_modified.status_code, not_modified.data, not_modified.headers["ETag"]) == (304, b"", tag)
        assert not_modified.headers["Cache-Control"] == "private, no-cache"
        # A cache updates its headers from a 304 (RFC 9111 section 3.2), whose Link would lack the next page.
        link = response.headers.get("Link")
        assert not_modified.headers.get("Link", link) == link
    for other in ('"0"', '"other"', f'"0{tag[1:]}', '"99999999999999999999"'):
        assert alice.get(f"/tasks{query}", headers={"If-None-Match": other}).get_json() == response.get_json()
    alice.create_task()
    assert alice.get(f"/tasks{query}", headers={"If-None-Match": tag}).status_code == 200


def test_an_empty_list_has_an_etag(alice: Actor) -> None:
    tag = alice.get("/tasks").headers["ETag"]
    assert alice.get("/tasks", headers={"If-None-Match": tag}).status_code == 304
    alice.create_task()
    assert alice.get("/tasks", headers={"If-None-Match": tag}).status_code == 200
