"""One service for all attacks, set up as for production."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.auth.tokens.test_external_issuer import ED, jwk
from tests.auth.tokens.test_external_issuer import serving as serving_keys
from tests.security.attacked import AUDIENCE, ISSUER, PUBLIC, UNLIMITED, Attacked
from tests.support.databases import new_database
from tests.support.processes import serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.security.attacked import Person

UNDER_ATTACK = pytest.StashKey[Attacked]()


@pytest.fixture(scope="session")
def attacked(
    server: str, template: str, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Attacked]:
    mails = tmp_path_factory.mktemp("attacked") / "mails"
    with new_database(server, template) as database, serving_keys() as keys:
        keys.publish(jwk(ED, "ed"))
        settings: dict[str, Any] = {
            "ENVIRONMENT": "production",
            "BETTER_AUTH_URL": PUBLIC,
            "JWT_ISSUER": ISSUER,
            "JWT_AUDIENCE": AUDIENCE,
            "JWT_JWKS_URL": keys.url,
            "MAIL_URL": mails.as_uri(),
            **UNLIMITED,
        }
        with serving(database, **settings) as service:
            under_attack = Attacked(service.url.replace("localhost", "127.0.0.1"), database, keys, mails)
            request.config.stash[UNDER_ATTACK] = under_attack
            yield under_attack


@pytest.fixture
def victim(attacked: Attacked) -> Person:
    return attacked.person()


@pytest.fixture
def attacker(attacked: Attacked) -> Person:
    return attacked.person()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if UNDER_ATTACK not in config.stash:
        return
    reports = terminalreporter.getreports("passed")
    attacks = sum(
        report.when == "call" and "shows" in report.keywords and "tests/security/" in report.nodeid
        for report in reports
    )
    answers = config.stash[UNDER_ATTACK].answers
    faults = sum(number for status, number in answers.items() if status >= 500)
    terminalreporter.write_line(
        f"security: {attacks} attacks withstood, {answers.total()} answers, {faults} of them 5xx"
    )
