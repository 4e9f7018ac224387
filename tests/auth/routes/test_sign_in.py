"""Sign-up, sign-in and sign-out, by forms (the seed's dialect) and by JSON (Better Auth's)."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Any

import jwt
import pytest

from tests.support.accounts import SEED_PASSWORD, insert_seed_account, new_email
from tests.support.actors import PASSWORD
from tests.support.databases import CONFIG, execute

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from tests.support.actors import Actor

SIGN_UP = "/api/auth/sign-up/email"
SIGN_IN = "/api/auth/sign-in/email"
REFRESH = "/api/auth/refresh"
TIMESTAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


@pytest.mark.parametrize("encoding", ["data", "json", "multipart"])
def test_sign_up_returns_the_user_and_tokens(client: FlaskClient, encoding: str) -> None:
    email = new_email()
    account = {"email": email, "password": PASSWORD, "name": "Ada"}
    options: dict[str, Any] = {"data": account, "content_type": "multipart/form-data"}
    response = client.post(SIGN_UP, **(options if encoding == "multipart" else {encoding: account}))
    body = response.get_json()
    assert response.status_code == 200
    assert list(body) == ["user", "token", "refresh_token", "token_type", "expires_in", "redirect"]
    user = body["user"]
    assert list(user) == ["id", "email", "name", "emailVerified", "image", "createdAt", "updatedAt"]
    assert uuid.UUID(user["id"]).version == 4
    assert (user["email"], user["name"], user["emailVerified"], user["image"]) == (email, "Ada", False, None)
    assert re.fullmatch(TIMESTAMP, user["createdAt"])
    assert (body["token_type"], body["expires_in"], body["redirect"]) == ("bearer", 3600, False)
    for token, use, seconds in ((body["token"], "access", 3600), (body["refresh_token"], "refresh", 30 * 86_400)):
        claims = jwt.decode(token, CONFIG.better_auth_secret, ["HS256"])
        assert (claims["sub"], claims["email"], claims["type"]) == (user["id"], email, use)
        assert claims["exp"] - claims["iat"] == seconds


@pytest.mark.parametrize("name", [None, ""])
def test_the_default_name_is_the_local_part_of_the_email(client: FlaskClient, name: str | None) -> None:
    email = new_email()
    form = {"email": email, "password": PASSWORD} | ({} if name is None else {"name": name})
    response = client.post(SIGN_UP, data=form)
    assert response.get_json()["user"]["name"] == email.partition("@")[0]


@pytest.mark.parametrize(
    ("email", "normalized"),
    [
        ("  {}@example.com ", "{}@example.com"),
        ("{}@EXAMPLE.com", "{}@example.com"),
        ("{}.ADA@example.com", "{}.ada@example.com"),
        ("{}@b\u00fccher.example", "{}@b\u00fccher.example"),
        ("{}.e\u0301@example.com", "{}.\u00e9@example.com"),
        ("{}.stra\u00dfe@stra\u00dfe.example", "{}.strasse@stra\u00dfe.example"),
        ("{}.\u13a0\u13a1@example.com", "{}.\u13a0\u13a1@example.com"),
        ("{}@home.local", "{}@home.local"),
    ],
)
def test_an_email_is_normalized_and_unique(client: FlaskClient, email: str, normalized: str) -> None:
    unique = uuid.uuid4().hex
    created = client.post(SIGN_UP, data={"email": email.format(unique), "password": PASSWORD})
    assert created.get_json()["user"]["email"] == normalized.format(unique)
    for twin in (email.format(unique), normalized.format(unique)):
        assert client.post(SIGN_UP, data={"email": twin, "password": PASSWORD}).status_code == 400
        assert client.post(SIGN_IN, data={"email": twin, "password": PASSWORD}).status_code == 200


def test_similar_domains_are_different_emails(client: FlaskClient) -> None:
    name = uuid.uuid4().hex
    for domain in ("stra\u00dfe.example", "strasse.example"):
        assert client.post(SIGN_UP, data={"email": f"{name}@{domain}", "password": PASSWORD}).status_code == 200


def test_a_taken_email_is_400_to_a_form_and_422_to_json(alice: Actor) -> None:
    account = {"email": alice.email.upper(), "password": PASSWORD}
    seed, better_auth = alice.client.post(SIGN_UP, data=account), alice.client.post(SIGN_UP, json=account)
    assert (seed.status_code, seed.get_json()["detail"]) == (400, "Email already registered")
    assert better_auth.status_code == better_auth.get_json()["status"] == 422
    assert better_auth.get_json()["code"] == "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL"
    assert better_auth.get_json()["message"] == "User already exists. Use another email."


def test_a_unique_index_rejects_a_second_account(database: str, alice: Actor) -> None:
    with pytest.raises(Exception, match="uq_users_local_email"):
        execute(
            database,
            "INSERT INTO users (id, email, password_hash, name) VALUES ('twin', %s, '', '')",
            alice.email.upper(),
        )


@pytest.mark.parametrize("encoding", ["data", "json"])
@pytest.mark.parametrize("known", [True, False], ids=["with an account", "without an account"])
def test_wrong_credentials_are_401_with_and_without_an_account(alice: Actor, encoding: str, *, known: bool) -> None:
    account = {"email": alice.email if known else new_email(), "password": "not the password"}
    response = alice.client.post(SIGN_IN, **{encoding: account})
    assert (response.status_code, response.get_json()["detail"]) == (401, "Invalid credentials")
    assert response.get_json()["code"] == "INVALID_EMAIL_OR_PASSWORD"
    assert response.headers["WWW-Authenticate"] == "Bearer"


def test_the_token_of_a_sign_in_gives_access_to_tasks(alice: Actor) -> None:
    response = alice.client.post(SIGN_IN, data={"email": alice.email, "password": PASSWORD})
    assert response.get_json()["user"]["id"] == alice.id
    alice.token = response.get_json()["token"]
    assert alice.get("/tasks").status_code == 200


def test_an_account_of_the_seed_can_sign_in(database: str, client: FlaskClient) -> None:
    email = insert_seed_account(database)
    assert client.post(SIGN_IN, data={"email": email, "password": SEED_PASSWORD}).status_code == 200
    assert client.post(SIGN_IN, data={"email": email, "password": "password124"}).status_code == 401


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


def test_a_new_password_has_at_least_eight_code_points(client: FlaskClient) -> None:
    for password, status in (("1234567", 422), ("12345678", 200), ("\U0001f600" * 7, 422), ("\U0001f600" * 128, 200)):
        assert client.post(SIGN_UP, data={"email": new_email(), "password": password}).status_code == status


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


@pytest.mark.parametrize(
    "text",
    ["\uff4b\uff41\uff54\uff45@example.com", "\ufb01ona@example.com", "kate@ex\uff41mple.com", "\u2460@example.com"],
)
@pytest.mark.parametrize("route", [SIGN_UP, SIGN_IN])
def test_an_address_that_looks_like_another_is_rejected(client: FlaskClient, route: str, text: str) -> None:
    account = {"email": text, "password": PASSWORD}
    for response, status in ((client.post(route, data=account), 422), (client.post(route, json=account), 400)):
        assert response.status_code == status
        assert response.get_json()["errors"][0]["pointer"] == "#/email"


def test_a_decomposed_address_is_the_composed_one(client: FlaskClient) -> None:
    name = new_email().partition("@")[0]
    composed, decomposed = (f"{letter}{name}@example.com" for letter in ("\u00e9", "e\u0301"))
    assert client.post(SIGN_UP, data={"email": decomposed, "password": PASSWORD}).status_code == 200
    assert client.post(SIGN_IN, data={"email": composed, "password": PASSWORD}).status_code == 200
    assert client.post(SIGN_UP, data={"email": composed, "password": PASSWORD}).status_code == 400


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


def test_read_only_fields_are_ignored(client: FlaskClient) -> None:
    extra = {"id": "mine", "emailVerified": True, "role": "admin", "createdAt": "2000-01-01T00:00:00.000Z"}
    response = client.post(SIGN_UP, json={"email": new_email(), "password": PASSWORD, **extra})
    user = response.get_json()["user"]
    assert user["id"] != "mine"
    assert user["emailVerified"] is False
    assert not user["createdAt"].startswith("2000")


def test_sign_out_always_succeeds(client: FlaskClient) -> None:
    bodies: list[dict[str, Any]] = [{}, {"json": {}}, {"data": "x"}]
    for options in bodies:
        response = client.post("/api/auth/sign-out", **options)
        assert response.status_code == 200
        assert response.json == {"success": True, "message": "Signed out successfully"}


def test_responses_with_tokens_are_not_stored_by_caches(alice: Actor) -> None:
    response = alice.client.post(SIGN_IN, data={"email": alice.email, "password": PASSWORD})
    assert response.headers["Cache-Control"] == "no-store"
