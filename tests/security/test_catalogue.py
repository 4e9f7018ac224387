"""Every item has a test, every test an item, and the page says so."""

from __future__ import annotations

from tests.security.catalogue import AWAITED, ITEMS, SECTIONS
from tests.security.page import PAGE, evidence, written


def test_every_item_has_a_test_or_is_awaited_and_not_both() -> None:
    found = set(evidence())
    assert set(ITEMS) - found - AWAITED == set()
    assert AWAITED & found == set()
    assert set(ITEMS) >= AWAITED


def test_every_test_shows_items_that_there_are() -> None:
    assert set(evidence()) - set(ITEMS) == set()
    assert len(ITEMS) == sum(map(len, SECTIONS.values()))


def test_the_page_is_the_catalogues() -> None:
    assert PAGE.read_text() == written(), "run .venv/bin/python -m tests.security.page to renew it"
