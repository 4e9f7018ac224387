"""The machine's own Chromium, driven by Playwright."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect, sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, BrowserContext

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]

STEP_TIMEOUT = 60_000
"""Milliseconds that a page may take for a step. A machine that runs all tests is busy."""


@contextmanager
def chromium_browser() -> Iterator[Browser]:
    """Yield a browser, or skip the test if the machine has none."""
    if CHROMIUM is None:
        pytest.skip("there is no Chromium on this machine (apt install chromium)")
    expect.set_options(timeout=STEP_TIMEOUT)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield browser
        browser.close()


@contextmanager
def new_context(browser: Browser, **options: Any) -> Iterator[BrowserContext]:
    """Yield a context of the browser, with cookies and storage of its own."""
    with browser.new_context(**options) as context:
        context.set_default_timeout(STEP_TIMEOUT)
        yield context
