"""Forged tokens: none of them opens anything (ASVS V9, RFC 8725, RFC 7515)."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.auth.tokens.test_external_issuer import ED, serving, token
from tests.auth.tokens.test_session_tokens import encode
from tests.security.attacked import AUDIENCE, AUTH, COOKIE, ISSUER
from tests.security.forged import (
    ALGORITHMS,
    CLAIMS,
    FORGED,
    ISSUERS,
    OTHER_KEYS,
    SPELLINGS,
    UNSIGNED,
    claims_of,
    issuers,
)
from tests.support.credentials import NONE, bearer
from tests.support.processes import ROOT, environment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.auth.tokens.test_external_issuer import Site
    from tests.security.attacked import Attacked, Person


A_REAL_ONE = "the issuer's, for a local user"


@pytest.fixture(scope="module")
def target(attacked: Attacked) -> Person:
    return attacked.person()


@pytest.fixture(scope="module")
def bait() -> Iterator[Site]:
    """Yield a server that offers whatever key a token names."""
    with serving() as site:
        yield site
        assert site.asked == []


def opens(attacked: Attacked, victim: Person, text: str) -> set[str]:
    """Return which doors a token opens."""
    doors = set()
    # Bytes, since a client library would refuse some of them itself.
    headers = {"Authorization": b"Bearer " + text.encode("latin-1")}
    for path in (f"/api/{victim.id}/tasks", "/api/me/tasks", "/api/me/export"):
        answer = attacked.ask("GET", path, headers=headers)
        assert answer.status_code in {200, 401, 403}, answer.text
        doors |= {path} if answer.status_code == 200 else set()
    written = attacked.ask("POST", f"/api/{victim.id}/tasks", headers=headers, json={"title": "x"})
    assert written.status_code in {201, 401, 403}
    doors |= {"POST"} if written.ok else set()
    for sent in (headers, {"Cookie": f"{COOKIE}=".encode() + text.encode("latin-1")}):
        doors |= {"session"} if attacked.ask("GET", f"{AUTH}/get-session", headers=sent).json() else set()
    doors |= {"refresh"} if attacked.refresh(text).ok else set()
    return doors


def stays_shut(attacked: Attacked, victim: Person, kind: str, name: str, port: str = "9") -> None:
    real = victim.session.access
    text = FORGED[f"{kind}: {name}"](real, claims_of(real)).replace("{port}", port)
    assert opens(attacked, victim, text) == NONE
    assert victim.is_untouched()


@pytest.mark.shows("ASVS 9.1.1", "ASVS 16.5.3", "RFC 8725 3.3", "API2:2023")
@pytest.mark.parametrize("name", UNSIGNED)
def test_9_1_1_a_token_without_its_signature_opens_nothing(attacked: Attacked, target: Person, name: str) -> None:
    stays_shut(attacked, target, "unsigned", name)


@pytest.mark.shows("ASVS 9.1.2", "RFC 8725 3.1", "RFC 7515 4.1.11")
@pytest.mark.parametrize("name", ALGORITHMS)
def test_9_1_2_a_token_does_not_choose_its_algorithm(attacked: Attacked, target: Person, name: str) -> None:
    stays_shut(attacked, target, "algorithm", name)


@pytest.mark.shows("ASVS 9.1.3", "RFC 8725 3.10", "RFC 8725 3.12")
@pytest.mark.parametrize("name", OTHER_KEYS)
def test_9_1_3_a_token_does_not_bring_its_key(attacked: Attacked, target: Person, name: str) -> None:
    stays_shut(attacked, target, "other key", name)


@pytest.mark.shows("RFC 7515 2")
@pytest.mark.parametrize("name", SPELLINGS)
def test_a_token_has_one_spelling(attacked: Attacked, target: Person, name: str) -> None:
    stays_shut(attacked, target, "spelling", name)


@pytest.mark.shows("ASVS 9.2.1", "ASVS 9.2.2", "RFC 8725 3.7", "RFC 8725 3.8", "RFC 8725 3.11")
@pytest.mark.parametrize("name", CLAIMS)
def test_9_2_1_claims_that_are_not_an_access_tokens_open_nothing(attacked: Attacked, target: Person, name: str) -> None:
    """Even under our own secret."""
    stays_shut(attacked, target, "claims", name)


@pytest.mark.shows("ASVS 9.1.2", "ASVS 9.2.3", "ASVS 6.8.1", "RFC 8725 3.8", "RFC 8725 3.9", "RFC 8725 3.12")
@pytest.mark.parametrize("name", ISSUERS)
def test_9_2_3_an_issuers_token_opens_no_local_users_tasks(attacked: Attacked, target: Person, name: str) -> None:
    stays_shut(attacked, target, "issuer", name)


@pytest.mark.shows("ASVS 9.1.2", "ASVS 9.2.1", "ASVS 9.2.3", "RFC 8725 3.8", "RFC 8725 3.9")
@pytest.mark.parametrize("name", sorted(set(ISSUERS) - {A_REAL_ONE}))
def test_9_2_3_what_is_not_the_issuers_or_not_for_us_opens_no_foreign_users_tasks(
    attacked: Attacked, target: Person, name: str
) -> None:
    real = target.session.access
    said = {**claims_of(real), "sub": f"foreign-{target.id}"}
    assert opens(attacked, target, ISSUERS[A_REAL_ONE](real, said)) > NONE
    assert opens(attacked, target, ISSUERS[name](real, said)) == NONE


@pytest.mark.shows("ASVS 9.1.3", "API7:2023", "RFC 8725 3.10")
@pytest.mark.parametrize("header", ["jku", "x5u", "jwk", "iss", "kid"])
def test_9_1_3_no_token_makes_the_service_fetch_a_key(
    attacked: Attacked, target: Person, bait: Site, header: str
) -> None:
    said = claims_of(target.session.access)
    for text in (
        encode(said, {header: bait.url}, secret="x" * 40),
        encode({**said, "iss": bait.url}, {header: bait.url}, secret="x" * 40),
        token({**issuers(said), header: bait.url}, kid="ed", **({} if header == "kid" else {header: bait.url}))[:-4]
        + "AAAA",
    ):
        assert opens(attacked, target, text) == NONE
    assert bait.asked == []


@pytest.mark.shows("API10:2023")
def test_unknown_keys_make_few_fetches_of_the_issuers(attacked: Attacked, target: Person) -> None:
    """At most one by each of two workers in thirty seconds."""
    before = len(attacked.issuer.asked)
    for number in range(40):
        text = token(issuers(claims_of(target.session.access)), kid=f"unknown-{number}")
        assert attacked.ask("GET", "/api/me/tasks", headers=bearer(text)).status_code == 401
    assert len(attacked.issuer.asked) - before <= 4


@pytest.mark.shows("ASVS 9.2.2", "RFC 8725 3.11", "RFC 8725 3.12")
def test_9_2_2_a_token_is_for_one_use(attacked: Attacked, target: Person) -> None:
    assert opens(attacked, target, target.session.refresh) == {"refresh"}
    assert attacked.refresh(target.session.access).status_code == 401
    assert attacked.refresh(target.session.opaque).status_code == 401
    assert attacked.refresh(target.session.signed).status_code == 401


@pytest.mark.shows("ASVS 9.2.4", "RFC 8725 3.12")
def test_9_2_4_a_token_for_other_services_opens_nothing_here(attacked: Attacked, target: Person) -> None:
    text = target.auth("GET", "token").json()["token"]
    assert claims_of(text)["sub"] == target.id
    assert opens(attacked, target, text) == NONE


@pytest.mark.shows("ASVS 6.8.1", "API1:2023")
def test_6_8_1_an_issuers_user_of_ones_email_is_somebody_else(attacked: Attacked, target: Person) -> None:
    said = {**issuers(claims_of(target.session.access)), "sub": f"foreign-{target.id}", "email": target.email}
    headers = bearer(token(said))
    assert attacked.ask("GET", "/api/me/tasks", headers=headers).json() == []
    assert attacked.ask("GET", f"/api/{target.id}/tasks", headers=headers).status_code == 403
    assert attacked.ask("GET", f"{AUTH}/get-session", headers=headers).json() is None
    assert target.is_untouched()


@pytest.mark.shows("RFC 8725 3.5")
@pytest.mark.parametrize("secret", ["", "short", "x" * 31, "your-secret-key-here-generate-with-openssl-rand-hex-32"])
def test_a_weak_secret_stops_the_service_from_starting(attacked: Attacked, secret: str) -> None:
    settings = {"DATABASE_URL": attacked.database, "ENVIRONMENT": "production", "BETTER_AUTH_SECRET": secret}
    command = [sys.executable, "-m", "gunicorn", "--config", "gunicorn.conf.py", "--check-config"]
    ended = subprocess.run(
        command, cwd=ROOT, env=environment(**settings), capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode != 0
    assert "BETTER_AUTH_SECRET" in ended.stderr
    assert len(secret) < 9 or secret not in ended.stderr


@pytest.mark.shows("ASVS 9.1.2", "ASVS 9.2.3")
def test_the_real_tokens_beside_them_are_taken(attacked: Attacked, target: Person) -> None:
    """Else nothing above would have shown anything."""
    said = claims_of(target.session.access)
    assert opens(attacked, attacked.person(), encode(said, secret="x" * 40)) == NONE
    again = encode(said, secret="a secret of the tests, long enough")
    assert attacked.ask("GET", f"/api/{target.id}/tasks", target.id, headers=bearer(again)).status_code == 200
    foreign = token({**issuers(said), "sub": "somebody-else", "iss": ISSUER, "aud": AUDIENCE}, ED)
    assert attacked.ask("GET", "/api/me/tasks", headers=bearer(foreign)).status_code == 200
