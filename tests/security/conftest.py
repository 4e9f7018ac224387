"""The service that all tests here attack, with the settings of production."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.security.target import AUDIENCE, ISSUER, PUBLIC_URL, UNLIMITED, Target
from tests.support.databases import new_database
from tests.support.external_issuer import ED, jwk, jwks_server
from tests.support.processes import running_service
from tests.support.summary import STATUSES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.security.target import User


@pytest.fixture(scope="session")
def target(server: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    mbox = tmp_path_factory.mktemp("target") / "mbox"
    with new_database(server, template) as database, jwks_server() as issuer:
        issuer.publish(jwk(ED, "ed"))
        settings: dict[str, Any] = {
            "ENVIRONMENT": "production",
            "BETTER_AUTH_URL": PUBLIC_URL,
            "JWT_ISSUER": ISSUER,
            "JWT_AUDIENCE": AUDIENCE,
            "JWT_JWKS_URL": issuer.url,
            "MAIL_URL": mbox.as_uri(),
            **UNLIMITED,
        }
        with running_service(database, **settings) as service:
            yield Target(service.url.replace("localhost", "127.0.0.1"), database, issuer, mbox)


@pytest.fixture
def victim(target: Target) -> User:
    return target.create_user()


@pytest.fixture
def attacker(target: Target) -> User:
    return target.create_user()


@pytest.fixture(autouse=True)
def _record_statuses(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> Iterator[None]:
    """Record how many responses of the target had which status, for the summary of the run."""
    target = request.getfixturevalue("target") if "target" in request.fixturenames else None
    yield
    if target:
        record_property(STATUSES, dict(target.statuses))
        target.statuses.clear()
