"""What a user does on the pages of examples/web, and at another device."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import requests
from playwright.sync_api import expect

from tests.examples.serving import FOLDER
from tests.support.actors import PASSWORD
from tests.support.processes import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page


@dataclass
class Account:
    """A user, at another device: a client of the service without a page."""

    service: str
    email: str
    headers: dict[str, str]

    @classmethod
    def create(cls, service: str) -> Account:
        email = f"ada-{uuid.uuid4().hex[:8]}@example.com"
        body = {"email": email, "password": PASSWORD, "name": "Ada"}
        response = requests.post(f"{service}/api/auth/sign-up/email", json=body, timeout=10)
        return cls(service, email, {"Authorization": f"Bearer {response.json()['token']}"})

    def request(self, method: str, path: str = "", **body: Any) -> Any:
        url = f"{self.service}/api/me/tasks{path}"
        response = requests.request(method, url, headers=self.headers, json=body or None, timeout=10)
        assert response.ok, response.text
        return response.json() if response.content else None

    def create_task(self, **fields: Any) -> int:
        task_id: int = self.request("POST", **fields)["id"]
        return task_id

    def titles(self) -> list[str]:
        return [task["title"] for task in self.request("GET", "?sort=order")]


def sign_in(page: Page, account: Account, password: str = PASSWORD) -> None:
    page.get_by_label("E-mail").fill(account.email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def sign_up(page: Page) -> str:
    """Create an account in the form, and return its address."""
    email = f"grace-{uuid.uuid4().hex[:8]}@example.com"
    page.get_by_role("button", name="Create an account").click()
    page.get_by_label("Name").fill("Grace")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    return email


def add(page: Page, title: str) -> None:
    page.get_by_label("New task", exact=True).fill(title)
    page.get_by_label("New task", exact=True).press("Enter")
    expect(row(page, title)).to_be_visible()


def row(page: Page, title: str) -> Locator:
    return page.get_by_role("listitem").filter(has=page.get_by_role("checkbox", name=title, exact=True))


def titles(page: Page) -> list[str]:
    return page.locator(".task > div > label").all_inner_texts()


def expect_saved(page: Page) -> None:
    expect(page.get_by_text("All changes saved")).to_be_visible()


def edit(page: Page, title: str, **fields: str) -> None:
    """Open the form of a task and fill fields in, named by their labels."""
    page.get_by_role("button", name=f"Edit {title}").click()
    for label, value in fields.items():
        page.get_by_role("dialog").get_by_label(label).fill(value)


def repeat(page: Page, choice: str, rule: str = "") -> None:
    """Choose in the form how the task repeats."""
    page.get_by_role("dialog").get_by_label("Repeat").select_option(choice)
    if rule:
        page.get_by_role("dialog").get_by_label("Rule").fill(rule)


def save(page: Page) -> None:
    page.get_by_role("button", name="Save").click()


def show_tasks(page: Page, ada: Account) -> None:
    """Sign in, with tasks that have every field."""
    ada.create_task(title="File taxes", due="2026-01-01", priority="high", tags=["home", "money"])
    ada.create_task(title="Buy milk", description="Two bottles,\nand bread if there is any left", due="2030-01-01")
    ada.create_task(title="Call Grace about the compiler", priority="low", due="2030-01-01T15:00:00Z")
    ada.create_task(title="Pay rent", due="2090-01-31", recurrence="FREQ=MONTHLY")
    ada.create_task(title="Water the plants", completed=True)
    sign_in(page, ada)
    page.get_by_label("Status").select_option("All")
    expect(row(page, "Water the plants")).to_be_visible()


def check_view(page: Page, name: str) -> None:
    """Take a screenshot, and let axe look for violations of WCAG and of good practice."""
    page.screenshot(path=ROOT / ".data" / f"web-{name}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page scrolls sideways"
    page.add_script_tag(path=FOLDER / "node_modules" / "axe-core" / "axe.min.js")
    found = page.evaluate("axe.run()")["violations"]
    assert [(violation["id"], violation["nodes"][0]["html"]) for violation in found] == []
