"""JWK Sets (RFC 7517): fetching the keys of an issuer, and selecting the usable ones."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from http import HTTPStatus
from typing import Any
from urllib.request import HTTPErrorProcessor, ProxyHandler, build_opener

import jwt
from cryptography.exceptions import UnsupportedAlgorithm

ALGORITHMS = ("EdDSA", "ES256", "ES384", "ES512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
"""Asymmetric algorithms only. With a symmetric one, anyone could sign with the published key."""

SIZE_MAX = 64 * 1024

KeysByID = dict[str | None, dict[str, jwt.PyJWK]]
"""Keys by kid, then by algorithm. If a set has one key, None is its id too, for tokens without a kid."""


class NoRedirects(HTTPErrorProcessor):
    """Returns each response as received, so that no redirect leads to the keys of another server."""

    def http_response(self, request: Any, response: Any) -> Any:
        """Return the response."""
        return response

    https_response = http_response


# Only the entry points read the environment, so there is no proxy from it. Some hosts block the agent Python-urllib.
OPENER = build_opener(ProxyHandler({}), NoRedirects)
OPENER.addheaders = [("User-Agent", "todo-api"), ("Accept", "application/json")]


def fetch_jwk_set(url: str, timeout: float) -> bytes:
    """Return the body at the URL.

    Raises:
        OSError: the request fails, or the body exceeds its size or time.
        HTTPException: the response is not HTTP.

    """
    deadline = time.monotonic() + timeout
    body = b""
    with OPENER.open(url, timeout=timeout) as response:
        if response.status != HTTPStatus.OK:
            raise OSError(f"status {response.status}")
        while chunk := response.read1(SIZE_MAX + 1 - len(body)):
            body += chunk
            if len(body) > SIZE_MAX or time.monotonic() > deadline:
                raise OSError(f"more than {SIZE_MAX} bytes or {timeout} seconds")
    return body


def usable_keys(body: bytes, algorithms: tuple[str, ...]) -> KeysByID:
    """Return the keys of a JWK Set (RFC 7517 section 5) that verify one of the algorithms, and ignore the others.

    Raises:
        ValueError: the body is not a JWK Set.

    """
    jwk_set = json.loads(body)
    if not isinstance(jwk_set, dict) or not isinstance(jwk_set.get("keys"), list):
        raise ValueError("not a JWK Set")  # noqa: TRY004 - the text is wrong, not an argument's type
    jwks = [jwk for jwk in jwk_set["keys"] if isinstance(jwk, dict) and isinstance(jwk.get("kid", ""), str)]
    usable = [(jwk.get("kid"), by_algorithm) for jwk in jwks if (by_algorithm := key_algorithms(jwk, algorithms))]
    keys: KeysByID = {}
    for kid, by_algorithm in usable:
        keys.setdefault(kid, {}).update(by_algorithm)
    return {**keys, None: usable[0][1] if len(usable) == 1 else {}}


def key_algorithms(jwk: dict[str, Any], algorithms: tuple[str, ...]) -> dict[str, jwt.PyJWK]:
    """Return the key for each algorithm that it verifies: none for a private, short or malformed key."""
    by_algorithm = {}
    for name in algorithms:
        if "d" in jwk or jwk.get("use", "sig") != "sig" or jwk.get("alg", name) != name:
            continue
        with suppress(jwt.PyJWTError, UnsupportedAlgorithm):
            key = jwt.PyJWK(jwk, name)
            # PyJWT detects a wrong curve or a short key only when it verifies, and raises other exceptions there.
            if key.Algorithm.check_key_length(key.Algorithm.prepare_key(key.key)) is None:
                by_algorithm[name] = key
    return by_algorithm
