"""Pagination: pages, the Link header and cursors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.task_lists import assert_invalid_parameters, follow, links, pages, titles

if TYPE_CHECKING:
    from tests.support.actors import Actor

SAME = "sort=title&completed=false&limit=2"


def test_link_has_the_first_page_and_the_next_but_for_the_last(alice: Actor) -> None:
    ids = [alice.create_task(title=title)["id"] for title in ("b", "a b", "a/ä&+b")]
    found = list(pages(alice, "sort=-title&limit=1&q=b&_trace=7"))
    assert [page.get_json()[0]["id"] for page in found] == [ids[0], ids[2], ids[1]]
    for page in found:
        first = follow(alice, links(page)["first"])
        assert first.get_json() == found[0].get_json()
        assert "_trace=7" in links(page)["first"]
    assert [sorted(links(page)) for page in found] == [["first", "next"], ["first", "next"], ["first"]]


def test_a_full_last_page_has_no_next_link(alice: Actor) -> None:
    for _ in range(4):
        alice.create_task()
    assert [len(page.get_json()) for page in pages(alice, "limit=2")] == [2, 2]
    assert "next" not in links(alice.get("/tasks?limit=4"))
    assert [page.get_json() for page in pages(alice, "limit=2&q=none")] == [[]]


@pytest.mark.parametrize("sort", ["id", "-id", "title", "-title", "order", "-order", "due", "-updated_at"])
def test_pages_neither_repeat_nor_skip_remaining_tasks(alice: Actor, sort: str) -> None:
    remaining = {alice.create_task(title=title, due="2026-10-01")["id"] for title in "bdfhjl"}
    deleted = [alice.create_task(title=title)["id"] for title in "cgk"]
    seen: list[int] = []
    for number, page in zip(range(10), pages(alice, f"sort={sort}&limit=2"), strict=False):
        ids = [task["id"] for task in page.get_json()]
        seen += ids
        alice.create_task(title="a")
        alice.create_task(title="z", order=-7)
        if number < len(deleted):
            alice.delete(f"/tasks/{deleted[number]}?permanent={'true' if number else 'false'}")
        for task_id in [task_id for task_id in ids if task_id not in remaining][:1]:
            alice.delete(f"/tasks/{task_id}")
    assert remaining <= set(seen)
    assert len(seen) == len(set(seen))


def test_the_next_page_begins_at_the_last_tasks_old_position(alice: Actor) -> None:
    tasks = {title: alice.create_task(title=title) for title in "abcdef"}
    first = alice.get("/tasks?sort=title&limit=2")
    alice.patch(f"/tasks/{tasks['b']['id']}", json={"title": "zz"})
    alice.create_task(title="bb")
    rest = [follow(alice, links(first)["next"])]
    while "next" in links(rest[-1]):
        rest.append(follow(alice, links(rest[-1])["next"]))
    assert [task["title"] for page in rest for task in page.get_json()] == ["bb", "c", "d", "e", "f", "zz"]


@pytest.fixture
def cursor(alice: Actor) -> str:
    """Return the cursor of Alice's second page of `SAME`."""
    for title in "abcd":
        alice.create_task(title=title)
    url = links(alice.get(f"/tasks?{SAME}"))["next"]
    return url.partition("cursor=")[2].partition("&")[0]


def test_a_cursor_works_with_any_limit(alice: Actor, cursor: str) -> None:
    for limit in ("limit=1", "limit=200", ""):
        assert titles(alice, f"sort=title&completed=false&cursor={cursor}&{limit}") in (["c"], ["c", "d"])


@pytest.mark.parametrize(
    "query",
    [
        *("sort=title&limit=2", "sort=title&limit=2&completed=true", f"{SAME}&q=a", f"{SAME}&deleted=true"),
        *(f"{SAME}&timezone=Europe/Berlin", f"{SAME}&due=none", f"{SAME}&tag=a", f"{SAME}&priority=low"),
        *("completed=false&limit=2", "sort=-title&completed=false&limit=2", "sort=title,id&completed=false&limit=2"),
        *(f"{SAME}&due_after=2026-01-01", f"{SAME}&due_before=2026-01-01T00:00:00Z"),
    ],
)
def test_a_cursor_requires_the_same_sort_filters_and_time_zone(alice: Actor, cursor: str, query: str) -> None:
    assert titles(alice, f"{SAME}&cursor={cursor}") == ["c", "d"]
    assert_invalid_parameters(alice.get(f"/tasks?{query}&cursor={cursor}"), "cursor")


def test_a_cursor_of_another_user_is_rejected(bob: Actor, cursor: str) -> None:
    bob.create_task()
    assert_invalid_parameters(bob.get(f"/tasks?{SAME}&cursor={cursor}"), "cursor")


def test_a_forged_cursor_is_rejected(alice: Actor, cursor: str) -> None:
    payload, _, signature = cursor.partition(".")
    garbled = [cursor[: len(cursor) // 2], cursor[1:], cursor[:-4], payload, f".{signature}", f"{payload}."]
    garbled += [
        f"A{payload[1:]}B.{signature}",
        f"{payload}.{signature[::-1]}",
        cursor * 2,
        "0",
        "null",
        "é",
        "%00",
        "%FF",
    ]
    for text in garbled:
        assert_invalid_parameters(alice.get(f"/tasks?{SAME}&cursor={text}"), "cursor")
