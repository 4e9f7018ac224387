"""Sessions: made anew, ended by time and by will, on every worker (ASVS V7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.auth.tokens.test_session_tokens import encode
from tests.security.attacked import AUTH, COOKIE, PASSWORD
from tests.security.forged import claims_of
from tests.support.callers import at_once, statuses
from tests.support.credentials import ALL, NONE
from tests.support.databases import CONFIG, execute

if TYPE_CHECKING:
    from tests.security.attacked import Attacked, Person

NEW = "a finer staple of donkeys"
CREDENTIALS = sorted(ALL)


def age(person: Person, **moved: str) -> None:
    """Move times of the person's session by intervals such as '-8 days'."""
    for column, by in moved.items():
        statement = f"UPDATE sessions SET {column} = {column} + %s::interval WHERE id = %s"
        execute(person.attacked.database, statement, by, person.session.session_id)


def damaged(headers: dict[str, str], at: int) -> dict[str, str]:
    """Return the credential with one character of it changed."""
    name = next(iter(headers))
    value = headers[name]
    at = len(value) + at if at < 0 else at
    return {**headers, name: value[:at] + ("A" if value[at] != "A" else "B") + value[at + 1 :]}


@pytest.mark.shows("ASVS 7.2.1", "API2:2023")
@pytest.mark.parametrize("at", [-2, -10, -40, -80])
@pytest.mark.parametrize("credential", CREDENTIALS)
def test_7_2_1_a_credential_with_one_character_changed_opens_nothing(
    attacked: Attacked, victim: Person, credential: str, at: int
) -> None:
    headers = damaged(victim.credentials()[credential], at)
    assert attacked.ask("GET", f"{AUTH}/get-session", headers=headers).json() is None
    assert attacked.ask("GET", f"/api/{victim.id}/tasks", headers=headers).status_code == 401


@pytest.mark.shows("ASVS 7.2.4")
def test_7_2_4_every_sign_in_makes_tokens_of_its_own(victim: Person) -> None:
    sessions = [victim.session, *(victim.signed_in_again().session for _ in range(3))]
    for kind in ("access", "refresh", "signed", "session_id"):
        assert len({getattr(session, kind) for session in sessions}) == len(sessions)


@pytest.mark.shows("ASVS 7.2.4")
def test_7_2_4_a_session_that_is_brought_along_is_not_the_one_that_is_opened(
    attacked: Attacked, victim: Person, attacker: Person
) -> None:
    """Whoever plants a cookie in a visitor's browser shares no session with the visitor."""
    account = {"email": victim.email, "password": PASSWORD}
    answer = attacked.ask("POST", f"{AUTH}/sign-in/email", json=account, headers=attacker.cookie)
    assert answer.status_code == 200
    assert attacker.session.opaque not in answer.headers["set-auth-token"]
    seen = attacked.ask("GET", f"{AUTH}/get-session", headers=attacker.cookie)
    assert seen.json()["user"]["id"] == attacker.id


@pytest.mark.shows("ASVS 7.3.1")
def test_7_3_1_a_session_that_is_not_used_for_a_week_opens_nothing_but_by_refresh(
    attacked: Attacked, victim: Person
) -> None:
    age(victim, expires_at="-7 days", updated_at="-7 days", rotated_at="-7 days")
    assert victim.opens() <= {"jwt"}
    assert attacked.refresh(victim.session.refresh).status_code == 200


@pytest.mark.shows("ASVS 7.3.2")
def test_7_3_2_a_session_ends_after_90_days_however_much_it_is_used(attacked: Attacked, victim: Person) -> None:
    age(victim, ends_at="-89 days")
    assert victim.opens() == ALL
    age(victim, ends_at="-1 day")
    assert victim.opens() == NONE
    assert attacked.refresh(victim.session.refresh).status_code == 401


@pytest.mark.shows("ASVS 7.3.2")
def test_7_3_2_an_access_token_lives_for_an_hour_at_the_most(victim: Person) -> None:
    said = claims_of(victim.session.access)
    assert said["exp"] - said["iat"] <= 3600


@pytest.mark.shows("ASVS 7.3.2")
def test_7_3_2_a_session_that_is_not_to_be_remembered_lasts_a_day(attacked: Attacked, victim: Person) -> None:
    attacked.sign_in(victim.email, PASSWORD, rememberMe=False)
    query = "SELECT max(ends_at - created_at) = '1 day' FROM sessions WHERE user_id = %s AND NOT remembered"
    assert execute(attacked.database, query, victim.id) == [(True,)]


@pytest.mark.shows("ASVS 7.4.1")
@pytest.mark.parametrize("credential", CREDENTIALS)
def test_7_4_1_after_signing_out_no_credential_of_the_session_opens_anything(
    attacked: Attacked, victim: Person, credential: str
) -> None:
    other = victim.signed_in_again()
    answer = attacked.ask("POST", f"{AUTH}/sign-out", headers=victim.credentials()[credential])
    assert answer.status_code == 200
    assert victim.opens() == NONE
    assert attacked.refresh(victim.session.refresh).status_code == 401
    assert other.opens() == ALL


@pytest.mark.shows("ASVS 7.4.1", "ASVS 8.3.2", "races: sign-out")
def test_7_4_1_a_sign_out_is_seen_by_every_worker_with_the_next_request(victim: Person) -> None:
    """30 of 30 new connections refuse."""
    before = at_once(30, lambda _: victim.ask("GET", "/tasks"))
    assert statuses(before) == {200: 30}
    assert victim.auth("POST", "sign-out").status_code == 200
    after = at_once(30, lambda _: victim.ask("GET", "/tasks"))
    assert statuses(after) == {401: 30}


@pytest.mark.shows("ASVS 7.4.2", "PostgreSQL foreign key")
def test_7_4_2_a_deleted_account_opens_nothing_for_reading_or_writing(attacked: Attacked, victim: Person) -> None:
    other = victim.signed_in_again()
    assert victim.auth("POST", "delete-user", json={"password": PASSWORD}).status_code == 200
    for person in (victim, other):
        assert person.opens() == NONE
        assert person.ask("POST", "/tasks", json={"title": "x"}).status_code == 401
        assert person.ask("POST", "/tasks", {"Idempotency-Key": "k"}, json={"title": "x"}).status_code == 401
        assert attacked.refresh(person.session.refresh).status_code == 401
    assert attacked.sign_in(victim.email, PASSWORD).status_code == 401


@pytest.mark.shows("ASVS 7.4.2")
def test_7_4_2_whoever_takes_the_address_of_a_deleted_account_gets_nothing_of_it(
    attacked: Attacked, victim: Person
) -> None:
    victim.auth("POST", "delete-user", json={"password": PASSWORD})
    answer = attacked.sign_up(victim.email, NEW)
    assert answer.json()["user"]["id"] != victim.id
    tasks = attacked.ask("GET", "/api/me/tasks", headers={"Authorization": f"Bearer {answer.json()['token']}"})
    assert tasks.json() == []


@pytest.mark.shows("ASVS 7.4.3", "ASVS 8.3.2")
@pytest.mark.parametrize(
    ("asked", "this", "others"), [(..., ALL, NONE), (None, ALL, NONE), (True, NONE, NONE), (False, ALL, ALL)]
)
def test_7_4_3_a_changed_password_ends_the_other_sessions(
    victim: Person, asked: Any, this: set[str], others: set[str]
) -> None:
    other = victim.signed_in_again()
    body = {"currentPassword": PASSWORD, "newPassword": NEW} | (
        {} if asked in {..., None} else {"revokeOtherSessions": asked}
    )
    assert victim.auth("POST", "change-password", json=body).status_code == 200
    assert victim.opens() == this
    assert other.opens() == others


@pytest.mark.shows("ASVS 7.5.2", "Better Auth sessions")
def test_7_5_2_users_see_their_sessions_and_end_each_of_them(victim: Person) -> None:
    other = victim.signed_in_again()
    listed = victim.auth("GET", "list-sessions").json()
    assert {session["id"] for session in listed} == {victim.session.session_id, other.session.session_id}
    assert victim.auth("POST", "revoke-session", json={"token": other.session.session_id}).status_code == 200
    assert (victim.opens(), other.opens()) == (ALL, NONE)
    assert len(victim.auth("GET", "list-sessions").json()) == 1


@pytest.mark.shows("Better Auth sessions", "ASVS 15.3.1")
def test_7_5_2_what_is_listed_of_a_session_opens_nothing(attacked: Attacked, victim: Person) -> None:
    for session in victim.auth("GET", "list-sessions").json():
        for word in map(str, session.values()):
            for headers in ({"Authorization": f"Bearer {word}"}, {"Cookie": f"{COOKIE}={word}"}):
                # A user agent may hold what no header can.
                if word.isprintable():
                    assert attacked.ask("GET", f"{AUTH}/get-session", headers=headers).json() is None


@pytest.mark.shows("ASVS 7.5.2", "API1:2023")
@pytest.mark.parametrize("handle", ["id", "opaque", "signed"])
def test_7_5_2_nobody_ends_anothers_session(victim: Person, attacker: Person, handle: str) -> None:
    token = {
        "id": victim.session.session_id,
        "opaque": victim.session.opaque,
        "signed": victim.session.signed,
    }[handle]
    attacker.auth("POST", "revoke-session", json={"token": token})
    attacker.auth("POST", "revoke-other-sessions")
    attacker.auth("POST", "revoke-sessions")
    assert (victim.opens(), attacker.opens()) == (ALL, NONE)


@pytest.mark.shows("ASVS 8.3.2")
def test_8_3_2_a_token_of_an_ended_session_is_refused_though_its_time_is_not_over(victim: Person) -> None:
    """Also one that is signed anew: the session is asked for, not the token believed."""
    fresh = encode(claims_of(victim.session.access), secret=CONFIG.better_auth_secret)
    headers = {"Authorization": f"Bearer {fresh}"}
    assert victim.ask("GET", "/tasks", headers).status_code == 200
    victim.auth("POST", "sign-out")
    assert victim.ask("GET", "/tasks", headers).status_code == 401
