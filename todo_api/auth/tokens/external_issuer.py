"""Verification of an external issuer's tokens, such as a Better Auth server's, with its published keys.

A token only names one of those keys by its kid. Its jku, x5u, jwk and x5c are ignored (RFC 8725 section 3.10).
"""

from __future__ import annotations

import logging
import time
from http.client import HTTPException
from threading import Lock
from typing import TYPE_CHECKING, Any

import jwt

from todo_api.auth.tokens.jwks import ALGORITHMS, KeysByID, fetch_jwk_set, usable_keys
from todo_api.auth.tokens.session_tokens import COMPACT_JWS

if TYPE_CHECKING:
    from collections.abc import Callable

CLOCK_LEEWAY = 30
"""The allowed difference, in seconds, between the issuer's clock and this one."""

KEYS_MAX_AGE = 300
"""Seconds after which the keys are fetched again, so that a key that the issuer withdraws stops working."""

FETCH_INTERVAL = 30
"""The minimum time between fetches in seconds, so that a flood of unknown kids causes few of them."""

FETCH_TIMEOUT = 3
"""The timeout of a fetch in seconds. Tokens with an unknown kid wait for it."""

REQUIRED_CLAIMS = ["exp", "iss", "aud", "sub"]

logger = logging.getLogger(__name__)


class IssuerUnavailable(Exception):  # noqa: N818 - named like ServiceUnavailable
    """No token can be verified, because the issuer's keys were never fetched."""


class Issuer:
    """Verifies the tokens of one issuer for one audience. Threads share it; the first token fetches the keys."""

    def __init__(
        self,
        identifier: str,
        audience: str,
        jwks_url: str,
        algorithms: tuple[str, ...] = ("EdDSA",),
        *,
        timeout: float = FETCH_TIMEOUT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Check the configuration.

        Raises:
            ValueError: an algorithm is not in `ALGORITHMS`, or the URL's scheme is not http or https.

        """
        if not algorithms or not set(algorithms) <= set(ALGORITHMS):
            raise ValueError(f"algorithms must be some of {', '.join(ALGORITHMS)}")
        if not jwks_url.startswith(("http://", "https://")):
            raise ValueError("jwks_url must begin with http:// or https://")
        self.identifier, self.audience, self.jwks_url, self.algorithms = identifier, audience, jwks_url, algorithms
        self._timeout, self._clock, self._lock = timeout, clock, Lock()
        self._keys: KeysByID = {}
        self._tried_at = self._fetched_at = float("-inf")

    def verify(self, token: str) -> dict[str, Any]:
        """Return the claims of a token that the issuer has signed for this audience.

        Raises:
            jwt.ExpiredSignatureError: the token has expired.
            jwt.InvalidTokenError: the issuer, audience or signature is wrong, or a claim is missing or mistyped.
            IssuerUnavailable: the issuer's keys were never fetched.

        """
        if not COMPACT_JWS.fullmatch(token):
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
            {"require": REQUIRED_CLAIMS},
            audience=self.audience,
            issuer=self.identifier,
            leeway=CLOCK_LEEWAY,
        )
        # PyJWT accepts "4102444800" and true as times, and an empty subject.
        if not claims["sub"] or any(type(claims.get(name, 0)) is not int for name in ("exp", "iat", "nbf")):
            raise jwt.InvalidTokenError
        return claims

    def _key(self, kid: str | None, algorithm: str) -> jwt.PyJWK:
        is_known = kid in self._keys
        if not is_known or self._clock() - self._fetched_at > KEYS_MAX_AGE:
            self._refresh(wait=not is_known)
        if not self._keys:
            raise IssuerUnavailable
        key = self._keys.get(kid, {}).get(algorithm)
        if key is None:
            raise jwt.InvalidTokenError
        return key

    def _refresh(self, *, wait: bool) -> None:
        """Fetch the keys, at most once per FETCH_INTERVAL. Without `wait`, return if another thread fetches them."""
        if not self._lock.acquire(blocking=wait):
            return
        try:
            if self._clock() - self._tried_at >= FETCH_INTERVAL:
                self._tried_at = self._clock()
                self._keys = usable_keys(fetch_jwk_set(self.jwks_url, self._timeout), self.algorithms)
                self._fetched_at = self._clock()
        except (OSError, HTTPException, ValueError, RecursionError) as error:
            logger.warning("Cannot fetch the keys of %s from %s: %r", self.identifier, self.jwks_url, error)
        finally:
            self._lock.release()


def issuer_of(token: str) -> str | None:
    """Return the unverified `iss` of a token, which selects the issuer that verifies it."""
    if not COMPACT_JWS.fullmatch(token):
        return None
    try:
        issuer = jwt.decode(token, options={"verify_signature": False}).get("iss")
    except jwt.InvalidTokenError:
        return None
    return issuer if isinstance(issuer, str) else None
