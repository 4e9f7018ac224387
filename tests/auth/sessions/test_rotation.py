"""Refresh tokens: exchanged once, accepted again while a response may be lost, and ending the session if reused."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING

import jwt
import requests

from tests.support.accounts import shift_session
from tests.support.credentials import ALL, NONE, sign_in, sign_in_at, sign_up_at
from tests.support.databases import CONFIG, application, execute
from tests.support.refresh_tokens import REFRESH, exchange, successor

if TYPE_CHECKING:
    from tests.support.actors import Actor
    from tests.support.processes import Service


def generation(token: str) -> int:
    claims = jwt.decode(token, CONFIG.better_auth_secret, ["HS256"])
    assert claims["type"] == "refresh"
    return int(claims["gen"])


def test_each_refresh_token_gets_the_next_generation(alice: Actor) -> None:
    token = alice.refresh_token
    for expected in range(1, 6):
        token = successor(alice.client, token)
        assert generation(token) == expected


def test_the_parent_gets_the_same_successor_at_any_time(database: str, alice: Actor) -> None:
    session = sign_in(alice)
    newest = successor(alice.client, session.refresh)
    shift_session(database, session, rotated_at="-30 days")
    for _ in range(3):
        assert generation(successor(alice.client, session.refresh)) == generation(newest) == 1
    assert generation(successor(alice.client, newest)) == 2


def test_the_grandparent_gets_the_newest_within_its_grace(database: str, alice: Actor) -> None:
    session = sign_in(alice)
    newest = successor(alice.client, successor(alice.client, session.refresh))
    assert generation(successor(alice.client, session.refresh)) == generation(newest) == 2
    # The grace counts from the grandparent's own exchange, not from its child's.
    shift_session(database, session, rotated_at="-1 hour")
    assert generation(successor(alice.client, session.refresh)) == 2
    shift_session(database, session, parent_rotated_at="-9 seconds")
    assert generation(successor(alice.client, session.refresh)) == 2
    shift_session(database, session, parent_rotated_at="-1 seconds")
    assert exchange(alice.client, session.refresh) is None


def test_a_repeated_refresh_does_not_extend_the_grace(database: str, alice: Actor) -> None:
    session = sign_in(alice)
    child = successor(alice.client, session.refresh)
    shift_session(database, session, rotated_at="-11 seconds")
    assert generation(successor(alice.client, session.refresh)) == 1
    assert generation(successor(alice.client, child)) == 2
    assert exchange(alice.client, session.refresh) is None


def test_a_reused_refresh_token_ends_its_session_only(database: str, alice: Actor, bob: Actor) -> None:
    session, other, bobs = sign_in(alice), sign_in(alice), sign_in(bob)
    child = successor(alice.client, session.refresh)
    newest = successor(alice.client, child)
    shift_session(database, session, parent_rotated_at="-11 seconds")
    assert session.accepted_credentials(alice.client) == ALL
    response = alice.client.post(REFRESH, json={"refresh_token": session.refresh})
    assert (response.status_code, response.get_json()["detail"]) == (401, "Invalid token")
    assert response.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    assert session.accepted_credentials(alice.client) == NONE
    assert [exchange(alice.client, token) for token in (session.refresh, child, newest)] == [None] * 3
    assert other.accepted_credentials(alice.client) == bobs.accepted_credentials(bob.client) == ALL
    assert generation(successor(alice.client, other.refresh)) == 1


def test_an_older_token_ends_the_session_even_within_the_grace(alice: Actor) -> None:
    session = sign_in(alice)
    token = session.refresh
    for _ in range(3):
        token = successor(alice.client, token)
    assert exchange(alice.client, session.refresh) is None
    assert exchange(alice.client, token) is None
    assert session.accepted_credentials(alice.client) == NONE


def test_without_grace_the_parent_is_accepted_and_the_grandparent_ends_the_session(database: str, alice: Actor) -> None:
    strict = application(database, refresh_token_grace=timedelta(0)).test_client()
    session = sign_in(alice)
    child = successor(strict, session.refresh)
    assert generation(successor(strict, session.refresh)) == 1
    successor(strict, child)
    assert exchange(strict, session.refresh) is None
    assert session.accepted_credentials(alice.client) == NONE


def test_concurrent_refreshes_of_one_token_get_one_successor(service: Service, fresh_database: str) -> None:
    def refresh(token: str) -> requests.Response:
        return requests.post(service.url + REFRESH, data={"refresh_token": token}, timeout=20)

    session = sign_up_at(service.url, "ada@example.com")
    other = sign_in_at(service.url, "ada@example.com")
    token = session.refresh
    with ThreadPoolExecutor(20) as pool:
        for expected in range(1, 6):
            responses = list(pool.map(refresh, [token] * 20))
            assert Counter(response.status_code for response in responses) == {200: 20}
            successors = [response.json()["refresh_token"] for response in responses]
            assert {generation(token) for token in successors} == {expected}
            stored = "SELECT generation FROM sessions WHERE id = %s"
            assert execute(fresh_database, stored, session.session_id) == [(expected,)]
            token = successors[-1]
        shift_session(fresh_database, session, parent_rotated_at="-11 seconds")
        started = time.monotonic()
        # Concurrent reuse is no server error. It also ends the successor, which is used at the same time.
        responses = list(pool.map(refresh, [session.refresh] * 10 + [token] * 10))
    assert time.monotonic() - started < 20
    assert {response.status_code for response in responses} <= {200, 401}
    assert {response.status_code for response in responses[:10]} == {401}
    assert refresh(token).status_code == 401
    assert session.accepted_credentials_at(service.url) == NONE
    assert other.accepted_credentials_at(service.url) == ALL
