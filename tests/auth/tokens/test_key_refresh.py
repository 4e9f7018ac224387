"""When the keys of an external issuer are fetched, and what happens while they cannot be."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from devtools.processes import free_port
from tests.support.external_issuer import (
    ED,
    ED_OTHER,
    ORIGIN,
    issuer_claims,
    issuer_token,
    jwk,
    jwks_server,
    rejects,
)
from tests.support.raw_jwt import sign_jwt
from todo_api.auth.tokens.external_issuer import Issuer, IssuerUnavailable

if TYPE_CHECKING:
    from http.server import BaseHTTPRequestHandler

    from tests.support.external_issuer import Clock, JWKSServer


def test_keys_are_fetched_once_and_kept_for_five_minutes(issuer: Issuer, jwks: JWKSServer, clock: Clock) -> None:
    for _ in range(3):
        issuer.verify(issuer_token())
        clock.now += 100
    assert len(jwks.requests) == 1
    clock.now += 1
    issuer.verify(issuer_token())
    assert len(jwks.requests) == 2


def test_a_malformed_token_fetches_no_keys(issuer: Issuer, jwks: JWKSServer) -> None:
    assert rejects(issuer, "junk")
    assert rejects(issuer, sign_jwt({"alg": "none", "kid": "ed"}, issuer_claims(), ED, "EdDSA"))
    assert jwks.requests == []


def test_a_new_key_is_fetched_after_the_fetch_interval(issuer: Issuer, jwks: JWKSServer, clock: Clock) -> None:
    issuer.verify(issuer_token())
    jwks.publish(jwk(ED, "ed"), jwk(ED_OTHER, "new"))
    clock.now += 29
    assert rejects(issuer, issuer_token(key=ED_OTHER, kid="new"))
    clock.now += 1
    assert issuer.verify(issuer_token(key=ED_OTHER, kid="new"))
    assert issuer.verify(issuer_token())
    assert len(jwks.requests) == 2


def test_a_withdrawn_key_stops_working_within_five_minutes(issuer: Issuer, jwks: JWKSServer, clock: Clock) -> None:
    issuer.verify(issuer_token())
    jwks.publish(jwk(ED_OTHER, "new"))
    clock.now += 300
    assert issuer.verify(issuer_token())
    clock.now += 1
    assert rejects(issuer, issuer_token())
    jwks.publish()
    clock.now += 301
    assert rejects(issuer, issuer_token(key=ED_OTHER, kid="new"))


@pytest.mark.shows("API10:2023")
def test_a_flood_of_unknown_kids_causes_one_fetch_in_thirty_seconds(
    issuer: Issuer, jwks: JWKSServer, clock: Clock
) -> None:
    for second in range(90):
        clock.now = 1_000.0 + second
        assert rejects(issuer, issuer_token(kid=f"made up {second}"))
    assert len(jwks.requests) == 3


def send_slowly(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    for _ in range(200):
        handler.wfile.write(b" ")
        time.sleep(0.01)


def send_nothing(_: BaseHTTPRequestHandler) -> None:
    time.sleep(2)


def send_without_end(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b" " * 10_000)


def send_another_protocol(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")


def send_incomplete_body(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"keys":[')


FAULTS: dict[str, dict[str, Any]] = {
    "not found": {"status": 404},
    "server error": {"status": 500},
    "no content": {"status": 204, "body": b""},
    "not JSON": {"body": b"<!doctype html>"},
    "not text": {"body": b"\xff\xfe\xfd"},
    "empty": {"body": b""},
    "an array": {"body": b"[]"},
    "no keys": {"body": b"{}"},
    "keys that are not an array": {"body": b'{"keys":{}}'},
    "deeply nested": {"body": b'{"keys":' + b"[" * 30_000 + b"]" * 30_000 + b"}"},
    "too large": {"body": b'{"keys":[]}' + b" " * 65_536},
    "endless": {"respond": send_without_end},
    "slow": {"respond": send_slowly},
    "silent": {"respond": send_nothing},
    "not HTTP": {"respond": send_another_protocol},
    "incomplete": {"respond": send_incomplete_body},
}


def cause(fault: dict[str, Any], jwks: JWKSServer) -> None:
    for name, value in fault.items():
        setattr(jwks, name, value)


@pytest.mark.timed
@pytest.mark.shows("API10:2023", "ASVS 16.5.3")
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_without_keys_no_token_is_verified(
    jwks: JWKSServer, clock: Clock, fault: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    issuer = Issuer(ORIGIN, ORIGIN, jwks.url, clock=clock, timeout=0.4)
    cause(fault, jwks)
    started = time.monotonic()
    for _ in range(3):
        with pytest.raises(IssuerUnavailable):
            issuer.verify(issuer_token())
    assert len(jwks.requests) == 1
    assert time.monotonic() - started < 1.5
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert jwks.url in caplog.text
    jwks.publish(jwk(ED, "ed"))
    clock.now += 30
    assert issuer.verify(issuer_token())


@pytest.mark.shows("API10:2023")
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_fetched_keys_stay_valid_while_the_issuer_fails(jwks: JWKSServer, clock: Clock, fault: dict[str, Any]) -> None:
    issuer = Issuer(ORIGIN, ORIGIN, jwks.url, clock=clock, timeout=0.4)
    issuer.verify(issuer_token())
    cause(fault, jwks)
    clock.now += 301
    for _ in range(3):
        assert issuer.verify(issuer_token())
        assert rejects(issuer, issuer_token(kid="new"))
    assert len(jwks.requests) == 2
    jwks.publish(jwk(ED_OTHER, "new"))
    clock.now += 30
    assert issuer.verify(issuer_token(key=ED_OTHER, kid="new"))


def test_an_issuer_may_start_late_and_stop_again(clock: Clock) -> None:
    port = free_port()
    issuer = Issuer(ORIGIN, ORIGIN, f"http://127.0.0.1:{port}/jwks", clock=clock)
    with pytest.raises(IssuerUnavailable):
        issuer.verify(issuer_token())
    with jwks_server(port) as jwks:
        jwks.publish(jwk(ED, "ed"))
        clock.now += 30
        assert issuer.verify(issuer_token())
    clock.now += 1_000
    assert issuer.verify(issuer_token())


def test_concurrent_first_tokens_share_one_fetch(issuer: Issuer, jwks: JWKSServer) -> None:
    """All threads wait for the first fetch."""
    release = threading.Event()
    body = jwks.body

    def send_late(handler: BaseHTTPRequestHandler) -> None:
        release.wait(2)
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(body)

    jwks.respond = send_late
    subjects: list[str] = []
    threads = [
        threading.Thread(target=lambda: subjects.append(issuer.verify(issuer_token())["sub"])) for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    time.sleep(0.05)
    assert subjects == []
    release.set()
    for thread in threads:
        thread.join()
    assert (len(subjects), len(jwks.requests)) == (20, 1)


@pytest.mark.timed
def test_a_token_with_a_known_key_waits_for_no_fetch(issuer: Issuer, jwks: JWKSServer, clock: Clock) -> None:
    issuer.verify(issuer_token())
    entered, release = threading.Event(), threading.Event()

    def hang(_: BaseHTTPRequestHandler) -> None:
        entered.set()
        release.wait(2)

    jwks.respond = hang
    clock.now += 301
    thread = threading.Thread(target=issuer.verify, args=[issuer_token()])
    thread.start()
    assert entered.wait(2)
    started = time.monotonic()
    assert issuer.verify(issuer_token())
    assert time.monotonic() - started < 1.5
    assert thread.is_alive()
    release.set()
    thread.join()
