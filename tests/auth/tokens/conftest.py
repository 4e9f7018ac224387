"""An external issuer whose JWK Set is served for real, and the verifier of its tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.external_issuer import ALGORITHMS, ED, ORIGIN, Clock, jwk, jwks_server
from todo_api.auth.tokens.external_issuer import Issuer

if TYPE_CHECKING:
    from collections.abc import Iterator

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
