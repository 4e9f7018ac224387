"""Refresh tokens: rotation, the grace period and replays (RFC 9700)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.security.forged import LATER, SECRET, decode_claims
from tests.support.accounts import shift_session
from tests.support.credentials import ALL, NONE
from tests.support.databases import execute
from tests.support.raw_jwt import encode_jwt
from tests.support.service_client import count_statuses, in_parallel

if TYPE_CHECKING:
    from tests.security.target import Target, User


def refreshed(target: Target, token: str) -> str:
    response = target.refresh(token)
    assert response.status_code == 200, response.text
    successor: str = response.json()["refresh_token"]
    return successor


def generation(token: str) -> int:
    return int(decode_claims(token)["gen"])


def end_grace_period(user: User) -> None:
    shift_session(user.target.database, user.session, parent_rotated_at="-11 seconds")


@pytest.mark.shows("RFC 9700 2.2.2")
def test_each_refresh_token_returns_the_next(target: Target, victim: User) -> None:
    token = victim.session.refresh
    for expected in range(1, 5):
        token = refreshed(target, token)
        assert generation(token) == expected


@pytest.mark.shows("ASVS 10.4.5", "RFC 9700 4.14.2", "RFC 9700 2.2.2")
@pytest.mark.parametrize("rotations", [2, 3, 6])
def test_10_4_5_a_replay_ends_the_session_with_all_credentials_and_no_other(
    target: Target, victim: User, attacker: User, rotations: int
) -> None:
    other = victim.new_session()
    newest = victim.session.refresh
    for _ in range(rotations):
        newest = refreshed(target, newest)
    end_grace_period(victim)
    assert victim.accepted_credentials() == ALL
    assert target.refresh(victim.session.refresh).status_code == 401
    assert target.refresh(newest).status_code == 401
    assert victim.accepted_credentials() == NONE
    assert (other.accepted_credentials(), attacker.accepted_credentials()) == (ALL, ALL)
    assert target.refresh(other.session.refresh).status_code == 200


@pytest.mark.shows("refresh: lost response")
def test_after_a_lost_response_the_same_successor_is_returned(target: Target, victim: User) -> None:
    first = refreshed(target, victim.session.refresh)
    shift_session(target.database, victim.session, rotated_at="-20 days")
    assert generation(refreshed(target, victim.session.refresh)) == generation(first)
    assert victim.accepted_credentials() == ALL


@pytest.mark.shows("refresh: grace")
def test_an_older_token_is_accepted_during_the_grace_period_only(target: Target, victim: User) -> None:
    newest = refreshed(target, refreshed(target, victim.session.refresh))
    assert generation(refreshed(target, victim.session.refresh)) == generation(newest)
    end_grace_period(victim)
    assert target.refresh(victim.session.refresh).status_code == 401


@pytest.mark.shows("refresh: parallel", "ASVS 15.4.2")
def test_20_concurrent_refreshes_of_one_token_return_one_successor(target: Target, victim: User) -> None:
    responses = in_parallel(20, lambda _: target.refresh(victim.session.refresh))
    assert count_statuses(responses) == {200: 20}
    assert {generation(response.json()["refresh_token"]) for response in responses} == {1}
    query = "SELECT generation FROM sessions WHERE user_id = %s"
    assert execute(target.database, query, victim.id) == [(1,)]


@pytest.mark.shows("ASVS 10.4.8")
def test_10_4_8_a_refresh_token_expires(target: Target, victim: User) -> None:
    claims = decode_claims(victim.session.refresh)
    assert claims["exp"] - claims["iat"] <= 30 * 86_400
    expired = {**claims, "iat": claims["iat"] - 31 * 86_400, "exp": claims["exp"] - 31 * 86_400}
    assert target.refresh(encode_jwt(expired, secret=SECRET)).status_code == 401


@pytest.mark.shows("ASVS 10.4.8")
def test_10_4_8_a_refresh_does_not_extend_the_session(target: Target, victim: User) -> None:
    query = "SELECT ends_at FROM sessions WHERE id = %s"
    before = execute(target.database, query, victim.session.session_id)
    refreshed(target, refreshed(target, victim.session.refresh))
    assert execute(target.database, query, victim.session.session_id) == before


INVALID_TOKENS: list[Any] = ["", "x", "..", "null", "0", "' OR '1'='1", "\0", "x" * 5000, None, 7, True, [], {}, ["x"]]


@pytest.mark.shows("refresh: forged")
@pytest.mark.parametrize("token", INVALID_TOKENS, ids=lambda token: repr(token)[:20])
def test_an_invalid_refresh_token_is_rejected(target: Target, token: Any) -> None:
    assert target.refresh(token).status_code in {400, 401}


@pytest.mark.shows("refresh: forged", "RFC 8725 3.3")
@pytest.mark.parametrize(
    "changes",
    [
        *({"gen": number} for number in (1, -1, 2**63, 10**30, "0", None, True, 0.0)),
        *({"sid": "0" * 32}, {"sub": "nobody"}, {"type": "access"}, {"exp": LATER, "iat": LATER}),
    ],
    ids=str,
)
def test_a_forged_refresh_token_ends_no_session(target: Target, victim: User, changes: dict[str, Any]) -> None:
    forged = encode_jwt(
        {**decode_claims(victim.session.refresh), **changes}, secret="a guess, long enough to be a secret"
    )
    assert target.refresh(forged).status_code == 401
    assert victim.accepted_credentials() == ALL
    assert target.refresh(victim.session.refresh).status_code == 200


@pytest.mark.shows("refresh: forged", "ASVS 1.4.2")
@pytest.mark.parametrize("number", [-(2**63), 2**31 - 1, 2**31, 2**63 - 1, 2**63, 10**30])
def test_an_unknown_generation_is_401_even_with_a_valid_signature(target: Target, victim: User, number: int) -> None:
    signed = encode_jwt({**decode_claims(victim.session.refresh), "gen": number}, secret=SECRET)
    assert target.refresh(signed).status_code == 401


@pytest.mark.shows("refresh: at rest", "ASVS 15.3.1")
def test_the_database_stores_no_credential(target: Target, victim: User) -> None:
    query = "SELECT sessions::text FROM sessions WHERE user_id = %s"
    ((row,),) = execute(target.database, query, victim.id)
    secret = victim.session.opaque.rpartition("_")[2]
    for credential in (
        secret,
        secret.encode().hex(),
        victim.session.access,
        victim.session.refresh,
        victim.session.signed,
    ):
        assert credential not in str(row)
