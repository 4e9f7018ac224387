"""An external issuer, such as a Better Auth server with its jwt plugin: its keys, its tokens and its JWK Set."""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.support.raw_jwt import sign_jwt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from todo_api.auth.tokens.external_issuer import Issuer

ORIGIN = "https://auth.example"
"""The identifier of the issuer, and by default the audience of its tokens."""
ALGORITHMS = ("EdDSA", "ES256", "RS256", "PS256")

ED = ed25519.Ed25519PrivateKey.generate()
ED_OTHER = ed25519.Ed25519PrivateKey.generate()
ED_448 = ed448.Ed448PrivateKey.generate()
EC = ec.generate_private_key(ec.SECP256R1())
EC_384 = ec.generate_private_key(ec.SECP384R1())
RSA = rsa.generate_private_key(65537, 2048)
RSA_SHORT = rsa.generate_private_key(65537, 1024)

PUBLIC_KEY = ED.public_key()
PEM = PUBLIC_KEY.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
"""The public key of ED."""


class Clock:
    """A monotonic clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class JWKSServer:
    """A web server with a JWK Set, which records its requests."""

    url: str = ""
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    requests: list[dict[str, str]] = field(default_factory=list)
    """The headers of each request."""
    respond: Callable[[BaseHTTPRequestHandler], None] | None = None
    """Writes the response instead, if set."""

    def publish(self, *keys: object) -> None:
        self.status, self.respond, self.body = 200, None, json.dumps({"keys": keys}).encode()

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        self.requests.append(dict(handler.headers))
        if self.respond:
            self.respond(handler)
            return
        handler.send_response(self.status)
        for name, value in {"Content-Length": str(len(self.body)), **self.headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(self.body)


@contextmanager
def jwks_server(port: int = 0) -> Iterator[JWKSServer]:
    """Yield a running server without keys."""
    server = JWKSServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with suppress(OSError):  # a client that has read enough closes the connection
                server.handle(self)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as http_server:
        server.url = f"http://127.0.0.1:{http_server.server_port}/api/auth/jwks"
        thread = threading.Thread(target=http_server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            http_server.shutdown()
            thread.join()


def jwk(key: Any, kid: str | None, **changes: Any) -> dict[str, Any]:
    """Return the public key as a JWK. `...` leaves a member out."""
    algorithms = {ed25519.Ed25519PrivateKey: "EdDSA", ed448.Ed448PrivateKey: "EdDSA", rsa.RSAPrivateKey: "RS256"}
    alg = next((alg for key_type, alg in algorithms.items() if isinstance(key, key_type)), "ES256")
    public: dict[str, Any] = jwt.get_algorithm_by_name(alg).to_jwk(key.public_key(), as_dict=True)
    public.pop("key_ops", None)
    members = {"alg": alg, "kid": ... if kid is None else kid, **public, **changes}
    return {name: value for name, value in members.items() if value is not ...}


def issuer_claims(**changes: Any) -> dict[str, Any]:
    """Return claims of the issuer's tokens. `...` leaves a claim out."""
    now = int(time.time())
    expiry = now + 86_400  # more than a run of all tests takes
    claims = {"sub": "u" * 32, "email": "a@b.c", "iat": now, "exp": expiry, "iss": ORIGIN, "aud": ORIGIN, **changes}
    return {name: value for name, value in claims.items() if value is not ...}


def issuer_token(
    payload: object = None, key: Any = ED, alg: str = "EdDSA", kid: str | None = "ed", **header: Any
) -> str:
    """Sign a payload, by default valid claims, with a key of the issuer."""
    named = {"alg": alg, **({} if kid is None else {"kid": kid}), **header}
    return sign_jwt(named, issuer_claims() if payload is None else payload, key, alg)


def rejects(issuer: Issuer, token: str) -> bool:
    with pytest.raises(jwt.InvalidTokenError):
        issuer.verify(token)
    return True
