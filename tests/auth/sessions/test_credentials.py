"""The three credentials of a session: the access JWT, the opaque token and the cookie."""

from __future__ import annotations

from dataclasses import replace

from tests.support.actors import PASSWORD, Actor
from tests.support.credentials import ALL, SignIn, bearer, sign_in
from tests.support.databases import CONFIG, application, execute

SIGN_IN = "/api/auth/sign-in/email"
GET_SESSION = "/api/auth/get-session"


def test_a_sign_in_gives_three_credentials_of_one_session(alice: Actor) -> None:
    session = sign_in(alice)
    assert session.accepted_credentials(alice.client) == ALL
    for headers in session.credentials.values():
        body = alice.client.get(GET_SESSION, headers=headers).get_json()
        assert (body["user"]["id"], body["session"]["id"]) == (alice.id, session.session_id)


def test_credentials_of_the_previous_secret_are_valid(database: str, alice: Actor) -> None:
    session = sign_in(alice)
    new, old = "x" * 40, CONFIG.better_auth_secret
    rotated = application(database, better_auth_secret=new, better_auth_secret_previous=old)
    assert session.accepted_credentials(rotated.test_client(use_cookies=False)) == ALL
    without_old = application(database, better_auth_secret=new)
    # The unsigned opaque token depends on no secret: the database has its hash.
    assert session.accepted_credentials(without_old.test_client(use_cookies=False)) == {"opaque"}


def test_a_refresh_token_is_no_credential(alice: Actor) -> None:
    session = replace(sign_in(alice), access=alice.refresh_token)
    assert session.accepted_credentials(alice.client) == {"opaque", "cookie"}
    for path in ("list-sessions", "token"):
        response = alice.client.get(f"/api/auth/{path}", headers=bearer(alice.refresh_token))
        assert (response.status_code, response.get_json()["detail"]) == (401, "Unauthorized")


def test_an_expired_access_token_is_rejected(database: str, alice: Actor) -> None:
    client = application(database, access_token_ttl=-CONFIG.access_token_ttl).test_client(use_cookies=False)
    response = client.post(SIGN_IN, json={"email": alice.email, "password": PASSWORD})
    session = SignIn.from_response(response.get_json(), response.headers)
    assert session.accepted_credentials(client) == {"opaque", "cookie"}
    assert client.get(f"/api/{alice.id}/tasks", headers=session.jwt).get_json()["code"] == "TOKEN_EXPIRED"


def test_no_credential_is_stored(database: str, alice: Actor) -> None:
    session = sign_in(alice)
    rows = execute(database, "SELECT s::text FROM sessions s WHERE user_id = %s", alice.id)
    stored = "".join(str(row) for row in rows)
    for secret in (session.opaque.split("_")[2], session.access, session.refresh, session.signed):
        assert secret not in stored


def test_another_scheme_is_rejected_on_the_auth_routes(alice: Actor) -> None:
    headers = {"Authorization": f"Basic {sign_in(alice).opaque}"}
    assert alice.client.get(GET_SESSION, headers=headers).json is None
    response = alice.client.get("/api/auth/list-sessions", headers=headers)
    assert (response.status_code, response.get_json()["code"]) == (401, "UNAUTHORIZED")
    assert response.headers["WWW-Authenticate"] == "Bearer"
