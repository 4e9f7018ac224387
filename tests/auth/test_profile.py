"""Changes of a user's name and image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.accounts import profile
from tests.support.credentials import ALL, sign_in
from tests.support.problems import status_and_code

if TYPE_CHECKING:
    from tests.support.actors import Actor

AUTH = "/api/auth"
CREDENTIALS = sorted(ALL)


@pytest.mark.parametrize("credential", CREDENTIALS)
@pytest.mark.parametrize(
    ("fields", "changed"),
    [
        ({"name": "Ada"}, {"name": "Ada"}),
        ({"name": ""}, {"name": ""}),
        ({"name": "\u202eAda \U0001f600" * 20}, {"name": "\u202eAda \U0001f600" * 20}),
        ({"image": "https://example.com/a.png"}, {"image": "https://example.com/a.png"}),
        ({"image": None}, {"image": None}),
        ({"name": "Ada", "image": "x", "role": "admin", "emailVerified": True}, {"name": "Ada", "image": "x"}),
    ],
)
def test_a_user_can_change_name_and_image(
    alice: Actor, credential: str, fields: dict[str, Any], changed: dict[str, Any]
) -> None:
    session = sign_in(alice)
    before = profile(alice.client, session)
    headers = session.credentials[credential]
    response = alice.client.post(f"{AUTH}/update-user", json=fields, headers=headers)
    assert (response.status_code, response.json) == (200, {"status": True})
    after = profile(alice.client, session)
    assert after == {**before, **changed, "updatedAt": after["updatedAt"]}
    assert after["updatedAt"] > before["updatedAt"]
    # A cookie or opaque token is sent again.
    assert response.headers.get("set-auth-token") == (None if credential == "jwt" else session.signed)


def test_null_clears_the_image(alice: Actor) -> None:
    session = sign_in(alice)
    for image in ("https://example.com/a.png", None):
        alice.client.post(f"{AUTH}/update-user", json={"image": image}, headers=session.jwt)
        assert profile(alice.client, session)["image"] == image


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "NO_FIELDS_TO_UPDATE"),
        ({"json": {}}, "NO_FIELDS_TO_UPDATE"),
        ({"json": {"role": "admin"}}, "NO_FIELDS_TO_UPDATE"),
        ({"json": {"email": "mallory@example.com"}}, "EMAIL_CAN_NOT_BE_UPDATED"),
        ({"json": {"email": None, "name": "x"}}, "EMAIL_CAN_NOT_BE_UPDATED"),
        ({"json": {"name": None}}, "VALIDATION_ERROR"),
        ({"json": {"name": 7}}, "VALIDATION_ERROR"),
        ({"json": {"name": "x" * 256}}, "VALIDATION_ERROR"),
        ({"json": {"name": "a\0b"}}, "VALIDATION_ERROR"),
        ({"json": {"image": "x" * 2049}}, "VALIDATION_ERROR"),
    ],
)
def test_a_rejected_update_changes_nothing(alice: Actor, options: Any, expected: str) -> None:
    session = sign_in(alice)
    before = profile(alice.client, session)
    assert status_and_code(alice.client.post(f"{AUTH}/update-user", headers=session.jwt, **options)) == (400, expected)
    assert profile(alice.client, session) == before
