"""The keys that an issuer publishes: fetching a JWK Set (RFC 7517) and choosing what can be used of it."""

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
"""Asymmetric ones only: under any other, whoever reads the public keys could sign."""

SIZE_MAX = 64 * 1024

Keys = dict[str | None, dict[str, jwt.PyJWK]]
"""By kid, then by algorithm. The only key of a set also stands under None, for tokens that name none."""


class NoRedirects(HTTPErrorProcessor):
    """Takes every answer as it came, so that no redirect leads to keys of somebody else."""

    def http_response(self, request: Any, response: Any) -> Any:
        """Return the answer."""
        return response

    https_response = http_response


# No proxy from the environment, which only the entry points read; some hosts turn Python-urllib away by its name.
OPENER = build_opener(ProxyHandler({}), NoRedirects)
OPENER.addheaders = [("User-Agent", "todo-api"), ("Accept", "application/json")]


def fetch(url: str, timeout: float) -> bytes:
    """Return what stands at the URL.

    Raises:
        OSError: nothing does, or it is too large or comes too slowly.
        HTTPException: the answer is not HTTP.

    """
    until = time.monotonic() + timeout
    body = b""
    with OPENER.open(url, timeout=timeout) as answer:
        if answer.status != HTTPStatus.OK:
            raise OSError(f"status {answer.status}")
        while chunk := answer.read1(SIZE_MAX + 1 - len(body)):
            body += chunk
            if len(body) > SIZE_MAX or time.monotonic() > until:
                raise OSError(f"more than {SIZE_MAX} bytes or {timeout} seconds")
    return body


def usable_keys(body: bytes, algorithms: tuple[str, ...]) -> Keys:
    """Return the keys of a JWK Set (RFC 7517 section 5) that verify one of the algorithms; others are passed over.

    Raises:
        ValueError: it is no JWK Set.

    """
    whole = json.loads(body)
    if not isinstance(whole, dict) or not isinstance(whole.get("keys"), list):
        raise ValueError("not a JWK Set")  # noqa: TRY004 - a fault of the text
    listed = [jwk for jwk in whole["keys"] if isinstance(jwk, dict) and isinstance(jwk.get("kid", ""), str)]
    found = [(jwk.get("kid"), uses) for jwk in listed if (uses := key_algorithms(jwk, algorithms))]
    keys: Keys = {}
    for kid, uses in found:
        keys.setdefault(kid, {}).update(uses)
    return {**keys, None: found[0][1] if len(found) == 1 else {}}


def key_algorithms(jwk: dict[str, Any], algorithms: tuple[str, ...]) -> dict[str, jwt.PyJWK]:
    """Return a key as each algorithm verifies with it: none with a private, short, foreign or unreadable one."""
    uses = {}
    for name in algorithms:
        if "d" in jwk or jwk.get("use", "sig") != "sig" or jwk.get("alg", name) != name:
            continue
        with suppress(jwt.PyJWTError, UnsupportedAlgorithm):
            key = jwt.PyJWK(jwk, name)
            # PyJWT would find a foreign curve or a short key only while it verifies, by other exceptions.
            if key.Algorithm.check_key_length(key.Algorithm.prepare_key(key.key)) is None:
                uses[name] = key
    return uses
