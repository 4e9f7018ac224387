"""Sessions: creation, expiry and revocation (ASVS V7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.security.forged import decode_claims
from tests.security.target import AUTH, COOKIE, PASSWORD
from tests.support.accounts import shift_session
from tests.support.credentials import ALL, NONE
from tests.support.databases import CONFIG, execute
from tests.support.raw_jwt import encode_jwt
from tests.support.service_client import count_statuses, in_parallel

if TYPE_CHECKING:
    from tests.security.target import Target, User

NEW = "a finer staple of donkeys"
CREDENTIALS = sorted(ALL)


def with_changed_character(headers: dict[str, str], position: int) -> dict[str, str]:
    """Return the headers of a credential with one character changed; the position counts from the end."""
    name = next(iter(headers))
    characters = list(headers[name])
    characters[position] = "A" if characters[position] != "A" else "B"
    return {**headers, name: "".join(characters)}


@pytest.mark.shows("ASVS 7.2.1", "API2:2023")
@pytest.mark.parametrize("position", [-2, -10, -40, -80])
@pytest.mark.parametrize("credential", CREDENTIALS)
def test_7_2_1_a_credential_with_one_character_changed_is_rejected(
    target: Target, victim: User, credential: str, position: int
) -> None:
    headers = with_changed_character(victim.credentials()[credential], position)
    assert target.request("GET", f"{AUTH}/get-session", headers=headers).json() is None
    assert target.request("GET", f"/api/{victim.id}/tasks", headers=headers).status_code == 401


@pytest.mark.shows("ASVS 7.2.4")
def test_7_2_4_every_sign_in_creates_new_tokens(victim: User) -> None:
    sessions = [victim.session, *(victim.new_session().session for _ in range(3))]
    for kind in ("access", "refresh", "signed", "session_id"):
        assert len({getattr(session, kind) for session in sessions}) == len(sessions)


@pytest.mark.shows("ASVS 7.2.4")
def test_7_2_4_a_sign_in_ignores_the_session_of_the_request(target: Target, victim: User, attacker: User) -> None:
    """Session fixation: the attacker has set the cookie of the attacker's session in the victim's browser."""
    account = {"email": victim.email, "password": PASSWORD}
    response = target.request("POST", f"{AUTH}/sign-in/email", json=account, headers=attacker.cookie)
    assert response.status_code == 200
    assert attacker.session.opaque not in response.headers["set-auth-token"]
    session = target.request("GET", f"{AUTH}/get-session", headers=attacker.cookie)
    assert session.json()["user"]["id"] == attacker.id


@pytest.mark.shows("ASVS 7.3.1")
def test_7_3_1_after_a_week_without_use_a_session_needs_a_refresh(target: Target, victim: User) -> None:
    shift_session(target.database, victim.session, expires_at="-7 days", updated_at="-7 days", rotated_at="-7 days")
    assert victim.accepted_credentials() <= {"jwt"}
    assert target.refresh(victim.session.refresh).status_code == 200


@pytest.mark.shows("ASVS 7.3.2")
def test_7_3_2_a_session_ends_after_90_days_also_if_it_is_used(target: Target, victim: User) -> None:
    shift_session(target.database, victim.session, ends_at="-89 days")
    assert victim.accepted_credentials() == ALL
    shift_session(target.database, victim.session, ends_at="-1 day")
    assert victim.accepted_credentials() == NONE
    assert target.refresh(victim.session.refresh).status_code == 401


@pytest.mark.shows("ASVS 7.3.2")
def test_7_3_2_an_access_token_is_valid_for_at_most_an_hour(victim: User) -> None:
    claims = decode_claims(victim.session.access)
    assert claims["exp"] - claims["iat"] <= 3600


@pytest.mark.shows("ASVS 7.3.2")
def test_7_3_2_a_session_without_remember_me_lasts_a_day(target: Target, victim: User) -> None:
    target.sign_in(victim.email, PASSWORD, rememberMe=False)
    query = "SELECT max(ends_at - created_at) = '1 day' FROM sessions WHERE user_id = %s AND NOT remembered"
    assert execute(target.database, query, victim.id) == [(True,)]


@pytest.mark.shows("ASVS 7.4.1")
@pytest.mark.parametrize("credential", CREDENTIALS)
def test_7_4_1_a_sign_out_revokes_all_credentials_of_the_session(target: Target, victim: User, credential: str) -> None:
    other = victim.new_session()
    response = target.request("POST", f"{AUTH}/sign-out", headers=victim.credentials()[credential])
    assert response.status_code == 200
    assert victim.accepted_credentials() == NONE
    assert target.refresh(victim.session.refresh).status_code == 401
    assert other.accepted_credentials() == ALL


@pytest.mark.shows("ASVS 7.4.1", "ASVS 8.3.2", "races: sign-out")
def test_7_4_1_a_sign_out_takes_effect_in_every_worker_with_the_next_request(victim: User) -> None:
    before = in_parallel(30, lambda _: victim.request("GET", "/tasks"))
    assert count_statuses(before) == {200: 30}
    assert victim.request_auth("POST", "sign-out").status_code == 200
    after = in_parallel(30, lambda _: victim.request("GET", "/tasks"))
    assert count_statuses(after) == {401: 30}


@pytest.mark.shows("ASVS 7.4.2", "PostgreSQL foreign key")
def test_7_4_2_credentials_of_a_deleted_account_are_rejected(target: Target, victim: User) -> None:
    other = victim.new_session()
    assert victim.request_auth("POST", "delete-user", json={"password": PASSWORD}).status_code == 200
    for user in (victim, other):
        assert user.accepted_credentials() == NONE
        assert user.request("POST", "/tasks", json={"title": "x"}).status_code == 401
        assert user.request("POST", "/tasks", {"Idempotency-Key": "k"}, json={"title": "x"}).status_code == 401
        assert target.refresh(user.session.refresh).status_code == 401
    assert target.sign_in(victim.email, PASSWORD).status_code == 401


@pytest.mark.shows("ASVS 7.4.2")
def test_7_4_2_a_new_account_with_the_email_of_a_deleted_one_is_empty(target: Target, victim: User) -> None:
    victim.request_auth("POST", "delete-user", json={"password": PASSWORD})
    response = target.sign_up(victim.email, NEW)
    assert response.json()["user"]["id"] != victim.id
    tasks = target.request("GET", "/api/me/tasks", headers={"Authorization": f"Bearer {response.json()['token']}"})
    assert tasks.json() == []


@pytest.mark.shows("ASVS 7.4.3", "ASVS 8.3.2")
@pytest.mark.parametrize(
    ("revoke", "own", "others"), [(..., ALL, NONE), (None, ALL, NONE), (True, NONE, NONE), (False, ALL, ALL)]
)
def test_7_4_3_a_changed_password_ends_the_other_sessions(
    victim: User, revoke: Any, own: set[str], others: set[str]
) -> None:
    other = victim.new_session()
    body = {"currentPassword": PASSWORD, "newPassword": NEW} | (
        {} if revoke in {..., None} else {"revokeOtherSessions": revoke}
    )
    assert victim.request_auth("POST", "change-password", json=body).status_code == 200
    assert victim.accepted_credentials() == own
    assert other.accepted_credentials() == others


@pytest.mark.shows("ASVS 7.5.2", "Better Auth sessions")
def test_7_5_2_users_list_and_revoke_their_sessions(victim: User) -> None:
    other = victim.new_session()
    sessions = victim.request_auth("GET", "list-sessions").json()
    assert {session["id"] for session in sessions} == {victim.session.session_id, other.session.session_id}
    assert victim.request_auth("POST", "revoke-session", json={"token": other.session.session_id}).status_code == 200
    assert (victim.accepted_credentials(), other.accepted_credentials()) == (ALL, NONE)
    assert len(victim.request_auth("GET", "list-sessions").json()) == 1


@pytest.mark.shows("Better Auth sessions", "ASVS 15.3.1")
def test_7_5_2_a_listed_session_contains_no_credential(target: Target, victim: User) -> None:
    for session in victim.request_auth("GET", "list-sessions").json():
        for value in map(str, session.values()):
            for headers in ({"Authorization": f"Bearer {value}"}, {"Cookie": f"{COOKIE}={value}"}):
                # A header cannot contain every user agent.
                if value.isprintable():
                    assert target.request("GET", f"{AUTH}/get-session", headers=headers).json() is None


@pytest.mark.shows("ASVS 7.5.2", "API1:2023")
@pytest.mark.parametrize("handle", ["id", "opaque", "signed"])
def test_7_5_2_a_user_cannot_end_another_users_session(victim: User, attacker: User, handle: str) -> None:
    token = {
        "id": victim.session.session_id,
        "opaque": victim.session.opaque,
        "signed": victim.session.signed,
    }[handle]
    attacker.request_auth("POST", "revoke-session", json={"token": token})
    attacker.request_auth("POST", "revoke-other-sessions")
    attacker.request_auth("POST", "revoke-sessions")
    assert (victim.accepted_credentials(), attacker.accepted_credentials()) == (ALL, NONE)


@pytest.mark.shows("ASVS 8.3.2")
def test_8_3_2_an_unexpired_token_of_an_ended_session_is_rejected(victim: User) -> None:
    """The session is checked in the database, also for a newly signed token."""
    token = encode_jwt(decode_claims(victim.session.access), secret=CONFIG.better_auth_secret)
    headers = {"Authorization": f"Bearer {token}"}
    assert victim.request("GET", "/tasks", headers).status_code == 200
    victim.request_auth("POST", "sign-out")
    assert victim.request("GET", "/tasks", headers).status_code == 401
