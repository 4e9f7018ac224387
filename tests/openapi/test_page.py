"""The docs page in a real browser: it shows the document, signs up, authorizes and calls a route."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page, expect

from tests.support.browsers import chromium_browser, new_context
from tests.support.processes import ROOT, Service

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def page() -> Iterator[Page]:
    viewport = {"width": 1200, "height": 1600}
    with chromium_browser() as browser, new_context(browser, viewport=viewport) as context:
        yield context.new_page()


def test_a_newcomer_signs_up_authorizes_and_lists_tasks(service: Service, page: Page) -> None:
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    urls: list[str] = []
    page.on("request", lambda request: urls.append(request.url))

    page.goto(f"{service.url}/docs")
    expect(page.get_by_role("heading", name="Todo API")).to_be_visible()
    expect(page).to_have_title("Todo API reference")
    for summary in ("Sign up with e-mail and password", "List tasks", "Delete a task"):
        expect(page.get_by_text(summary, exact=True)).to_be_visible()
    page.screenshot(path=ROOT / ".data" / "docs.png")

    sign_up = page.locator("#operations-auth-signUp")
    sign_up.locator(".opblock-summary-control").click()
    account = {"email": f"{uuid.uuid4().hex}@example.com", "password": "correct horse battery"}
    sign_up.locator("textarea.body-param__text").fill(json.dumps(account))
    sign_up.get_by_role("button", name="Execute").click()
    response = json.loads(sign_up.locator(".live-responses-table .highlight-code code").first.inner_text())

    page.get_by_role("button", name="Authorize").first.click()
    bearer = page.locator(".auth-container").filter(has_text="http, Bearer")
    bearer.locator("input").fill(response["token"])
    bearer.get_by_role("button", name="Apply credentials").click()
    bearer.get_by_role("button", name="Close").click()

    listing = page.locator("#operations-tasks-listTasks")
    listing.locator(".opblock-summary-control").click()
    listing.get_by_placeholder("user_id").fill(response["user"]["id"])
    listing.get_by_role("button", name="Execute").click()
    expect(listing.locator(".live-responses-table .response-col_status").last).to_contain_text("200")
    page.screenshot(path=ROOT / ".data" / "docs-authorized.png")

    assert errors == []
    assert all(url.startswith((service.url, "data:")) for url in urls)
