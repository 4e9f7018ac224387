"""Forged tokens, by kind. Each is made from a genuine token and its claims."""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.security.target import AUDIENCE, ISSUER
from tests.support.databases import CONFIG
from tests.support.external_issuer import ED, ED_OTHER, issuer_token, jwk
from tests.support.raw_jwt import base64url, encode_jwt, sign_jwt, unsigned_jwt

SECRET = CONFIG.better_auth_secret
GUESS = "a guess at the secret, long enough for HS512 to take it as a key of its own"
LATER = 4_102_444_800
KEY_URL = "http://127.0.0.1:9/keys"
"""The URL of the key in the headers of forged tokens."""

Claims = dict[str, Any]
Forge = Callable[[str, Claims], str]
"""Makes a forged token from a genuine one and its claims."""


def decode_claims(token: str) -> Claims:
    """Return the claims of a token without verification."""
    claims: Claims = jwt.decode(token, options={"verify_signature": False})
    return claims


def unsigned(claims: Claims, alg: str, signature: str = "") -> str:
    return f"{unsigned_jwt({'alg': alg, 'typ': 'JWT'}, claims)}.{signature}"


def sign_bytes(header: bytes, payload: bytes) -> str:
    """Sign bytes, valid JSON or not, with the secret of the service."""
    return sign_jwt(header, payload, SECRET, "HS256")


HEADER = b'{"alg":"HS256","typ":"JWT"}'


def without(claims: Claims, name: str) -> Claims:
    return {key: value for key, value in claims.items() if key != name}


def issuer_claims(claims: Claims, **changes: Any) -> Claims:
    """Return claims of the configured issuer about the same user."""
    now = int(time.time())
    return {"sub": claims["sub"], "iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + 900, **changes}


PUBLIC_PEM = ED.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
PUBLIC_RAW = ED.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def sign_with_bytes(claims: Claims, key: bytes, **header: Any) -> str:
    """Sign by HS256 with any bytes, such as a public key (algorithm confusion). PyJWT refuses such keys."""
    unsigned_token = unsigned_jwt({"alg": "HS256", "typ": "JWT", **header}, claims)
    return f"{unsigned_token}.{base64url(hmac.digest(key, unsigned_token.encode(), 'sha256'))}"


UNSIGNED: dict[str, Forge] = {
    "alg none": lambda _, claims: unsigned(claims, "none"),
    "alg None": lambda _, claims: unsigned(claims, "None"),
    "alg NONE": lambda _, claims: unsigned(claims, "NONE"),
    "alg nOnE": lambda _, claims: unsigned(claims, "nOnE"),
    "alg none with a signature": lambda token, claims: unsigned(claims, "none", token.rpartition(".")[2]),
    "alg empty": lambda _, claims: unsigned(claims, ""),
    "no signature": lambda token, _: token.rpartition(".")[0] + ".",
    "no third part": lambda token, _: token.rpartition(".")[0],
    "half a signature": lambda token, _: token[:-20],
    "a signature of zeros": lambda token, _: token.rpartition(".")[0] + "." + base64url(bytes(32)),
    "a signature twice": lambda token, _: token + token.rpartition(".")[2],
}

OTHER_KEYS: dict[str, Forge] = {
    "a guessed secret": lambda _, claims: encode_jwt(claims, secret=GUESS),
    "an empty secret": lambda _, claims: sign_with_bytes(claims, b""),
    "the secret in capitals": lambda _, claims: encode_jwt(claims, secret=SECRET.upper()),
    "the secret with a line break": lambda _, claims: encode_jwt(claims, secret=SECRET + "\n"),
    "the example's secret": lambda _, claims: encode_jwt(
        claims, secret="your-secret-key-here-generate-with-openssl-rand-hex-32"
    ),
    "a kid that is an empty file": lambda _, claims: sign_with_bytes(claims, b"", kid="/dev/null"),
    "a kid that is a path": lambda _, claims: sign_with_bytes(claims, b"", kid="../../../../dev/null"),
    "a kid that is SQL": lambda _, claims: sign_with_bytes(claims, b"x", kid="' UNION SELECT 'x"),
    "the kid and the public key of the issuer": lambda _, claims: sign_with_bytes(claims, PUBLIC_PEM, kid="ed"),
    "a jku": lambda _, claims: issuer_token(claims, ED_OTHER, kid="own", jku=KEY_URL),
    "an x5u": lambda _, claims: issuer_token(claims, ED_OTHER, kid="own", x5u=KEY_URL),
    "a jwk with a public key": lambda _, claims: issuer_token(claims, ED_OTHER, jwk=jwk(ED_OTHER, "own"), kid="own"),
    "a jwk with a secret": lambda _, claims: encode_jwt(
        claims, {"jwk": {"kty": "oct", "k": base64url(GUESS.encode())}}, secret=GUESS
    ),
    "an x5c": lambda _, claims: encode_jwt(claims, {"x5c": ["MIIB"]}, secret=GUESS),
    "the public key of the issuer in PEM": lambda _, claims: sign_with_bytes(claims, PUBLIC_PEM),
    "the public key of the issuer in bytes": lambda _, claims: sign_with_bytes(claims, PUBLIC_RAW),
    "the signature of the issuer": lambda _, claims: issuer_token(claims),
}

ALGORITHMS: dict[str, Forge] = {
    "HS384": lambda _, claims: encode_jwt(claims, secret=GUESS, alg="HS384"),
    "HS512": lambda _, claims: encode_jwt(claims, secret=GUESS, alg="HS512"),
    "header HS384, signature HS256": lambda _, claims: encode_jwt(claims, {"alg": "HS384"}, secret=SECRET),
    "header RS256, signature HS256": lambda _, claims: encode_jwt(claims, {"alg": "RS256"}, secret=SECRET),
    "header ES256, signature HS256": lambda _, claims: encode_jwt(claims, {"alg": "ES256"}, secret=SECRET),
    "header EdDSA, signature HS256": lambda _, claims: encode_jwt(claims, {"alg": "EdDSA"}, secret=SECRET),
    "header hs256, signature HS256": lambda _, claims: encode_jwt(claims, {"alg": "hs256"}, secret=SECRET),
    "alg null": lambda _, claims: encode_jwt(claims, {"alg": None}, secret=SECRET),
    "alg a list": lambda _, claims: encode_jwt(claims, {"alg": ["HS256"]}, secret=SECRET),
    "alg a number": lambda _, claims: encode_jwt(claims, {"alg": 256}, secret=SECRET),
    "without alg": lambda _, claims: sign_bytes(b'{"typ":"JWT"}', json.dumps(claims).encode()),
    "an unknown critical parameter": lambda _, claims: encode_jwt(claims, {"crit": ["own"], "own": 1}, secret=SECRET),
    "exp as a critical parameter": lambda _, claims: encode_jwt(claims, {"crit": ["exp"]}, secret=SECRET),
    "an empty crit": lambda _, claims: encode_jwt(claims, {"crit": []}, secret=SECRET),
    "an unencoded payload": lambda _, claims: encode_jwt(claims, {"b64": False, "crit": ["b64"]}, secret=SECRET),
    "a header that is a list": lambda _, claims: sign_bytes(b"[]", json.dumps(claims).encode()),
    "a deeply nested header": lambda _, claims: sign_bytes(
        b'{"alg":' + b"[" * 2000 + b"]" * 2000 + b"}", json.dumps(claims).encode()
    ),
    "a header that is not UTF-8": lambda _, claims: sign_bytes(
        b'{"alg":"HS256","typ":"\xff"}', json.dumps(claims).encode()
    ),
}

ENCODINGS: dict[str, Forge] = {
    "padding": lambda token, _: token + "=",
    "an exclamation mark at the end": lambda token, _: token + "!",
    "an exclamation mark inside": lambda token, _: token.replace(".", ".!", 1),
    "a dot at the end": lambda token, _: token + ".",
    "a space inside": lambda token, _: token[:30] + " " + token[30:],
    "a tab and a letter at the end": lambda token, _: token + "\tx",
    "percent-encoded dots": lambda token, _: token.replace(".", "%2E"),
    "in quotes": lambda token, _: f'"{token}"',
    "the token twice": lambda token, _: f"{token},{token}",
    "the base64 alphabet": lambda token, _: "".join((token.rpartition(".")[0], ".", "+/" * 21, "A")),
    "five parts": lambda token, _: f"{token}.{token.rpartition('.')[0]}",
    "the JSON serialization": lambda token, _: json.dumps(
        dict(zip(("protected", "payload", "signature"), token.split("."), strict=True))
    ),
    "three dots": lambda *_: "...",
    "two dots": lambda *_: "..",
    "a Latin-1 character": lambda token, _: token + "\xe9",
    "7,000 characters": lambda token, _: token + "A" * 7000,
    "the payload of another token": lambda token, claims: ".".join(
        (token.split(".")[0], base64url(json.dumps({**claims, "jti": "x"}).encode()), token.split(".")[2])
    ),
}

INVALID_CLAIMS: list[tuple[str, Any]] = [
    *(("exp", None), ("exp", "tomorrow"), ("exp", str(LATER)), ("exp", LATER + 0.5), ("exp", True)),
    *(("exp", 0), ("exp", -1), ("exp", [LATER]), ("exp", {})),
    *(("nbf", LATER), ("nbf", "now"), ("iat", LATER), ("iat", None), ("iat", "now")),
    *(("sub", None), ("sub", 7), ("sub", ["u"]), ("sub", ""), ("sub", "me"), ("sub", "\0"), ("sub", "\ud800")),
    *(("sid", None), ("sid", ""), ("sid", "0" * 32), ("sid", "\0"), ("sid", "\ud800"), ("sid", "%")),
    *(("type", "refresh"), ("type", "Access"), ("type", ["access"]), ("type", None), ("type", "reset")),
]


def without_claim(name: str) -> Forge:
    return lambda _, claims: encode_jwt(without(claims, name), secret=SECRET)


def with_claim(name: str, value: Any) -> Forge:
    return lambda _, claims: encode_jwt({**claims, name: value}, secret=SECRET)


CLAIMS: dict[str, Forge] = {
    **{f"without {name}": without_claim(name) for name in ("sub", "sid", "exp", "iat", "jti", "type", "email")},
    **{f"{name} {json.dumps(value)[:40]}": with_claim(name, value) for name, value in INVALID_CLAIMS},
    "an exp in the past": lambda _, claims: encode_jwt({**claims, "exp": int(time.time()) - 61}, secret=SECRET),
    "a list": lambda *_: encode_jwt([], secret=SECRET),
    "a string": lambda *_: encode_jwt("access", secret=SECRET),
    "a number": lambda *_: encode_jwt(7, secret=SECRET),
    "null": lambda *_: encode_jwt(None, secret=SECRET),
    "deep nesting": lambda *_: sign_bytes(HEADER, b'{"sub":' + b"[" * 2500 + b"]" * 2500 + b"}"),
    "invalid UTF-8": lambda *_: sign_bytes(HEADER, b'{"sub":"\xff"}'),
    "invalid JSON": lambda *_: sign_bytes(HEADER, b"sub=victim"),
    "an empty payload": lambda *_: sign_bytes(HEADER, b""),
}

ISSUER_TOKENS: dict[str, Forge] = {
    "the issuer's token for a local user": lambda _, claims: issuer_token(issuer_claims(claims)),
    "iss of the issuer, the secret of the service": lambda _, claims: encode_jwt(
        {**claims, **issuer_claims(claims)}, secret=SECRET
    ),
    "iss of the issuer, its public key in PEM": lambda _, claims: sign_with_bytes(
        {**claims, **issuer_claims(claims)}, PUBLIC_PEM
    ),
    "iss of the issuer, its public key in bytes": lambda _, claims: sign_with_bytes(
        {**claims, **issuer_claims(claims)}, PUBLIC_RAW, kid="ed"
    ),
    "iss of the issuer, another key": lambda _, claims: issuer_token(issuer_claims(claims), ED_OTHER),
    "iss of the issuer, an unknown kid": lambda _, claims: issuer_token(issuer_claims(claims), ED_OTHER, kid="other"),
    "iss of the issuer, unsigned": lambda _, claims: unsigned(issuer_claims(claims), "none"),
    "another audience": lambda _, claims: issuer_token(issuer_claims(claims, aud="https://other.example")),
    "an audience with the same beginning": lambda _, claims: issuer_token(
        issuer_claims(claims, aud=AUDIENCE + ".evil.example")
    ),
    "no audience": lambda _, claims: issuer_token(without(issuer_claims(claims), "aud")),
    "a list of other audiences": lambda _, claims: issuer_token(issuer_claims(claims, aud=["https://other.example"])),
    "another issuer": lambda _, claims: issuer_token(issuer_claims(claims, iss="https://evil.example")),
    "the issuer with a slash": lambda _, claims: issuer_token(issuer_claims(claims, iss=ISSUER + "/")),
    "a list of issuers": lambda _, claims: issuer_token(issuer_claims(claims, iss=[ISSUER])),
    "no exp": lambda _, claims: issuer_token(without(issuer_claims(claims), "exp")),
    "an expired token": lambda _, claims: issuer_token(issuer_claims(claims, exp=int(time.time()) - 61)),
    "an nbf in the future": lambda _, claims: issuer_token(issuer_claims(claims, nbf=LATER)),
    "no sub": lambda _, claims: issuer_token(without(issuer_claims(claims), "sub")),
}
