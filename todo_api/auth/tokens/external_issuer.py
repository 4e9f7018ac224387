"""Tokens of one foreign issuer, such as a Better Auth server, verified with the keys that it publishes.

A token names one of those keys and has no other say: its jku, x5u, jwk and x5c are not read (RFC 8725 section 3.10).
"""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from http.client import HTTPException
from threading import Lock
from typing import TYPE_CHECKING, Any

import jwt

from todo_api.auth.tokens.jwks import ALGORITHMS, Keys, fetch, usable_keys
from todo_api.auth.tokens.session_tokens import COMPACT

if TYPE_CHECKING:
    from collections.abc import Callable

CLOCK_LEEWAY = 30
"""Seconds by which the issuer's clock may differ from ours."""

KEYS_MAX_AGE = 300
"""Seconds after which keys are fetched anew, so that one which the issuer withdrew stops working."""

FETCH_INTERVAL = 30
"""Seconds from one fetch to the next, whatever came of it: a flood of unknown kids costs the issuer nothing."""

FETCH_TIMEOUT = 3
"""Seconds that a fetch may take, during which tokens of unknown kids wait for it."""

REQUIRED = ["exp", "iss", "aud", "sub"]

logger = logging.getLogger(__name__)


class IssuerUnavailable(Exception):  # noqa: N818 - in one row with ServiceUnavailable
    """No token can be judged: the issuer's keys could not be fetched even once."""


class Issuer:
    """Verifies one issuer's tokens for one audience; threads share it. Its first token makes it fetch the keys."""

    def __init__(
        self,
        issuer: str,
        audience: str,
        jwks_url: str,
        algorithms: tuple[str, ...] = ("EdDSA",),
        *,
        timeout: float = FETCH_TIMEOUT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take what is configured.

        Raises:
            ValueError: an algorithm is not of `ALGORITHMS`, or the URL not of http or https.

        """
        if not algorithms or not set(algorithms) <= set(ALGORITHMS):
            raise ValueError(f"algorithms must be some of {', '.join(ALGORITHMS)}")
        if not jwks_url.startswith(("http://", "https://")):
            raise ValueError("jwks_url must begin with http:// or https://")
        self.issuer, self.audience, self.jwks_url, self.algorithms = issuer, audience, jwks_url, algorithms
        self._timeout, self._clock, self._lock = timeout, clock, Lock()
        self._keys: Keys = {}
        self._tried_at = self._fetched_at = float("-inf")

    def verify(self, token: str) -> dict[str, Any]:
        """Return the claims of a token that the issuer made for this audience.

        Raises:
            jwt.ExpiredSignatureError: its time is over.
            jwt.InvalidTokenError: it is not the issuer's or not for us, or it lacks or mistypes a claim.
            IssuerUnavailable: nobody can say, since no keys were ever fetched.

        """
        if not COMPACT.fullmatch(token):
            raise jwt.DecodeError
        header = jwt.get_unverified_header(token)
        algorithm = header.get("alg")
        if algorithm not in self.algorithms:
            raise jwt.InvalidAlgorithmError
        key = self._key(header.get("kid"), algorithm)
        claims = jwt.decode(
            token,
            key,
            [key.algorithm_name],
            {"require": REQUIRED},
            audience=self.audience,
            issuer=self.issuer,
            leeway=CLOCK_LEEWAY,
        )
        # PyJWT reads "4102444800" and true as times, and takes an empty subject.
        if not claims["sub"] or any(type(claims.get(name, 0)) is not int for name in ("exp", "iat", "nbf")):
            raise jwt.InvalidTokenError
        return claims

    def _key(self, kid: str | None, algorithm: str) -> jwt.PyJWK:
        known = kid in self._keys
        if not known or self._clock() - self._fetched_at > KEYS_MAX_AGE:
            self._refresh(wait=not known)
        if not self._keys:
            raise IssuerUnavailable
        key = self._keys.get(kid, {}).get(algorithm)
        if key is None:
            raise jwt.InvalidTokenError
        return key

    def _refresh(self, *, wait: bool) -> None:
        """Fetch the keys, unless that was tried just now. A token whose key is known waits for no other's fetch."""
        if not self._lock.acquire(blocking=wait):
            return
        try:
            if self._clock() - self._tried_at >= FETCH_INTERVAL:
                self._tried_at = self._clock()
                self._keys = usable_keys(fetch(self.jwks_url, self._timeout), self.algorithms)
                self._fetched_at = self._clock()
        except (OSError, HTTPException, ValueError, RecursionError) as error:
            logger.warning("The keys of %s do not come from %s: %r", self.issuer, self.jwks_url, error)
        finally:
            self._lock.release()


def issuer_of(token: str) -> str | None:
    """Return which issuer a token says it is from. Nothing of it is verified: this chooses who is to do that."""
    claims: dict[str, Any] = {}
    with suppress(jwt.InvalidTokenError):
        claims = jwt.decode(token, options={"verify_signature": False}) if COMPACT.fullmatch(token) else {}
    issuer = claims.get("iss")
    return issuer if isinstance(issuer, str) else None
