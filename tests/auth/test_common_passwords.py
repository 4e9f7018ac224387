"""Common passwords, which are rejected if the configuration says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.actors import PASSWORD, Actor
from tests.support.credentials import sign_in
from tests.support.databases import application
from tests.support.problems import status_and_code

if TYPE_CHECKING:
    from flask.testing import FlaskClient


AUTH = "/api/auth"
COMMON = ["password123", "12345678", "qwertyuiop", "iloveyou", "PASSWORD", "trustno1"]
UNCOMMON = [PASSWORD, "tr0mb0ne-giraffe", "\u13e3\u13b3\u13a9\u13a6\u13ec\u13c2\u13af\u13cd", "x9$kQ2!vLp"]


@pytest.fixture
def strict(database: str) -> FlaskClient:
    """Return a client of the application that rejects common passwords, as production does."""
    return application(database, refuse_common_passwords=True).test_client(use_cookies=False)


@pytest.mark.parametrize("password", COMMON)
def test_a_common_password_is_rejected_if_configured(strict: FlaskClient, alice: Actor, password: str) -> None:
    account = {"email": f"c-{alice.email}", "password": password}
    for encoding, status in (("data", 422), ("json", 400)):
        options: dict[str, Any] = {encoding: account}
        response = strict.post(f"{AUTH}/sign-up/email", **options)
        assert status_and_code(response) == (status, "PASSWORD_COMPROMISED")
        assert [error["pointer"] for error in response.get_json()["errors"]] == ["#/password"]
    body = {"currentPassword": PASSWORD, "newPassword": password}
    response = strict.post(f"{AUTH}/change-password", json=body, headers=sign_in(alice).jwt)
    assert status_and_code(response) == (400, "PASSWORD_COMPROMISED")
    response = strict.post(f"{AUTH}/reset-password", json={"newPassword": password, "token": "x"})
    assert status_and_code(response) == (400, "PASSWORD_COMPROMISED")
    assert alice.client.post(f"{AUTH}/sign-up/email", json=account).status_code == 200
    # An account that has a common password can still sign in.
    assert strict.post(f"{AUTH}/sign-in/email", json=account).status_code == 200


@pytest.mark.parametrize("password", UNCOMMON)
def test_an_uncommon_password_is_accepted(strict: FlaskClient, alice: Actor, password: str) -> None:
    account = {"email": f"u-{alice.email}", "password": password}
    assert strict.post(f"{AUTH}/sign-up/email", json=account).status_code == 200
