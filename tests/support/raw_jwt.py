"""JWTs as bytes, for those that PyJWT would not sign."""

from __future__ import annotations

import base64
import json
from typing import Any

import jwt


def base64url(raw: bytes) -> str:
    """Return the bytes in base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unsigned_jwt(header: object, payload: object) -> str:
    """Return header and payload, without the second dot. Bytes are taken as they are, anything else becomes JSON."""
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, payload)]
    return ".".join(map(base64url, parts))


def sign_jwt(header: object, payload: object, key: Any, alg: str) -> str:
    """Sign any header and payload with any key that the algorithm accepts."""
    signed = unsigned_jwt(header, payload)
    algorithm = jwt.get_algorithm_by_name(alg)
    return f"{signed}.{base64url(algorithm.sign(signed.encode(), algorithm.prepare_key(key)))}"


def encode_jwt(payload: object, header: dict[str, Any] | None = None, *, secret: str, alg: str = "HS256") -> str:
    """Sign a payload with a secret. The header's parameters go over the usual ones."""
    return sign_jwt({"alg": alg, "typ": "JWT", **(header or {})}, payload, secret, alg)
