"""Every item has a test, every test an item, and the page says so."""

from __future__ import annotations

from tests.security.catalogue import ITEMS, SECTIONS
from tests.security.page import PAGE, evidence, written


def test_every_item_has_a_test_and_every_test_an_item() -> None:
    assert set(ITEMS) == set(evidence())
    assert len(ITEMS) == sum(map(len, SECTIONS.values()))


def test_the_page_is_the_catalogues() -> None:
    assert PAGE.read_text() == written(), "run .venv/bin/python -m tests.security.page to renew it"
