"""An external issuer whose JWK Set is served for real, and the verifier of its tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.external_issuer import ALGORITHMS, ED, ORIGIN, Clock, jwk, jwks_server
from tests.support.external_users import accepting
from todo_api.auth.tokens.external_issuer import Issuer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask

    from tests.support.external_issuer import JWKSServer


@pytest.fixture
def jwks() -> Iterator[JWKSServer]:
    with jwks_server() as server:
        server.publish(jwk(ED, "ed"))
        yield server


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def issuer(jwks: JWKSServer, clock: Clock) -> Issuer:
    return Issuer(ORIGIN, ORIGIN, jwks.url, ALGORITHMS, clock=clock)


@pytest.fixture(scope="module")
def shared_jwks() -> Iterator[JWKSServer]:
    with jwks_server() as server:
        server.publish(jwk(ED, "ed"))
        yield server


@pytest.fixture(scope="module")
def accepting_app(database: str, shared_jwks: JWKSServer) -> Flask:
    """Return the application that accepts the tokens of the issuer."""
    return accepting(database, shared_jwks.url)
