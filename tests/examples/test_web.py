"""The front end of examples/web in a real browser, served as its documentation says, against the real service."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import requests
from playwright.sync_api import expect

from devtools.processes import free_port
from tests.examples.pages import (
    Account,
    add,
    check_view,
    edit,
    expect_saved,
    repeat,
    row,
    save,
    show_tasks,
    sign_in,
    sign_up,
    titles,
)
from tests.examples.serving import FOLDER, Site, npm, serving
from tests.support.browsers import chromium_browser, new_context
from tests.support.databases import new_database
from tests.support.mailed_links import links_of, mails
from tests.support.node import node_with_packages
from tests.support.processes import ROOT, running_service, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, BrowserContext, Page, Route

(SECTION,) = re.findall(
    r"## From zero to a signed-in page in five minutes\n(.*?)\n## ",
    (ROOT / "docs" / "better-auth.md").read_text(),
    re.DOTALL,
)
COMMANDS = [line for block in re.findall(r"```bash\n(.*?)```", SECTION, re.DOTALL) for line in block.splitlines()]
DARK_PHONE: dict[str, Any] = {"color_scheme": "dark", "viewport": {"width": 360, "height": 740}}
LIGHT_DESKTOP: dict[str, Any] = {"color_scheme": "light", "viewport": {"width": 1280, "height": 900}}


@pytest.fixture(scope="module")
def site(server: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Build the front end and serve it."""
    node_with_packages(FOLDER)
    url, development_url = (f"http://localhost:{free_port()}" for _ in range(2))
    mbox = tmp_path_factory.mktemp("site") / "mails"
    with (
        new_database(server, template) as database,
        running_service(database, CORS_ORIGINS=json.dumps([url, development_url]), MAIL_URL=mbox.as_uri()) as service,
    ):
        npm("run", "build", VITE_API_URL=service.url).check_returncode()
        with serving(url, "npx vite preview", service.url):
            yield Site(url, development_url, service.url, mbox)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    node_with_packages(FOLDER)  # a quick run skips the test here, since it cannot inside Playwright
    with chromium_browser() as browser:
        yield browser


@pytest.fixture
def ada(site: Site) -> Account:
    return Account.create(site.service)


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    with new_context(chromium, **LIGHT_DESKTOP) as context:
        yield context


@pytest.fixture
def page(context: BrowserContext, site: Site) -> Iterator[Page]:
    """Yield a page that must raise no error."""
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(site.url)
    yield page
    assert errors == []


@pytest.fixture
def tasks_page(page: Page, ada: Account) -> Page:
    """Return the page with Ada signed in."""
    sign_in(page, ada)
    expect(page.get_by_text("No tasks here.")).to_be_visible()  # not before the first synchronisation
    return page


def mailed_link(mbox: Path, email: str, number: int = 1) -> str:
    """Wait for the mails to the address, and return the link of the last one."""

    def links() -> list[str]:
        return [link for mail in mails(mbox) if mail["To"] == email for link in links_of(mail)]

    wait_until(lambda: len(links()) >= number)
    return links()[-1]


def test_a_newcomer_signs_up_out_and_in(page: Page, ada: Account, site: Site) -> None:
    sign_in(page, ada, "not the password")
    expect(page.get_by_role("alert")).to_have_text("Invalid email or password")
    sign_up(page)
    add(page, "File taxes")
    expect_saved(page)
    page.reload()
    expect(row(page, "File taxes")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert page.evaluate("indexedDB.databases()") == []
    sign_in(page, ada)
    expect(page.get_by_text("No tasks here.")).to_be_visible()


def test_a_signed_in_user_verifies_the_address(page: Page, site: Site) -> None:
    email = sign_up(page)
    page.get_by_role("link", name="API keys").click()
    notice = page.get_by_text(f"Your address {email} is not verified.")
    page.get_by_role("button", name="Send a link").click()
    expect(page.get_by_text(f"A link is on its way to {email}.")).to_be_visible()
    page.reload()
    expect(notice).to_be_visible()
    page.goto(mailed_link(site.mbox, email))
    expect(page.get_by_text("Your address is verified.")).to_be_visible()
    expect(notice).not_to_be_visible()


@pytest.fixture(scope="module")
def strict_site(server: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Serve the front end with a service that requires verified addresses."""
    node_with_packages(FOLDER)
    url, mbox = f"http://localhost:{free_port()}", tmp_path_factory.mktemp("strict_site") / "mails"
    settings: dict[str, Any] = {
        "CORS_ORIGINS": json.dumps([url]),
        "MAIL_URL": mbox.as_uri(),
        "REQUIRE_EMAIL_VERIFICATION": "true",
    }
    with (
        new_database(server, template) as database,
        running_service(database, **settings) as service,
        serving(url, "npm run dev --", service.url),
    ):
        yield Site(url, url, service.url, mbox)


def test_a_sign_in_waits_for_the_verification(context: BrowserContext, strict_site: Site) -> None:
    page, mbox = context.new_page(), strict_site.mbox
    page.goto(strict_site.url)
    account = Account(strict_site.service, sign_up(page), {})
    expect(page.get_by_role("heading", name="Check your mail")).to_be_visible()
    check_view(page, "light-check-mail")
    page.get_by_role("button", name="Send it again").click()
    expect(page.get_by_text(f"A link is on its way to {account.email}.")).to_be_visible()
    first, second = mailed_link(mbox, account.email), mailed_link(mbox, account.email, 2)
    page.get_by_role("button", name="Sign in").click()
    sign_in(page, account)
    expect(page.get_by_role("heading", name="Check your mail")).to_be_visible()
    third = mailed_link(mbox, account.email, 3)
    page.goto(first.replace("token=", "token=x"))
    expect(page.get_by_role("alert")).to_have_text("The link is not valid. Sign in, and ask for a new one.")
    for link in (third, second):  # a link works again
        page.goto(link)
        expect(page.get_by_role("status").first).to_have_text("Your address is verified.")
    check_view(page, "light-verified")
    sign_in(page, account)
    add(page, "File taxes")
    expect(page.get_by_role("button", name="Send a link")).not_to_be_visible()


def test_tasks_are_added_completed_deleted_and_restored(tasks_page: Page, ada: Account) -> None:
    page = tasks_page
    for title in ("File taxes", "Buy milk", "Call Grace"):
        add(page, title)
    page.get_by_role("checkbox", name="Buy milk").press("Space")
    expect(row(page, "Buy milk")).not_to_be_visible()
    page.get_by_label("Status").select_option("Completed")
    expect(row(page, "Buy milk")).to_be_visible()
    page.get_by_label("Status").select_option("Open")
    page.get_by_role("button", name="Delete File taxes").press("Enter")
    expect(page.get_by_role("button", name="Delete Call Grace")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("Moved “Call Grace” to the trash.")
    page.get_by_role("button", name="Undo").click()
    expect(row(page, "Call Grace")).to_be_visible()
    expect_saved(page)
    assert ada.titles() == ["Buy milk", "Call Grace"]
    page.get_by_role("link", name="Trash").click()
    page.get_by_role("button", name="Restore File taxes").click()
    expect(page.get_by_text("0 of 0 shown")).to_be_visible()
    expect_saved(page)
    assert ada.titles() == ["File taxes", "Buy milk", "Call Grace"]


def test_the_list_has_pages_and_filters(page: Page, ada: Account) -> None:
    for number in range(28):
        ada.create_task(title=f"Task {number}")
    ada.create_task(title="File taxes", priority="high", tags=["home"], due="2030-01-01")
    ada.create_task(title="Buy milk", description="and file it", priority="low", tags=["home"], due="2029-01-01")
    sign_in(page, ada)
    expect(page.get_by_text("25 of 30 shown")).to_be_visible()
    page.get_by_role("button", name="Show more").click()
    expect(page.get_by_text("30 of 30 shown")).to_be_visible()
    page.get_by_label("Search").fill("FILE")
    expect(page.get_by_text("2 of 2 shown")).to_be_visible()
    page.get_by_label("Sort by").select_option("Due date")
    assert titles(page) == ["Buy milk", "File taxes"]
    page.get_by_label("Sort by").select_option("Priority")
    assert titles(page) == ["File taxes", "Buy milk"]
    page.get_by_label("Priority", exact=True).select_option("Low")
    assert titles(page) == ["Buy milk"]
    page.get_by_label("Search").fill("")
    page.get_by_label("Priority", exact=True).select_option("Any")
    page.get_by_label("Tag").select_option("home")
    assert titles(page) == ["File taxes", "Buy milk"]


def test_the_list_is_not_called_empty_before_the_first_synchronisation(page: Page, ada: Account) -> None:
    ada.create_task(title="File taxes")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route(re.compile(r".*/tasks/changes$"), hold)
    with page.expect_request(re.compile(r".*/tasks/changes$")):
        sign_in(page, ada)
    expect(page.get_by_text("Loading")).to_be_visible()
    expect(page.get_by_text("No tasks here.")).not_to_be_visible()
    held.pop().continue_()
    expect(row(page, "File taxes")).to_be_visible()


def test_the_trash_has_pages_and_a_search(page: Page, ada: Account) -> None:
    for number in range(21):
        ada.request("DELETE", f"/{ada.create_task(title=f'Task {number}')}")
    sign_in(page, ada)
    page.get_by_role("link", name="Trash").click()
    expect(page.get_by_text("20 of 21 shown")).to_be_visible()
    page.get_by_role("button", name="Show more").click()
    expect(page.get_by_text("21 of 21 shown")).to_be_visible()
    page.get_by_label("Search").fill("task 20")
    expect(page.get_by_text("1 of 1 shown")).to_be_visible()


def test_a_task_is_edited(tasks_page: Page, ada: Account) -> None:
    page = tasks_page
    add(page, "File taxes")
    edit(page, "File taxes", Title="File taxes early", Description="Form\n1040")
    page.get_by_label("Due date", exact=True).fill("2030-10-01")
    page.get_by_label("Time").fill("17:00")
    page.get_by_role("dialog").get_by_label("Priority").select_option("High")
    for tag in ("home", "money, taxes", "once"):
        page.get_by_label("Add a tag").fill(tag)
        page.get_by_label("Add a tag").press("Enter")
    page.get_by_role("button", name="Remove tag once").click()
    save(page)
    expect(row(page, "File taxes early")).to_contain_text("High priority")
    expect_saved(page)
    (task,) = ada.request("GET")
    written = {name: task[name] for name in ("title", "description", "due", "priority", "tags")}
    assert written == {
        "title": "File taxes early",
        "description": "Form\n1040",
        "due": page.evaluate("new Date('2030-10-01T17:00').toISOString()"),
        "priority": "high",
        "tags": ["home", "money, taxes"],
    }
    edit(page, "File taxes early", Title="Never mind")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Edit File taxes early")).to_be_focused()


def test_a_task_repeats_and_its_completion_shows_the_successor(tasks_page: Page, ada: Account) -> None:
    page = tasks_page
    add(page, "Pay rent")
    edit(page, "Pay rent", **{"Due date": "2090-01-31"})
    repeat(page, "Every month")
    save(page)
    expect(row(page, "Pay rent")).to_contain_text("Every month")
    expect_saved(page)
    edit(page, "Pay rent")
    expect(page.get_by_role("dialog")).to_contain_text("Next: Mar 31, 2090 · May 31, 2090 · Jul 31, 2090")
    repeat(page, "By a rule", "FREQ=MONTHLY;INTERVAL=121")
    save(page)
    expect(page.get_by_role("alert")).to_contain_text("INTERVAL must be at most 120 with FREQ=MONTHLY.")
    page.get_by_role("button", name="Discard my change").click()
    edit(page, "Pay rent")
    repeat(page, "By a rule", "freq=monthly;bymonthday=-1")
    save(page)
    expect(row(page, "Pay rent")).to_contain_text("By the rule FREQ=MONTHLY;BYMONTHDAY=-1")
    page.get_by_role("checkbox", name="Pay rent").click()
    expect(row(page, "Pay rent")).to_contain_text("Feb 28, 2090")
    (task,) = ada.request("GET", "?completed=false")
    assert task["timezone"] == page.evaluate("Intl.DateTimeFormat().resolvedOptions().timeZone")
    edit(page, "Pay rent")
    repeat(page, "Never")
    save(page)
    expect_saved(page)
    expect(row(page, "Pay rent")).not_to_contain_text("By the rule")


def test_an_edit_is_merged_with_one_of_another_device(tasks_page: Page, ada: Account) -> None:
    page = tasks_page
    add(page, "File taxes")
    expect_saved(page)
    (task,) = ada.request("GET")
    edit(page, "File taxes", Description="Form 1040")
    ada.request("PATCH", f"/{task['id']}", title="File taxes early")
    with page.expect_response(lambda response: response.status == 412):
        save(page)
    expect(page.get_by_role("status")).to_contain_text("Merged your changes of “File taxes early”")
    expect_saved(page)
    (task,) = ada.request("GET")
    assert (task["title"], task["description"]) == ("File taxes early", "Form 1040")


@pytest.mark.parametrize(
    ("choice", "title"), [("Yours", "File taxes late"), ("The other device’s", "File taxes early")]
)
def test_a_conflict_shows_both_versions(tasks_page: Page, ada: Account, choice: str, title: str) -> None:
    page = tasks_page
    add(page, "File taxes")
    expect_saved(page)
    (task,) = ada.request("GET")
    edit(page, "File taxes", Title="File taxes late", Description="Form 1040")
    ada.request("PATCH", f"/{task['id']}", title="File taxes early", priority="high")
    save(page)
    conflict = page.get_by_role("main").locator("form", has_text="changed on another device")
    expect(conflict).to_contain_text("Yours: File taxes late")
    expect(conflict).to_contain_text("The other device’s: File taxes early")
    page.reload()  # the conflict is kept
    assert ada.titles() == ["File taxes early"]
    conflict.get_by_label(choice).check()
    save(page)
    expect(conflict).not_to_be_visible()
    expect_saved(page)
    (task,) = ada.request("GET")
    assert (task["title"], task["description"], task["priority"]) == (title, "Form 1040", "high")


def test_a_task_is_moved_by_pointer_and_by_keyboard(page: Page, ada: Account) -> None:
    for title in ("One", "Two", "Three", "Four"):
        ada.create_task(title=title)
    sign_in(page, ada)
    expect(row(page, "Four")).to_be_visible()
    handle, target = page.get_by_label("Move Four"), row(page, "Two").bounding_box()
    assert target
    handle.hover()
    page.mouse.down()
    page.mouse.move(target["x"] + 20, target["y"] + 5, steps=4)
    expect(row(page, "Two")).to_have_attribute("data-marker", "above")
    page.mouse.up()
    assert titles(page) == ["One", "Four", "Two", "Three"]
    page.get_by_label("Move One").press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert titles(page) == ["Four", "Two", "One", "Three"]
    expect(page.get_by_label("Move One")).to_be_focused()
    expect(page.get_by_role("status")).to_have_text("Moved “One” to position 3 of 4.")
    expect_saved(page)
    assert ada.titles() == ["Four", "Two", "One", "Three"]


def test_tasks_of_one_order_can_be_moved(page: Page, ada: Account) -> None:
    for title in ("One", "Two", "Three"):
        ada.create_task(title=title, order=1)
    sign_in(page, ada)
    page.get_by_label("Move Three").press("ArrowUp")
    expect_saved(page)
    assert titles(page) == ada.titles() == ["One", "Three", "Two"]


def test_changes_made_offline_are_sent_later(tasks_page: Page, ada: Account, site: Site) -> None:
    page = tasks_page
    for title in ("File taxes", "Buy milk"):
        add(page, title)
    expect_saved(page)
    everything = re.compile(f"{site.service}/.*")
    page.context.route(everything, lambda route: route.abort())
    add(page, "Call Grace")
    expect(page.get_by_text("Offline · 1 change waits")).to_be_visible()
    expect(page.get_by_role("status")).to_contain_text("Your changes are kept and sent later.")
    edit(page, "Call Grace", Title="Call Grace today")
    save(page)
    page.get_by_label("File taxes", exact=True).click()
    edit(page, "Buy milk", Title="Buy bread")
    save(page)
    page.reload()  # the page opens with its copy
    expect(page.get_by_text("Offline · 4 changes wait")).to_be_visible()
    assert titles(page) == ["Buy bread", "Call Grace today"]
    assert ada.titles() == ["File taxes", "Buy milk"]
    _, milk = ada.request("GET")
    ada.request("PATCH", f"/{milk['id']}", description="Two loaves")
    ada.create_task(title="From the other device")
    page.context.unroute(everything)
    page.evaluate("dispatchEvent(new Event('online'))")
    expect_saved(page)
    expect(row(page, "From the other device")).to_be_visible()
    assert sorted(ada.titles()) == ["Buy bread", "Call Grace today", "File taxes", "From the other device"]
    taxes, milk, *_ = ada.request("GET")
    assert (taxes["completed"], milk["description"]) == (True, "Two loaves")


def test_a_task_whose_response_is_lost_is_created_once(tasks_page: Page, ada: Account, site: Site) -> None:
    page = tasks_page
    keys: list[str] = []

    def lose(route: Route) -> None:
        """Let the service create the task, and lose its first response."""
        keys.append(route.request.headers["idempotency-key"])
        response = route.fetch()
        if len(keys) == 1:
            route.abort()
        else:
            assert response.headers["idempotency-replayed"] == "true"
            route.fulfill(response=response)

    page.route(re.compile(r".*/tasks$"), lambda route: lose(route) if is_post(route) else route.fallback())
    add(page, "File taxes")
    expect(page.get_by_text("Offline · 1 change waits")).to_be_visible()
    page.evaluate("dispatchEvent(new Event('online'))")
    expect_saved(page)
    assert len(keys) == 2
    assert len(set(keys)) == 1
    assert ada.titles() == ["File taxes"] == titles(page)


def is_post(route: Route) -> bool:
    return route.request.method == "POST"


@pytest.mark.parametrize("cookie", ["kept", "gone"])
def test_a_session_that_ended_asks_for_a_sign_in_and_keeps_the_changes(
    tasks_page: Page, ada: Account, cookie: str
) -> None:
    page = tasks_page
    page.get_by_label("New task", exact=True).fill("File taxes")
    requests.post(f"{ada.service}/api/auth/revoke-sessions", headers=ada.headers, timeout=10)
    if cookie == "gone":
        page.context.clear_cookies()
    page.get_by_label("New task", exact=True).press("Enter")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    sign_in(page, ada)
    expect(row(page, "File taxes")).to_be_visible()
    expect_saved(page)


def test_an_api_key_is_created_shown_once_and_deleted(tasks_page: Page, ada: Account) -> None:
    page = tasks_page
    page.get_by_role("link", name="API keys").click()
    page.get_by_label("Name").fill("Backup")
    page.get_by_role("button", name="Create key").click()
    key = page.get_by_role("status").locator("code").inner_text()
    url = f"{ada.service}/api/me/tasks"
    assert requests.get(url, headers={"X-API-Key": key}, timeout=10).status_code == 200
    assert requests.post(url, headers={"X-API-Key": key}, json={"title": "x"}, timeout=10).status_code == 403
    page.reload()
    page.get_by_role("button", name="Delete Backup").click()
    expect(page.get_by_role("button", name="Delete Backup")).not_to_be_visible()
    assert requests.get(url, headers={"X-API-Key": key}, timeout=10).status_code == 401


def test_a_key_has_the_chosen_scopes(tasks_page: Page, ada: Account) -> None:
    page = tasks_page
    page.get_by_role("link", name="API keys").click()
    page.get_by_label("Name").fill("Calendars")
    page.get_by_label("Read tasks").uncheck()
    page.get_by_label("Change tasks").check()
    page.get_by_label("Manage calendars").check()
    page.get_by_role("button", name="Create key").click()
    headers = {"X-API-Key": page.get_by_role("status").locator("code").inner_text()}
    assert requests.get(f"{ada.service}/api/me/feeds", headers=headers, timeout=10).status_code == 200
    assert requests.get(f"{ada.service}/api/me/tasks", headers=headers, timeout=10).status_code == 403


def test_a_calendar_is_subscribed_to_and_revoked(tasks_page: Page, ada: Account) -> None:
    page, due = tasks_page, str(datetime.now(UTC).date())
    ada.create_task(title="File taxes", due=due, tags=["home"])
    ada.create_task(title="Buy milk", due=due)
    page.get_by_role("link", name="Calendars").click()
    page.get_by_label("Name").fill("Home")
    page.get_by_label("Only the tag").fill("home")
    page.get_by_role("button", name="Subscribe").click()
    url = page.get_by_role("status").locator("code").inner_text()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_text("Copied.")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == url
    feed = requests.get(url, timeout=10).text
    assert ("File taxes" in feed, "Buy milk" in feed) == (True, False)
    page.reload()
    expect(page.get_by_role("listitem")).to_contain_text(f"Home last read on {due}")
    page.get_by_role("button", name="Revoke Home").click()
    expect(page.get_by_role("button", name="Revoke Home")).not_to_be_visible()
    assert requests.get(url, timeout=10).status_code == 404


def test_the_page_keeps_only_the_cookie(tasks_page: Page, ada: Account) -> None:
    page = tasks_page
    stored = page.evaluate("JSON.stringify(localStorage)")
    assert "token" not in stored
    # An access token that has expired is replaced.
    statuses = iter([401])
    page.route(
        re.compile(r".*/tasks$"),
        lambda route: route.fulfill(status=status) if (status := next(statuses, None)) else route.continue_(),
    )
    with page.expect_response(re.compile(r".*/refresh$")):
        add(page, "File taxes")
    expect_saved(page)
    assert ada.titles() == ["File taxes"]


def test_two_tabs_show_the_same(tasks_page: Page, site: Site) -> None:
    other = tasks_page.context.new_page()
    other.goto(site.url)
    expect(other.get_by_text("No tasks here.")).to_be_visible()
    other.route(f"{site.service}/**", lambda route: route.abort())  # the task comes from the other tab
    add(tasks_page, "File taxes")
    expect(row(other, "File taxes")).to_be_visible()


@pytest.mark.parametrize("look", [LIGHT_DESKTOP, DARK_PHONE], ids=["light desktop", "dark phone"])
def test_every_view_is_accessible(chromium: Browser, site: Site, ada: Account, look: dict[str, Any]) -> None:
    name = look["color_scheme"]
    with new_context(chromium, **look) as context:
        page = context.new_page()
        page.goto(site.url)
        page.get_by_role("button", name="Create an account").click()
        check_view(page, f"{name}-sign-up")
        page.get_by_role("button", name="Sign in").click()
        show_tasks(page, ada)
        check_view(page, f"{name}-tasks")
        edit(page, "File taxes", Title="File taxes late", Description="Form 1040")
        repeat(page, "By a rule", "FREQ=YEARLY")
        check_view(page, f"{name}-form")
        ada.request("PATCH", f"/{ada.request('GET')[0]['id']}", title="File taxes early")
        repeat(page, "Never")
        save(page)
        expect(page.get_by_role("alert")).to_be_visible()
        check_view(page, f"{name}-conflict")
        page.get_by_role("button", name="Discard my change").click()
        page.get_by_role("button", name="Delete Buy milk").click()
        expect(page.get_by_role("button", name="Undo")).to_be_visible()
        expect_saved(page)
        page.get_by_role("link", name="Trash").click()
        expect(page.get_by_role("button", name="Restore Buy milk")).to_be_visible()
        check_view(page, f"{name}-trash")
        page.get_by_role("link", name="API keys").click()
        page.get_by_label("Name").fill("Backup")
        page.get_by_role("button", name="Create key").click()
        expect(page.get_by_role("button", name="Delete Backup")).to_be_visible()
        check_view(page, f"{name}-keys")
        page.get_by_role("link", name="Calendars").click()
        page.get_by_label("Name").fill("Home")
        page.get_by_role("button", name="Subscribe").click()
        expect(page.get_by_role("button", name="Revoke Home")).to_be_visible()
        check_view(page, f"{name}-calendars")


def test_the_documented_commands_serve_the_front_end(site: Site, ada: Account, chromium: Browser) -> None:
    start_service, folder, install, run = COMMANDS
    assert start_service == "python3 dev.py run"  # tests/devtools starts the service so
    assert (folder, install) == ("cd examples/web", "npm ci")  # as node_with_packages does
    with serving(site.development_url, f"{run} --", site.service), new_context(chromium) as context:
        page = context.new_page()
        page.goto(site.development_url)
        sign_in(page, ada)
        add(page, "File taxes")
        expect_saved(page)
    assert ada.titles() == ["File taxes"]


def test_the_documented_code_is_in_the_front_end() -> None:
    blocks = re.findall(r"```ts\n// (.*?)\n(.*?)```", SECTION, re.DOTALL)
    assert len(blocks) == SECTION.count("```ts") > 0
    for path, code in blocks:
        assert code in (FOLDER / path).read_text(), path
