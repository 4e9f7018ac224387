"""Between the two steps of a statement, another transaction may insert the same row."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from tests.support.actors import PASSWORD
from tests.support.databases import application, execute
from tests.support.email_directory import differences
from tests.support.locks import locking, wait_for_lock

if TYPE_CHECKING:
    from werkzeug.test import TestResponse

LOCK = "LOCK emails IN SHARE MODE"
"""Statements read the table, and wait before they insert."""


def test_of_two_sign_ups_that_saw_no_account_one_is_rejected(separated: str) -> None:
    app = application(separated)
    body = {"email": "eve@example.com", "password": PASSWORD}

    def sign_up() -> TestResponse:
        return app.test_client(use_cookies=False).post("/api/auth/sign-up/email", data=body)

    with locking(separated, LOCK) as commit, ThreadPoolExecutor(2) as threads:
        responses = [threads.submit(sign_up) for _ in range(2)]
        wait_for_lock(separated, statements=2)
        commit()
    assert sorted(response.result().status_code for response in responses) == [200, 400]
    assert execute(separated, "SELECT count(*) FROM users WHERE email = %s", body["email"]) == [(1,)]
    assert differences(separated) == []
