"""Refresh tokens: rotated, tolerated while an answer may be lost, the end of the session when replayed (RFC 9700)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.auth.tokens.test_session_tokens import encode
from tests.security.forged import LATER, SECRET, claims_of
from tests.support.callers import at_once, statuses
from tests.support.credentials import ALL, NONE
from tests.support.databases import execute

if TYPE_CHECKING:
    from tests.security.attacked import Attacked, Person


def bought(attacked: Attacked, token: str) -> str:
    answer = attacked.refresh(token)
    assert answer.status_code == 200, answer.text
    text: str = answer.json()["refresh_token"]
    return text


def generation(token: str) -> int:
    return int(claims_of(token)["gen"])


def grace_is_over(person: Person) -> None:
    statement = "UPDATE sessions SET parent_rotated_at = parent_rotated_at - interval '11 seconds' WHERE id = %s"
    execute(person.attacked.database, statement, person.session.session_id)


@pytest.mark.shows("RFC 9700 2.2.2")
def test_each_refresh_token_buys_the_next(attacked: Attacked, victim: Person) -> None:
    token = victim.session.refresh
    for expected in range(1, 5):
        token = bought(attacked, token)
        assert generation(token) == expected


@pytest.mark.shows("ASVS 10.4.5", "RFC 9700 4.14.2", "RFC 9700 2.2.2")
@pytest.mark.parametrize("rotations", [2, 3, 6])
def test_10_4_5_a_replay_ends_the_session_with_all_credentials_and_no_other(
    attacked: Attacked, victim: Person, attacker: Person, rotations: int
) -> None:
    other = victim.signed_in_again()
    newest = victim.session.refresh
    for _ in range(rotations):
        newest = bought(attacked, newest)
    grace_is_over(victim)
    assert victim.opens() == ALL
    assert attacked.refresh(victim.session.refresh).status_code == 401
    assert attacked.refresh(newest).status_code == 401
    assert victim.opens() == NONE
    assert (other.opens(), attacker.opens()) == (ALL, ALL)
    assert attacked.refresh(other.session.refresh).status_code == 200


@pytest.mark.shows("refresh: lost answer")
def test_whoever_lost_the_answer_gets_the_same_successor_again(attacked: Attacked, victim: Person) -> None:
    first = bought(attacked, victim.session.refresh)
    execute(
        attacked.database,
        "UPDATE sessions SET rotated_at = rotated_at - interval '20 days' WHERE id = %s",
        victim.session.session_id,
    )
    assert generation(bought(attacked, victim.session.refresh)) == generation(first)
    assert victim.opens() == ALL


@pytest.mark.shows("refresh: grace")
def test_an_older_token_is_tolerated_for_the_grace_only(attacked: Attacked, victim: Person) -> None:
    newest = bought(attacked, bought(attacked, victim.session.refresh))
    assert generation(bought(attacked, victim.session.refresh)) == generation(newest)
    grace_is_over(victim)
    assert attacked.refresh(victim.session.refresh).status_code == 401


@pytest.mark.shows("refresh: parallel", "ASVS 15.4.2")
def test_20_refreshes_of_one_token_at_once_leave_one_successor(attacked: Attacked, victim: Person) -> None:
    answers = at_once(20, lambda _: attacked.refresh(victim.session.refresh))
    assert statuses(answers) == {200: 20}
    assert {generation(answer.json()["refresh_token"]) for answer in answers} == {1}
    query = "SELECT generation FROM sessions WHERE user_id = %s"
    assert execute(attacked.database, query, victim.id) == [(1,)]


@pytest.mark.shows("ASVS 10.4.8")
def test_10_4_8_no_refresh_token_outlives_its_time(attacked: Attacked, victim: Person) -> None:
    said = claims_of(victim.session.refresh)
    assert said["exp"] - said["iat"] <= 30 * 86_400
    over = {**said, "iat": said["iat"] - 31 * 86_400, "exp": said["exp"] - 31 * 86_400}
    assert attacked.refresh(encode(over, secret=SECRET)).status_code == 401


@pytest.mark.shows("ASVS 10.4.8")
def test_10_4_8_use_does_not_move_the_end_of_a_session(attacked: Attacked, victim: Person) -> None:
    query = "SELECT ends_at FROM sessions WHERE id = %s"
    before = execute(attacked.database, query, victim.session.session_id)
    bought(attacked, bought(attacked, victim.session.refresh))
    assert execute(attacked.database, query, victim.session.session_id) == before


NO_TOKENS: list[Any] = ["", "x", "..", "null", "0", "' OR '1'='1", "\0", "x" * 5000, None, 7, True, [], {}, ["x"]]


@pytest.mark.shows("refresh: forged")
@pytest.mark.parametrize("token", NO_TOKENS, ids=lambda token: repr(token)[:20])
def test_what_is_no_refresh_token_buys_nothing(attacked: Attacked, token: Any) -> None:
    assert attacked.refresh(token).status_code in {400, 401}


@pytest.mark.shows("refresh: forged", "RFC 8725 3.3")
@pytest.mark.parametrize(
    "changes",
    [
        *({"gen": number} for number in (1, -1, 2**63, 10**30, "0", None, True, 0.0)),
        *({"sid": "0" * 32}, {"sub": "nobody"}, {"type": "access"}, {"exp": LATER, "iat": LATER}),
    ],
    ids=str,
)
def test_a_refresh_token_with_other_claims_ends_nobodys_session(
    attacked: Attacked, victim: Person, changes: dict[str, Any]
) -> None:
    forged = encode({**claims_of(victim.session.refresh), **changes}, secret="a guess, long enough to be a secret")
    assert attacked.refresh(forged).status_code == 401
    assert victim.opens() == ALL
    assert attacked.refresh(victim.session.refresh).status_code == 200


@pytest.mark.shows("refresh: forged", "ASVS 1.4.2")
@pytest.mark.parametrize("number", [-(2**63), 2**31 - 1, 2**31, 2**63 - 1, 2**63, 10**30])
def test_a_generation_that_never_was_is_401_even_under_our_secret(
    attacked: Attacked, victim: Person, number: int
) -> None:
    signed = encode({**claims_of(victim.session.refresh), "gen": number}, secret=SECRET)
    assert attacked.refresh(signed).status_code == 401


@pytest.mark.shows("refresh: at rest", "ASVS 15.3.1")
def test_nothing_in_the_database_opens_a_session(attacked: Attacked, victim: Person) -> None:
    query = "SELECT sessions::text FROM sessions WHERE user_id = %s"
    ((row,),) = execute(attacked.database, query, victim.id)
    secret = victim.session.opaque.rpartition("_")[2]
    for word in (secret, secret.encode().hex(), victim.session.access, victim.session.refresh, victim.session.signed):
        assert word not in str(row)
