"""The running service behaves as the OpenAPI document says, for generated requests."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import GenerationMode
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    negative_data_rejection,
    positive_data_acceptance,
    unsupported_method,
)

from tests.support.actors import PASSWORD
from tests.support.credentials import COOKIE
from tests.support.databases import CONFIG, new_database
from tests.support.processes import Service, running_service
from todo_api import create_app

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

schema = schemathesis.openapi.from_dict(create_app(CONFIG).test_client().get("/openapi.json").get_json())


@pytest.fixture(scope="session")
def shared_service(server: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    mails = tmp_path_factory.mktemp("mails") / "mails"
    with (
        new_database(server, template) as url,
        running_service(url, MAIL_URL=mails.as_uri(), RATE_LIMIT_USER_SCALE="1000") as service,
    ):
        yield service


@dataclass
class Caller:
    """A user of the running service."""

    url: str
    account: dict[str, str]
    id: str
    headers: dict[str, str]
    cookie: dict[str, str]

    def new_feed(self) -> tuple[int, str]:
        """Create a feed, after deleting the others, and return its id and its token."""
        feeds = f"{self.url}/api/{self.id}/feeds"
        for feed in requests.get(feeds, headers=self.headers, timeout=10).json():
            requests.delete(f"{feeds}/{feed['id']}", headers=self.headers, timeout=10)
        created = requests.post(feeds, headers=self.headers, json={}, timeout=10).json()
        return created["id"], created["url"].rpartition("/")[2].removesuffix(".ics")

    def new_task(self) -> int:
        task = requests.post(f"{self.url}/api/{self.id}/tasks", headers=self.headers, json={"title": "x"}, timeout=10)
        number: int = task.json()["id"]
        return number

    def new_key(self) -> str:
        """Create an API key and return its id. The others are deleted, because their number is limited."""
        url = f"{self.url}/api/auth/api-key"
        for key in requests.get(f"{url}/list", headers=self.headers, timeout=10).json()["apiKeys"]:
            requests.post(f"{url}/delete", headers=self.headers, json={"keyId": key["id"]}, timeout=10)
        created = requests.post(f"{url}/create", headers=self.headers, json={}, timeout=10)
        key_id: str = created.json()["id"]
        return key_id


@pytest.fixture
def caller(shared_service: Service) -> Caller:
    account = {"email": f"{uuid.uuid4().hex}@example.com", "password": PASSWORD}
    response = requests.post(f"{shared_service.url}/api/auth/sign-up/email", data=account, timeout=10)
    body = response.json()
    headers = {"Authorization": f"Bearer {body['token']}"}
    cookie = {"Cookie": f"{COOKIE}={response.cookies[COOKIE]}"}
    return Caller(shared_service.url, account, body["user"]["id"], headers, cookie)


@schema.parametrize()
@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_schemathesis_finds_no_failure(case: schemathesis.Case[Any], caller: Caller) -> None:
    if "user_id" in case.path_parameters and not is_path_invalid(case):
        case.path_parameters["user_id"] = caller.id
    if case.meta and case.meta.generation.mode is GenerationMode.POSITIVE:
        make_successful(case, caller)
    # Without a body, a refresh requires the cookie alone.
    headers = caller.cookie if case.path == "/api/auth/refresh" else caller.headers
    case.call_and_validate(base_url=caller.url, headers=headers, excluded_checks=excluded_checks(case))


def is_path_invalid(case: schemathesis.Case[Any]) -> bool:
    path = case.meta.components.get(ParameterLocation.PATH) if case.meta else None
    return path is not None and path.mode is GenerationMode.NEGATIVE


NOT_ACCEPTED = {("POST", "/api/auth/reset-password"), ("POST", "/api/auth/send-verification-email")}
"""The first one requires the token of a mail, the second one the caller's own address, to which mails are limited."""


def excluded_checks(case: schemathesis.Case[Any]) -> list[Any]:
    """Return the checks that do not apply."""
    if (case.method, case.path) in NOT_ACCEPTED:
        return [unsupported_method, positive_data_acceptance]
    if str(case.query.get("dry_run")).lower() == "true":  # a dry run lists the errors with status 200
        return [negative_data_rejection]
    if case.path == "/api/auth/get-session":  # Allow names POST, which is always refused
        return [unsupported_method, allow_header_conformance]
    return []


VALID_BODIES: dict[str, Callable[[Caller], dict[str, Any]]] = {
    "/api/auth/sign-in/email": lambda caller: caller.account,
    "/api/auth/sign-up/email": lambda _: {"email": f"{uuid.uuid4().hex}@example.com"},
    "/api/auth/change-email": lambda _: {"newEmail": f"{uuid.uuid4().hex}@example.com"},
    "/api/auth/verify-password": lambda _: {"password": PASSWORD},
    "/api/auth/change-password": lambda _: {"currentPassword": PASSWORD, "newPassword": PASSWORD},
    "/api/{user_id}/tasks/batch": lambda _: {"operations": [{"op": "create", "task": {"title": "x"}}]},
    "/api/auth/delete-user": lambda _: {"password": PASSWORD},
    "/api/auth/api-key/update": lambda caller: {"keyId": caller.new_key(), "name": "x"},
    "/api/auth/api-key/delete": lambda caller: {"keyId": caller.new_key()},
}

ISSUED_BY_THE_SERVICE = {"If-Match", "If-None-Match", "Idempotency-Key", "cursor", "sync_token"}
"""Headers and parameters with values from a response, and one that must be unique."""

VALID_PARAMETERS = {"timezone": "Europe/Berlin", "sort": "-due,title"}
"""Values of parameters whose rules the document cannot express."""


VALID_FIELDS = {"timezone": "Europe/Berlin", "recurrence": "FREQ=DAILY", "due": "2026-10-01"}
"""Values of fields whose rules the document cannot express. A recurrence needs a due date."""


def with_valid_fields(value: Any) -> Any:
    """Return the value with valid fields in every task that has such fields."""
    if isinstance(value, list):
        return [with_valid_fields(element) for element in value]
    if not isinstance(value, dict):
        return value
    fields = {name: with_valid_fields(element) for name, element in value.items()}
    fields |= {name: VALID_FIELDS[name] for name in ("timezone", "recurrence") if isinstance(fields.get(name), str)}
    return {**fields, "due": VALID_FIELDS["due"]} if isinstance(fields.get("recurrence"), str) else fields


def make_successful(case: schemathesis.Case[Any], caller: Caller) -> None:
    """Put existing data into a valid request, so that it succeeds: a task, an account, an unused e-mail address."""
    for values in (case.headers, case.query):
        for name in ISSUED_BY_THE_SERVICE & set(values):
            del values[name]
    case.query |= {name: value for name, value in VALID_PARAMETERS.items() if name in case.query}
    if (case.method, case.path) == ("DELETE", "/api/{user_id}/tasks"):
        case.query = {"completed": "true"}
    put_ids(case, caller)
    if case.path == "/api/auth/delete-user" and isinstance(case.body, dict):
        case.body.pop("token", None)
    if case.path in VALID_BODIES and isinstance(case.body, dict):
        case.body.update(VALID_BODIES[case.path](caller))
    if case.path == "/api/auth/api-key/get":
        case.query["id"] = caller.new_key()
    if case.path == "/api/auth/update-user":
        case.body = {"name": "Ada"}
    case.body = with_valid_fields(case.body)
    if case.path == "/api/{user_id}/import":
        case.body = with_64_bit_integers(case.body)


def put_ids(case: schemathesis.Case[Any], caller: Caller) -> None:
    """Put a new task and a new feed into the path."""
    if case.path.startswith(("/api/feeds/", "/api/{user_id}/feeds")):
        feed_id, feed_token = caller.new_feed()
        created = {"feed_id": feed_id, "feed_token": feed_token}
        case.path_parameters |= {name: value for name, value in created.items() if name in case.path_parameters}
    if "task_id" in case.path_parameters:
        case.path_parameters["task_id"] = caller.new_task()


def with_64_bit_integers(value: Any) -> Any:
    """Return the value with 0 for larger integers: ijson's parser rejects them, in ignored fields too."""
    if isinstance(value, dict):
        return {name: with_64_bit_integers(element) for name, element in value.items()}
    if isinstance(value, list):
        return [with_64_bit_integers(element) for element in value]
    return 0 if isinstance(value, int) and abs(value) >= 2**63 else value
