"""The fields of sign-up, sign-in and refresh, in forms (the seed's dialect) and in JSON (Better Auth's)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.accounts import new_email
from tests.support.actors import PASSWORD

if TYPE_CHECKING:
    from flask.testing import FlaskClient


SIGN_UP = "/api/auth/sign-up/email"
SIGN_IN = "/api/auth/sign-in/email"
REFRESH = "/api/auth/refresh"


@pytest.mark.parametrize(
    ("route", "change", "pointer", "code"),
    [
        (SIGN_UP, {"email": None}, "#/email", "VALIDATION_ERROR"),
        (SIGN_UP, {"password": None}, "#/password", "VALIDATION_ERROR"),
        (SIGN_UP, {"password": ""}, "#/password", "VALIDATION_ERROR"),
        (SIGN_UP, {"email": "not an address"}, "#/email", "VALIDATION_ERROR"),
        (SIGN_UP, {"email": "a@b"}, "#/email", "VALIDATION_ERROR"),
        (SIGN_UP, {"email": "a\0b@example.com"}, "#/email", "VALIDATION_ERROR"),
        (
            SIGN_UP,
            {"email": f"{'a' * 64}@{'b' * 60}.{'c' * 60}.{'d' * 60}.{'e' * 60}.com"},
            "#/email",
            "VALIDATION_ERROR",
        ),
        (SIGN_UP, {"email": "\u0390" * 63 + "@" + ".".join(["x" * 60] * 3)}, "#/email", "VALIDATION_ERROR"),
        (SIGN_UP, {"password": "1234567"}, "#/password", "PASSWORD_TOO_SHORT"),
        (SIGN_UP, {"password": "x" * 129}, "#/password", "PASSWORD_TOO_LONG"),
        (SIGN_UP, {"password": "password\0with nul"}, "#/password", "VALIDATION_ERROR"),
        (SIGN_UP, {"image": "x" * 2049}, "#/image", "VALIDATION_ERROR"),
        (SIGN_IN, {"email": None}, "#/email", "VALIDATION_ERROR"),
        (SIGN_IN, {"password": None}, "#/password", "VALIDATION_ERROR"),
        (SIGN_IN, {"email": "not an address"}, "#/email", "INVALID_EMAIL"),
        (SIGN_IN, {"email": "a\0b@example.com"}, "#/email", "VALIDATION_ERROR"),
        (SIGN_IN, {"password": "x" * 129}, "#/password", "PASSWORD_TOO_LONG"),
    ],
)
def test_an_invalid_field_is_422_to_a_form_and_400_to_json(
    client: FlaskClient, route: str, change: dict[str, Any], pointer: str, code: str
) -> None:
    account = {"email": new_email(), "password": PASSWORD, **change}
    account = {name: value for name, value in account.items() if value is not None}
    seed, better_auth = client.post(route, data=account), client.post(route, json=account)
    for response, status in ((seed, 422), (better_auth, 400)):
        body = response.get_json()
        assert (response.status_code, body["status"], body["code"]) == (status, status, code)
        assert {error["pointer"] for error in body["errors"]} == {pointer}


@pytest.mark.parametrize("value", [7, True, None, [], {}, ["a@example.com"]])
def test_mistyped_json_fields_have_errors(client: FlaskClient, value: object) -> None:
    response = client.post(SIGN_UP, json={"email": value, "password": value, "name": value})
    assert response.status_code == 400
    assert [error["pointer"] for error in response.get_json()["errors"]] == ["#/email", "#/password", "#/name"]


UNDECODABLE = "Must not contain NUL (U+0000) or lone surrogates."


@pytest.mark.parametrize(
    ("body", "pointer", "detail"),
    [
        (b"email=a@example.com&email=b@example.com&password=correct+horse", "#/email", "Given more than once."),
        (b"email=a@example.com&password=correct%FFhorse", "#/password", UNDECODABLE),
        (b"email=a@example.com&password=correct\xffhorse", "#/password", UNDECODABLE),
    ],
)
def test_repeated_and_undecodable_form_fields_are_rejected(
    client: FlaskClient, body: bytes, pointer: str, detail: str
) -> None:
    response = client.post(SIGN_UP, data=body, content_type="application/x-www-form-urlencoded")
    assert response.status_code == 422
    assert response.get_json()["errors"] == [{"pointer": pointer, "detail": detail}]


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "multipart/form-data"])
@pytest.mark.parametrize(
    ("route", "field"),
    [(SIGN_UP, "email"), (SIGN_UP, "password"), (SIGN_IN, "email"), (SIGN_IN, "password"), (REFRESH, "refresh_token")],
)
def test_an_empty_form_field_is_a_missing_one(client: FlaskClient, content_type: str, route: str, field: str) -> None:
    form = {"email": new_email(), "password": PASSWORD, "refresh_token": "x", field: ""}
    response = client.post(route, data=form, content_type=content_type)
    assert response.status_code == 422
    assert response.get_json()["errors"] == [{"pointer": f"#/{field}", "detail": "Missing data for required field."}]


def test_an_empty_optional_form_field_is_absent(client: FlaskClient) -> None:
    email = new_email()
    response = client.post(SIGN_UP, data={"email": email, "password": PASSWORD, "name": "", "callbackURL": ""})
    assert response.status_code == 200
    assert response.get_json()["user"]["name"] == email.partition("@")[0]


def test_unknown_form_fields_are_ignored(client: FlaskClient) -> None:
    form = {"email": new_email(), "password": PASSWORD, "role": ["admin", "owner"]}
    assert client.post(SIGN_UP, data=form).status_code == 200


def test_repeated_and_undecodable_multipart_fields_are_rejected(client: FlaskClient) -> None:
    part = b'--x\r\nContent-Disposition: form-data; name="password"\r\n\r\n%b\r\n'
    for parts, detail in (
        (part % b"correct\xffhorse", "Not valid UTF-8, or holds U+FFFD, which stands for what is not."),
        (part % b"1" + part % b"2", "Given more than once."),
    ):
        response = client.post(SIGN_UP, data=parts + b"--x--\r\n", content_type="multipart/form-data; boundary=x")
        assert response.status_code == 422
        assert {"pointer": "#/password", "detail": detail} in response.get_json()["errors"]


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"&".join(b"f%d=" % number for number in range(101)), "application/x-www-form-urlencoded", 413),
        (b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n" * 101, "multipart/form-data; boundary=x", 413),
        (b"nonsense", "multipart/form-data; boundary=x", 400),
        (b"nonsense", "multipart/form-data", 400),
    ],
    ids=range(4),
)
def test_a_malformed_or_too_large_form_is_rejected(
    client: FlaskClient, body: bytes, content_type: str, status: int
) -> None:
    assert client.post(SIGN_UP, data=body, content_type=content_type).status_code == status


def test_a_compressed_form_is_415(client: FlaskClient) -> None:
    response = client.post(SIGN_UP, data={"email": "a@example.com"}, headers={"Content-Encoding": "gzip"})
    assert response.status_code == 415


def test_an_empty_body_lacks_the_required_fields(client: FlaskClient) -> None:
    response = client.post(SIGN_UP)
    assert response.status_code == 400
    assert [error["pointer"] for error in response.get_json()["errors"]] == ["#/email", "#/password"]
