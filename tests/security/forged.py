"""Tokens that are not what they look like. Each is made from a real one: what it says, and who else there is."""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.auth.tokens.test_external_issuer import ED, ED_OTHER, jwk, part, token
from tests.auth.tokens.test_session_tokens import encode
from tests.security.attacked import AUDIENCE, ISSUER
from tests.support.databases import CONFIG

SECRET = CONFIG.better_auth_secret
GUESS = "a guess at the secret, long enough for HS512 to take it as a key of its own"
LATER = 4_102_444_800
BAIT = "http://127.0.0.1:{port}/keys"
"""Where a token says its key is; a test listens there."""

Claims = dict[str, Any]
Forge = Callable[[str, Claims], str]
"""Makes a token of a real one and of what that says."""


def claims_of(text: str) -> Claims:
    """Return what a token says, without asking whether it is true."""
    said: Claims = jwt.decode(text, options={"verify_signature": False})
    return said


def unsigned(payload: Claims, alg: str, signature: str = "") -> str:
    head = part(json.dumps({"alg": alg, "typ": "JWT"}).encode())
    return f"{head}.{part(json.dumps(payload).encode())}.{signature}"


def signed_bytes(head: bytes, payload: bytes, secret: str = SECRET) -> str:
    """Sign what need not be JSON."""
    text = f"{part(head)}.{part(payload)}"
    algorithm = jwt.get_algorithm_by_name("HS256")
    return f"{text}.{part(algorithm.sign(text.encode(), algorithm.prepare_key(secret)))}"


HEAD = b'{"alg":"HS256","typ":"JWT"}'


def without(payload: Claims, name: str) -> Claims:
    return {key: value for key, value in payload.items() if key != name}


def issuers(payload: Claims, **changes: Any) -> Claims:
    """Return what the configured issuer might say of the same user."""
    now = int(time.time())
    return {"sub": payload["sub"], "iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + 900, **changes}


PEM = ED.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
RAW = ED.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def with_key(payload: Claims, key: bytes, **header: Any) -> str:
    """Sign with HS256 and the bytes of a public key, as who confuses the two kinds of keys would verify."""
    text = f"{part(json.dumps({'alg': 'HS256', 'typ': 'JWT', **header}).encode())}.{part(json.dumps(payload).encode())}"
    return f"{text}.{part(hmac.digest(key, text.encode(), 'sha256'))}"


UNSIGNED: dict[str, Forge] = {
    "alg none": lambda _, said: unsigned(said, "none"),
    "alg None": lambda _, said: unsigned(said, "None"),
    "alg NONE": lambda _, said: unsigned(said, "NONE"),
    "alg nOnE": lambda _, said: unsigned(said, "nOnE"),
    "alg none with the signature of another": lambda real, said: unsigned(said, "none", real.rpartition(".")[2]),
    "alg empty": lambda _, said: unsigned(said, ""),
    "no signature": lambda real, _: real.rpartition(".")[0] + ".",
    "no third part": lambda real, _: real.rpartition(".")[0],
    "half a signature": lambda real, _: real[:-20],
    "a signature of zeros": lambda real, _: real.rpartition(".")[0] + "." + part(bytes(32)),
    "a signature twice": lambda real, _: real + real.rpartition(".")[2],
}

OTHER_KEYS: dict[str, Forge] = {
    "a guessed secret": lambda _, said: encode(said, secret=GUESS),
    "an empty secret": lambda _, said: with_key(said, b""),
    "the secret in capitals": lambda _, said: encode(said, secret=SECRET.upper()),
    "the secret with a line break": lambda _, said: encode(said, secret=SECRET + "\n"),
    "the example's secret": lambda _, said: encode(
        said, secret="your-secret-key-here-generate-with-openssl-rand-hex-32"
    ),
    "kid of an empty file": lambda _, said: with_key(said, b"", kid="/dev/null"),
    "kid of a path": lambda _, said: with_key(said, b"", kid="../../../../dev/null"),
    "kid of a query": lambda _, said: with_key(said, b"x", kid="' UNION SELECT 'x"),
    "kid of a key that is published": lambda _, said: with_key(said, PEM, kid="ed"),
    "jku of one's own": lambda _, said: token(said, ED_OTHER, kid="own", jku=BAIT),
    "x5u of one's own": lambda _, said: token(said, ED_OTHER, kid="own", x5u=BAIT),
    "jwk of one's own": lambda _, said: token(said, ED_OTHER, jwk=jwk(ED_OTHER, "own"), kid="own"),
    "jwk of a secret of one's own": lambda _, said: encode(
        said, {"jwk": {"kty": "oct", "k": part(GUESS.encode())}}, secret=GUESS
    ),
    "x5c of one's own": lambda _, said: encode(said, {"x5c": ["MIIB"]}, secret=GUESS),
    "our name, the key that the issuer publishes": lambda _, said: with_key(said, PEM),
    "our name, that key raw": lambda _, said: with_key(said, RAW),
    "our name, the issuer's signature": lambda _, said: token(said),
}

ALGORITHMS: dict[str, Forge] = {
    "HS384": lambda _, said: encode(said, secret=GUESS, alg="HS384"),
    "HS512": lambda _, said: encode(said, secret=GUESS, alg="HS512"),
    "says HS384": lambda _, said: encode(said, {"alg": "HS384"}, secret=SECRET),
    "says RS256": lambda _, said: encode(said, {"alg": "RS256"}, secret=SECRET),
    "says ES256": lambda _, said: encode(said, {"alg": "ES256"}, secret=SECRET),
    "says EdDSA": lambda _, said: encode(said, {"alg": "EdDSA"}, secret=SECRET),
    "says hs256": lambda _, said: encode(said, {"alg": "hs256"}, secret=SECRET),
    "alg null": lambda _, said: encode(said, {"alg": None}, secret=SECRET),
    "alg a list": lambda _, said: encode(said, {"alg": ["HS256"]}, secret=SECRET),
    "alg a number": lambda _, said: encode(said, {"alg": 256}, secret=SECRET),
    "without alg": lambda _, said: signed_bytes(b'{"typ":"JWT"}', json.dumps(said).encode()),
    "an unknown critical header": lambda _, said: encode(said, {"crit": ["own"], "own": 1}, secret=SECRET),
    "exp as a critical header": lambda _, said: encode(said, {"crit": ["exp"]}, secret=SECRET),
    "an empty list of critical headers": lambda _, said: encode(said, {"crit": []}, secret=SECRET),
    "a payload that is not encoded": lambda _, said: encode(said, {"b64": False, "crit": ["b64"]}, secret=SECRET),
    "a header that is a list": lambda _, said: signed_bytes(b"[]", json.dumps(said).encode()),
    "a header of bottomless nesting": lambda _, said: signed_bytes(
        b'{"alg":' + b"[" * 2000 + b"]" * 2000 + b"}", json.dumps(said).encode()
    ),
    "a header that is not UTF-8": lambda _, said: signed_bytes(
        b'{"alg":"HS256","typ":"\xff"}', json.dumps(said).encode()
    ),
}

SPELLINGS: dict[str, Forge] = {
    "padding": lambda real, _: real + "=",
    "an exclamation mark behind it": lambda real, _: real + "!",
    "an exclamation mark inside": lambda real, _: real.replace(".", ".!", 1),
    "a full stop behind it": lambda real, _: real + ".",
    "a blank inside": lambda real, _: real[:30] + " " + real[30:],
    "a tab behind it": lambda real, _: real + "\tx",
    "percent-encoded dots": lambda real, _: real.replace(".", "%2E"),
    "in quotes": lambda real, _: f'"{real}"',
    "twice": lambda real, _: f"{real},{real}",
    "the alphabet of plain base64": lambda real, _: "".join((real.rpartition(".")[0], ".", "+/" * 21, "A")),
    "five parts": lambda real, _: f"{real}.{real.rpartition('.')[0]}",
    "the JSON form": lambda real, _: json.dumps(
        dict(zip(("protected", "payload", "signature"), real.split("."), strict=True))
    ),
    "three dots": lambda *_: "...",
    "two dots": lambda *_: "..",
    "Latin-1": lambda real, _: real + "\xe9",
    "7,000 characters": lambda real, _: real + "A" * 7000,
    "the payload of another token": lambda real, said: ".".join(
        (real.split(".")[0], part(json.dumps({**said, "jti": "x"}).encode()), real.split(".")[2])
    ),
}

MISTYPED: list[tuple[str, Any]] = [
    *(("exp", None), ("exp", "tomorrow"), ("exp", str(LATER)), ("exp", LATER + 0.5), ("exp", True)),
    *(("exp", 0), ("exp", -1), ("exp", [LATER]), ("exp", {})),
    *(("nbf", LATER), ("nbf", "now"), ("iat", LATER), ("iat", None), ("iat", "now")),
    *(("sub", None), ("sub", 7), ("sub", ["u"]), ("sub", ""), ("sub", "me"), ("sub", "\0"), ("sub", "\ud800")),
    *(("sid", None), ("sid", ""), ("sid", "0" * 32), ("sid", "\0"), ("sid", "\ud800"), ("sid", "%")),
    *(("type", "refresh"), ("type", "Access"), ("type", ["access"]), ("type", None), ("type", "reset")),
]


def lacking(name: str) -> Forge:
    return lambda _, said: encode(without(said, name), secret=SECRET)


def changed(name: str, value: Any) -> Forge:
    return lambda _, said: encode({**said, name: value}, secret=SECRET)


CLAIMS: dict[str, Forge] = {
    **{f"without {name}": lacking(name) for name in ("sub", "sid", "exp", "iat", "jti", "type", "email")},
    **{f"{name} {json.dumps(value)[:40]}": changed(name, value) for name, value in MISTYPED},
    "an exp that has passed": lambda _, said: encode({**said, "exp": int(time.time()) - 61}, secret=SECRET),
    "a list": lambda *_: encode([], secret=SECRET),
    "a text": lambda *_: encode("access", secret=SECRET),
    "a number": lambda *_: encode(7, secret=SECRET),
    "null": lambda *_: encode(None, secret=SECRET),
    "bottomless nesting": lambda *_: signed_bytes(HEAD, b'{"sub":' + b"[" * 2500 + b"]" * 2500 + b"}"),
    "claims that are not UTF-8": lambda *_: signed_bytes(HEAD, b'{"sub":"\xff"}'),
    "no JSON": lambda *_: signed_bytes(HEAD, b"sub=victim"),
    "nothing": lambda *_: signed_bytes(HEAD, b""),
}

ISSUERS: dict[str, Forge] = {
    "the issuer's, for a local user": lambda _, said: token(issuers(said)),
    "the issuer's name, our secret": lambda _, said: encode({**said, **issuers(said)}, secret=SECRET),
    "the issuer's name, its public key": lambda _, said: with_key({**said, **issuers(said)}, PEM),
    "the issuer's name, its raw public key": lambda _, said: with_key({**said, **issuers(said)}, RAW, kid="ed"),
    "the issuer's name, another key": lambda _, said: token(issuers(said), ED_OTHER),
    "the issuer's name, an unknown kid": lambda _, said: token(issuers(said), ED_OTHER, kid="other"),
    "the issuer's name, unsigned": lambda _, said: unsigned(issuers(said), "none"),
    "for another audience": lambda _, said: token(issuers(said, aud="https://other.example")),
    "for an audience that begins alike": lambda _, said: token(issuers(said, aud=AUDIENCE + ".evil.example")),
    "for no audience": lambda _, said: token(without(issuers(said), "aud")),
    "for a list of others": lambda _, said: token(issuers(said, aud=["https://other.example"])),
    "of another issuer": lambda _, said: token(issuers(said, iss="https://evil.example")),
    "of an issuer with a slash": lambda _, said: token(issuers(said, iss=ISSUER + "/")),
    "of a list of issuers": lambda _, said: token(issuers(said, iss=[ISSUER])),
    "of the issuer without an end": lambda _, said: token(without(issuers(said), "exp")),
    "of the issuer and over": lambda _, said: token(issuers(said, exp=int(time.time()) - 61)),
    "of the issuer and not yet": lambda _, said: token(issuers(said, nbf=LATER)),
    "of the issuer for nobody": lambda _, said: token(without(issuers(said), "sub")),
}

FORGED = {
    f"{kind}: {name}": forge
    for kind, shapes in {
        "unsigned": UNSIGNED,
        "other key": OTHER_KEYS,
        "algorithm": ALGORITHMS,
        "spelling": SPELLINGS,
        "claims": CLAIMS,
        "issuer": ISSUERS,
    }.items()
    for name, forge in shapes.items()
}
