"""Pages, and the cursors that lead from one to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.task_lists import follow, links, pages, refused, titles

if TYPE_CHECKING:
    from tests.support.actors import Actor

SAME = "sort=title&completed=false&limit=2"


def test_first_leads_to_the_beginning_and_next_is_missing_at_the_end(alice: Actor) -> None:
    made = [alice.task(title=title)["id"] for title in ("b", "a b", "a/ä&+b")]
    walked = list(pages(alice, "sort=-title&limit=1&q=b&_trace=7"))
    assert [page.get_json()[0]["id"] for page in walked] == [made[0], made[2], made[1]]
    for page in walked:
        again = follow(alice, links(page)["first"])
        assert again.get_json() == walked[0].get_json()
        assert "_trace=7" in links(page)["first"]
    assert [sorted(links(page)) for page in walked] == [["first", "next"], ["first", "next"], ["first"]]


def test_a_full_last_page_has_no_next(alice: Actor) -> None:
    for _ in range(4):
        alice.task()
    assert [len(page.get_json()) for page in pages(alice, "limit=2")] == [2, 2]
    assert "next" not in links(alice.get("/tasks?limit=4"))
    assert [page.get_json() for page in pages(alice, "limit=2&q=none")] == [[]]


@pytest.mark.parametrize("sort", ["id", "-id", "title", "-title", "order", "-order", "due", "-updated_at"])
def test_pages_neither_repeat_nor_lose_what_stays(alice: Actor, sort: str) -> None:
    stay = [alice.task(title=title, due="2026-10-01") for title in "bdfhjl"]
    leave = [alice.task(title=title) for title in "cgk"]
    seen: list[int] = []
    for number, page in zip(range(10), pages(alice, f"sort={sort}&limit=2"), strict=False):
        shown = page.get_json()
        seen += [task["id"] for task in shown]
        alice.task(title="a")
        alice.task(title="z", order=-7)
        if number < len(leave):
            alice.delete(f"/tasks/{leave[number]['id']}?permanent={'true' if number else 'false'}")
        gone = [task for task in shown if task["id"] not in {other["id"] for other in stay}]
        for task in gone[:1]:
            alice.delete(f"/tasks/{task['id']}")
    staying = {task["id"] for task in stay}
    assert staying <= set(seen)
    assert len(seen) == len(set(seen))


def test_a_page_goes_on_where_its_last_task_was_even_when_that_has_moved(alice: Actor) -> None:
    made = {title: alice.task(title=title) for title in "abcdef"}
    first = alice.get("/tasks?sort=title&limit=2")
    alice.patch(f"/tasks/{made['b']['id']}", json={"title": "zz"})
    alice.task(title="bb")
    rest = [follow(alice, links(first)["next"])]
    while "next" in links(rest[-1]):
        rest.append(follow(alice, links(rest[-1])["next"]))
    assert [task["title"] for page in rest for task in page.get_json()] == ["bb", "c", "d", "e", "f", "zz"]


@pytest.fixture
def cursor(alice: Actor) -> str:
    """Return the cursor of Alice's second page of ?sort=title&completed=false."""
    for title in "abcd":
        alice.task(title=title)
    following = links(alice.get("/tasks?limit=2&sort=title&completed=false"))["next"]
    return following.partition("cursor=")[2].partition("&")[0]


def test_a_cursor_is_not_bound_to_the_limit(alice: Actor, cursor: str) -> None:
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
def test_a_cursor_is_bound_to_sort_filters_and_time_zone(alice: Actor, cursor: str, query: str) -> None:
    assert titles(alice, f"{SAME}&cursor={cursor}") == ["c", "d"]
    assert refused(alice.get(f"/tasks?{query}&cursor={cursor}"), "cursor")


def test_a_cursor_of_somebody_else_is_refused(bob: Actor, cursor: str) -> None:
    bob.task()
    assert refused(bob.get(f"/tasks?{SAME}&cursor={cursor}"), "cursor")


def test_a_cursor_that_was_not_given_is_refused(alice: Actor, cursor: str) -> None:
    place, _, signature = cursor.partition(".")
    garbled = [cursor[: len(cursor) // 2], cursor[1:], cursor[:-4], place, f".{signature}", f"{place}."]
    garbled += [f"A{place[1:]}B.{signature}", f"{place}.{signature[::-1]}", cursor * 2, "0", "null", "é", "%00", "%FF"]
    for text in garbled:
        assert refused(alice.get(f"/tasks?{SAME}&cursor={text}"), "cursor")
