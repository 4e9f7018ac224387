"""Every security item has a test, every marked test has an item, and docs/security.md is up to date."""

from __future__ import annotations

from tests.security.catalogue import ITEMS, SECTIONS
from tests.security.page import PAGE, evidence, page


def test_every_item_has_a_test_and_every_marked_test_an_item() -> None:
    assert set(ITEMS) == set(evidence())
    assert len(ITEMS) == sum(map(len, SECTIONS.values()))


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == page(), "run .venv/bin/python -m tests.security.page to renew it"
