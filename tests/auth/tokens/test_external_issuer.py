"""A foreign issuer's tokens, against a real server that publishes its keys, as Better Auth's jwt plugin does."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
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

from devtools.embedded_postgres import free_port
from tests.support.processes import ROOT, environment
from todo_api.auth.tokens.external_issuer import Issuer, IssuerUnavailable, issuer_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ORIGIN = "https://auth.example"
ALL = ("EdDSA", "ES256", "RS256", "PS256")

ED = ed25519.Ed25519PrivateKey.generate()
ED_OTHER = ed25519.Ed25519PrivateKey.generate()
EC = ec.generate_private_key(ec.SECP256R1())
EC_384 = ec.generate_private_key(ec.SECP384R1())
RSA = rsa.generate_private_key(65537, 2048)
RSA_SHORT = rsa.generate_private_key(65537, 1024)


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Site:
    """A web server that counts what it is asked."""

    url: str = ""
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)
    write: Callable[[BaseHTTPRequestHandler], None] | None = None

    def publish(self, *keys: object) -> None:
        self.status, self.write, self.body = 200, None, json.dumps({"keys": keys}).encode()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        self.asked.append(dict(handler.headers))
        if self.write:
            self.write(handler)
            return
        handler.send_response(self.status)
        for name, value in {"Content-Length": str(len(self.body)), **self.headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(self.body)


@contextmanager
def serving(port: int = 0) -> Iterator[Site]:
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            # A client that has read enough hangs up.
            with suppress(OSError):
                site.answer(self)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        site.url = f"http://127.0.0.1:{server.server_port}/api/auth/jwks"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield site
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as running:
        running.publish(jwk(ED, "ed"))
        yield running


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def issuer(site: Site, clock: Clock) -> Issuer:
    return Issuer(ORIGIN, ORIGIN, site.url, ALL, clock=clock)


def jwk(key: Any, kid: str | None, **more: Any) -> dict[str, Any]:
    """Return the public half with these members; `...` leaves one out."""
    kind = {ed25519.Ed25519PrivateKey: "EdDSA", ed448.Ed448PrivateKey: "EdDSA", rsa.RSAPrivateKey: "RS256"}
    name = next((name for known, name in kind.items() if isinstance(key, known)), "ES256")
    public: dict[str, Any] = jwt.get_algorithm_by_name(name).to_jwk(key.public_key(), as_dict=True)
    public.pop("key_ops", None)
    whole = {"alg": name, "kid": ... if kid is None else kid, **public, **more}
    return {member: value for member, value in whole.items() if value is not ...}


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    whole = {"sub": "u" * 32, "email": "a@b.c", "iat": now, "exp": now + 900, "iss": ORIGIN, "aud": ORIGIN, **changes}
    return {name: value for name, value in whole.items() if value is not ...}


def part(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def token(payload: object = None, key: Any = ED, alg: str = "EdDSA", kid: str | None = "ed", **header: Any) -> str:
    """Sign anything, as PyJWT would not."""
    named = {"alg": alg, **({} if kid is None else {"kid": kid}), **header}
    raw = payload if isinstance(payload, bytes) else json.dumps(claims() if payload is None else payload).encode()
    signed = f"{part(json.dumps(named).encode())}.{part(raw)}"
    algorithm = jwt.get_algorithm_by_name(alg)
    return f"{signed}.{part(algorithm.sign(signed.encode(), algorithm.prepare_key(key)))}"


def refused(issuer: Issuer, text: str) -> bool:
    with pytest.raises(jwt.InvalidTokenError):
        issuer.verify(text)
    return True


# What is accepted.


def test_better_auths_own_token_is_read(issuer: Issuer, site: Site) -> None:
    said = claims()
    assert issuer.verify(token(said)) == said
    assert site.asked[0]["User-Agent"] == "todo-api"


@pytest.mark.parametrize(
    ("key", "alg"),
    [(ED, "EdDSA"), (ed448.Ed448PrivateKey.generate(), "EdDSA"), (EC, "ES256"), (RSA, "RS256"), (RSA, "PS256")],
)
def test_every_kind_of_key_that_is_configured_verifies(issuer: Issuer, site: Site, key: Any, alg: str) -> None:
    site.publish(jwk(ED_OTHER, "other"), jwk(key, "k", alg=alg))
    assert issuer.verify(token(key=key, alg=alg, kid="k"))["iss"] == ORIGIN


def test_a_key_without_alg_serves_every_algorithm_of_its_kind(issuer: Issuer, site: Site) -> None:
    site.publish(jwk(RSA, "k", alg=...), jwk(ED, "ed", alg=...))
    for text in (token(key=RSA, alg="RS256", kid="k"), token(key=RSA, alg="PS256", kid="k"), token()):
        assert issuer.verify(text)
    assert refused(issuer, token(key=RSA, alg="RS384", kid="k"))


@pytest.mark.parametrize(
    "changes",
    [{"aud": ["https://other.example", ORIGIN]}, {"iat": ...}, {"nbf": 1}],
    ids=str,
)
def test_claims_that_are_enough(issuer: Issuer, changes: dict[str, Any]) -> None:
    said = claims(**changes)
    assert issuer.verify(token(said)) == said


def test_clocks_may_differ_a_little(issuer: Issuer) -> None:
    said = claims(exp=int(time.time()) - 10)
    assert issuer.verify(token(said)) == said


def test_the_only_key_needs_no_name(issuer: Issuer, site: Site, clock: Clock) -> None:
    assert issuer.verify(token(kid=None))
    site.publish(jwk(ED, None))
    clock.now += 301
    assert issuer.verify(token(kid=None))
    assert refused(issuer, token())


def test_one_of_several_keys_must_be_named(issuer: Issuer, site: Site, clock: Clock) -> None:
    site.publish(jwk(ED, "ed"), jwk(ED_OTHER, None))
    assert issuer.verify(token())
    clock.now += 60
    assert refused(issuer, token(kid=None))
    assert refused(issuer, token(key=ED_OTHER, kid=None))
    assert len(site.asked) == 1


def test_two_kinds_of_keys_may_share_a_name(issuer: Issuer, site: Site) -> None:
    site.publish(jwk(ED, "k"), jwk(EC, "k"))
    assert issuer.verify(token(kid="k"))
    assert issuer.verify(token(key=EC, alg="ES256", kid="k"))


# What is refused.


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": ...},
        {"exp": None},
        {"exp": "4102444800"},
        {"exp": "tomorrow"},
        {"exp": 4102444800.5},
        {"exp": 1e400},
        {"exp": True},
        {"exp": []},
        {"iss": ...},
        {"iss": None},
        {"iss": ORIGIN + "/"},
        {"iss": "http://auth.example"},
        {"iss": [ORIGIN]},
        {"iss": 7},
        {"aud": ...},
        {"aud": None},
        {"aud": ""},
        {"aud": []},
        {"aud": ORIGIN + "/"},
        {"aud": "https://other.example"},
        {"aud": ["https://other.example"]},
        {"aud": [ORIGIN, 7]},
        {"aud": [[ORIGIN]]},
        {"aud": {ORIGIN: 1}},
        {"sub": ...},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": ["u"]},
        {"iat": None},
        {"iat": "1700000000"},
        {"iat": 1700000000.5},
        {"iat": True},
        {"iat": 4102444800},
        {"nbf": 4102444800},
        {"nbf": "1"},
        {"nbf": None},
    ],
    ids=str,
)
def test_claims_that_are_not_enough(issuer: Issuer, changes: dict[str, Any]) -> None:
    assert refused(issuer, token(claims(**changes)))


def test_an_expired_token_is_told_apart(issuer: Issuer) -> None:
    with pytest.raises(jwt.ExpiredSignatureError):
        issuer.verify(token(claims(exp=int(time.time()) - 40)))


PUBLIC = ED.public_key()
NO_KEYS = [
    PUBLIC.public_bytes_raw(),
    part(PUBLIC.public_bytes_raw()).encode(),
    PUBLIC.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
    PUBLIC.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
    json.dumps(jwk(ED, "ed")).encode(),
    b"",
]


@pytest.mark.parametrize("secret", NO_KEYS)
@pytest.mark.parametrize("alg", ["HS256", "HS384", "HS512"])
def test_a_public_key_is_no_shared_secret(issuer: Issuer, site: Site, secret: bytes, alg: str) -> None:
    signed = f"{part(json.dumps({'alg': alg, 'kid': 'ed'}).encode())}.{part(json.dumps(claims()).encode())}"
    mac = jwt.get_algorithm_by_name(alg).sign(signed.encode(), secret)
    assert refused(issuer, f"{signed}.{part(mac)}")
    assert site.asked == []


def test_a_symmetric_key_of_the_set_is_passed_over(site: Site) -> None:
    secret = b"a secret that everybody can read, 32 bytes"
    for alg in (..., "HS256", "EdDSA", "RS256"):
        site.publish({"kty": "oct", "k": part(secret), "kid": "s", **({} if alg is ... else {"alg": alg})})
        whole = Issuer(ORIGIN, ORIGIN, site.url, ALL)
        assert refused(whole, token(key=secret, alg="HS256", kid="s"))
        assert refused(whole, token(kid="s"))


GOOD = token(claims(exp=4_102_444_800))
HEAD, BODY, SIGNATURE = GOOD.split(".")
NONE_HEAD = part(b'{"alg":"none","kid":"ed"}')
DEEP_HEAD = part(b'{"alg":' + b"[" * 100_000 + b"]" * 100_000 + b"}")
DEEP_BODY = b'{"iss":' + b"[" * 100_000 + b"]" * 100_000 + b"}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "..",
        "an opaque session token",
        "\ud800.\ud800.\ud800",
        "é.é.é",
        f"{HEAD}.{BODY}",
        f"{HEAD}.{BODY}.",
        f"{HEAD}.{BODY}.{SIGNATURE}.",
        f"{HEAD}.{BODY}.{SIGNATURE}=",
        f"{HEAD}.{BODY}.{SIGNATURE}!",
        f"{HEAD}.{BODY}.{SIGNATURE}\n",
        f" {GOOD}",
        f"{HEAD}.{BODY}.{SIGNATURE[:-4]}",
        f"{HEAD}.{part(json.dumps(claims(sub='somebody else')).encode())}.{SIGNATURE}",
        f"{NONE_HEAD}.{BODY}.",
        f"{NONE_HEAD}.{BODY}.{SIGNATURE}",
        f"{DEEP_HEAD}.{BODY}.{SIGNATURE}",
        f"{part(b'[]')}.{BODY}.{SIGNATURE}",
        f"{part(b'{}')}.{BODY}.{SIGNATURE}",
        f"{part(b'not JSON')}.{BODY}.{SIGNATURE}",
        token(key=ED_OTHER),
        token(kid="wrong"),
        token(kid=""),
        token(kid="../../etc/passwd"),
        token(kid=None, key=ED_OTHER),
        token(crit=["exp"]),
        token(crit=[]),
        token(crit="exp"),
        token(b64=False, crit=["b64"]),
        token(key=EC, alg="ES256"),
        token(key=RSA, alg="RS256"),
        token(key=EC_384, alg="ES384"),
        token(DEEP_BODY),
        token([]),
        token("claims"),
        token(7),
        token(b"null"),
        token(b"\xff\xfe"),
        token(b'{"exp":' + b"9" * 5_000 + b"}"),
    ],
)
def test_what_is_no_token_of_the_issuer(issuer: Issuer, text: str) -> None:
    assert refused(issuer, text)


@pytest.mark.parametrize("value", [None, 7, [], ["ed"], {"ed": 1}, True], ids=str)
@pytest.mark.parametrize("member", ["kid", "alg"])
def test_mistyped_headers(issuer: Issuer, member: str, value: Any) -> None:
    head = {"alg": "EdDSA", "kid": "ed", member: value}
    signed = f"{part(json.dumps(head).encode())}.{BODY}"
    assert refused(issuer, f"{signed}.{part(ED.sign(signed.encode()))}")


def test_a_token_says_nothing_about_where_keys_are(issuer: Issuer, site: Site) -> None:
    with serving() as hostile:
        hostile.publish(jwk(ED_OTHER, "ed"))
        more: dict[str, Any] = {
            "jku": hostile.url,
            "x5u": hostile.url,
            "jwk": jwk(ED_OTHER, "ed"),
            "x5c": ["MIIB"],
            "iss": hostile.url,
        }
        for kid in ("ed", "new", hostile.url, None):
            assert refused(issuer, token(key=ED_OTHER, kid=kid, **more))
        assert issuer.verify(token(**more))
        assert hostile.asked == []
    assert len(site.asked) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"alg": "ES256"},
        {"alg": "HS256"},
        {"alg": "none"},
        {"alg": None},
        {"alg": []},
        {"use": "enc"},
        {"d": part(ED.private_bytes_raw())},
        {"kty": "RSA"},
        {"kty": "LMS"},
        {"kty": ...},
        {"crv": "X25519"},
        {"crv": "Ed448"},
        {"crv": ...},
        {"x": ...},
        {"x": ""},
        {"x": 7},
        {"x": "AAAA"},
        {"kid": 7},
        {"kid": ["ed"]},
        {"kid": None},
    ],
    ids=str,
)
def test_keys_that_are_passed_over(issuer: Issuer, site: Site, changes: dict[str, Any]) -> None:
    changed = {name: value for name, value in {**jwk(ED, "ed"), **changes}.items() if value is not ...}
    site.publish(None, 7, [], "key", {}, changed, jwk(EC, "ec"))
    assert refused(issuer, token())
    assert issuer.verify(token(key=EC, alg="ES256", kid="ec"))


@pytest.mark.parametrize(
    ("key", "alg", "published"),
    [
        (RSA_SHORT, "RS256", {}),
        (RSA, "RS256", {"n": part(b"\xff" * 40_000)}),
        (RSA, "RS256", {"n": part(b"\xff" * 2_100)}),
        (RSA, "RS256", {"n": 7}),
        (RSA, "RS256", {"e": "AA"}),
        (RSA, "RS256", {"e": "Ag"}),
        (EC_384, "ES256", {}),
        (EC, "ES256", {"y": part(bytes(32))}),
        (EC, "ES256", {"crv": ["P-256"]}),
    ],
)
def test_keys_that_are_too_short_or_broken(
    issuer: Issuer, site: Site, key: Any, alg: str, published: dict[str, Any]
) -> None:
    site.publish(jwk(key, "k", **published))
    # PyJWT itself does not sign ES256 with P-384.
    signer = EC if key is EC_384 else key
    assert refused(issuer, token(key=signer, alg=alg, kid="k"))


# When keys are fetched.


def test_keys_are_fetched_once_and_kept_for_five_minutes(issuer: Issuer, site: Site, clock: Clock) -> None:
    for _ in range(3):
        issuer.verify(token())
        clock.now += 100
    assert len(site.asked) == 1
    clock.now += 1
    issuer.verify(token())
    assert len(site.asked) == 2


def test_nothing_is_fetched_before_a_token_comes_or_for_one_that_cannot_be_its(issuer: Issuer, site: Site) -> None:
    assert refused(issuer, "junk")
    assert refused(issuer, f"{NONE_HEAD}.{BODY}.{SIGNATURE}")
    assert site.asked == []


def test_a_rotated_key_is_found_after_the_pause(issuer: Issuer, site: Site, clock: Clock) -> None:
    issuer.verify(token())
    site.publish(jwk(ED, "ed"), jwk(ED_OTHER, "new"))
    clock.now += 29
    assert refused(issuer, token(key=ED_OTHER, kid="new"))
    clock.now += 1
    assert issuer.verify(token(key=ED_OTHER, kid="new"))
    assert issuer.verify(token())
    assert len(site.asked) == 2


def test_a_withdrawn_key_stops_working_within_five_minutes(issuer: Issuer, site: Site, clock: Clock) -> None:
    issuer.verify(token())
    site.publish(jwk(ED_OTHER, "new"))
    clock.now += 300
    assert issuer.verify(token())
    clock.now += 1
    assert refused(issuer, token())
    site.publish()
    clock.now += 301
    assert refused(issuer, token(key=ED_OTHER, kid="new"))


@pytest.mark.shows("API10:2023")
def test_a_flood_of_unknown_kids_is_one_fetch_in_thirty_seconds(issuer: Issuer, site: Site, clock: Clock) -> None:
    for second in range(90):
        clock.now = 1_000.0 + second
        assert refused(issuer, token(kid=f"made up {second}"))
    assert len(site.asked) == 3


def drip(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    for _ in range(200):
        handler.wfile.write(b" ")
        time.sleep(0.01)


def hang(_: BaseHTTPRequestHandler) -> None:
    time.sleep(2)


def endless(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b" " * 10_000)


def no_http(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"keys":[')


FAULTS: dict[str, dict[str, Any]] = {
    "not found": {"status": 404},
    "failing": {"status": 500},
    "no content": {"status": 204, "body": b""},
    "no JSON": {"body": b"<!doctype html>"},
    "no text": {"body": b"\xff\xfe\xfd"},
    "nothing": {"body": b""},
    "a list": {"body": b"[]"},
    "no keys": {"body": b"{}"},
    "keys that are no list": {"body": b'{"keys":{}}'},
    "bottomless": {"body": b'{"keys":' + b"[" * 30_000 + b"]" * 30_000 + b"}"},
    "too large": {"body": b'{"keys":[]}' + b" " * 65_536},
    "endless": {"write": endless},
    "dripping": {"write": drip},
    "hanging": {"write": hang},
    "not HTTP": {"write": no_http},
    "cut off": {"write": hang_up},
}


def fail(site: Site, fault: dict[str, Any]) -> None:
    for name, value in fault.items():
        setattr(site, name, value)


@pytest.mark.shows("API10:2023", "ASVS 16.5.3")
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_an_issuer_that_never_answered_makes_nothing_judged(
    site: Site, clock: Clock, fault: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    issuer = Issuer(ORIGIN, ORIGIN, site.url, clock=clock, timeout=0.4)
    fail(site, fault)
    started = time.monotonic()
    for _ in range(3):
        with pytest.raises(IssuerUnavailable):
            issuer.verify(token())
    assert len(site.asked) == 1
    assert time.monotonic() - started < 1.5
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert site.url in caplog.text
    site.publish(jwk(ED, "ed"))
    clock.now += 30
    assert issuer.verify(token())


@pytest.mark.shows("API10:2023")
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_known_keys_outlive_the_issuers_faults(site: Site, clock: Clock, fault: dict[str, Any]) -> None:
    issuer = Issuer(ORIGIN, ORIGIN, site.url, clock=clock, timeout=0.4)
    issuer.verify(token())
    fail(site, fault)
    clock.now += 301
    for _ in range(3):
        assert issuer.verify(token())
        assert refused(issuer, token(kid="new"))
    assert len(site.asked) == 2
    site.publish(jwk(ED_OTHER, "new"))
    clock.now += 30
    assert issuer.verify(token(key=ED_OTHER, kid="new"))


def test_an_issuer_that_is_down(clock: Clock) -> None:
    port = free_port()
    issuer = Issuer(ORIGIN, ORIGIN, f"http://127.0.0.1:{port}/jwks", clock=clock)
    with pytest.raises(IssuerUnavailable):
        issuer.verify(token())
    with serving(port) as site:
        site.publish(jwk(ED, "ed"))
        clock.now += 30
        assert issuer.verify(token())
    clock.now += 1_000
    assert issuer.verify(token())


@pytest.mark.shows("API7:2023", "API10:2023")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(issuer: Issuer, site: Site, status: int) -> None:
    with serving() as other:
        other.publish(jwk(ED, "ed"))
        site.status, site.headers = status, {"Location": other.url}
        with pytest.raises(IssuerUnavailable):
            issuer.verify(token())
        assert other.asked == []


def test_a_proxy_of_the_environment_is_not_asked(site: Site) -> None:
    """In a process of its own, since urllib reads the environment once."""
    script = "import sys; from todo_api.auth.tokens.jwks import fetch; sys.stdout.buffer.write(fetch(sys.argv[1], 3))"
    with serving() as proxy:
        command = [sys.executable, "-c", script, site.url]
        read = subprocess.check_output(command, cwd=ROOT, env=environment(http_proxy=proxy.url))
        assert (read, len(proxy.asked), len(site.asked)) == (site.body, 0, 1)


def test_many_threads_fetch_once(issuer: Issuer, site: Site) -> None:
    """Whoever comes during the first fetch waits for it."""
    release = threading.Event()
    body = site.body

    def late(handler: BaseHTTPRequestHandler) -> None:
        release.wait(2)
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(body)

    site.write = late
    read: list[str] = []
    threads = [threading.Thread(target=lambda: read.append(issuer.verify(token())["sub"])) for _ in range(20)]
    for thread in threads:
        thread.start()
    time.sleep(0.05)
    assert read == []
    release.set()
    for thread in threads:
        thread.join()
    assert (len(read), len(site.asked)) == (20, 1)


def test_a_known_key_waits_for_nobodys_fetch(issuer: Issuer, site: Site, clock: Clock) -> None:
    issuer.verify(token())
    entered, release = threading.Event(), threading.Event()

    def late(_: BaseHTTPRequestHandler) -> None:
        entered.set()
        release.wait(2)

    site.write = late
    clock.now += 301
    thread = threading.Thread(target=issuer.verify, args=[token()])
    thread.start()
    assert entered.wait(2)
    started = time.monotonic()
    assert issuer.verify(token())
    assert time.monotonic() - started < 1.5
    assert thread.is_alive()
    release.set()
    thread.join()


# How it is made, and chosen.


@pytest.mark.parametrize("algorithms", [(), ("HS256",), ("EdDSA", "HS512"), ("none",), ("eddsa",)], ids=str)
def test_only_asymmetric_algorithms_are_taken(algorithms: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="algorithms must be some of"):
        Issuer(ORIGIN, ORIGIN, "http://127.0.0.1/jwks", algorithms)


@pytest.mark.parametrize("url", ["", "file:///etc/passwd", "ftp://a/b", "data:,{}", "//a/jwks", "jwks"])
def test_only_urls_of_the_web_are_taken(url: str) -> None:
    with pytest.raises(ValueError, match="jwks_url must begin"):
        Issuer(ORIGIN, ORIGIN, url)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD, ORIGIN),
        (f"{HEAD}.{BODY}.{part(b'no signature')}", ORIGIN),
        (token({"iss": "x", "sub": 7, "exp": "never", "jti": 7, "aud": 7, "nbf": 4102444800, "iat": []}), "x"),
        (token({"iss": "x"}, b"a secret of 32 bytes or more, for HS256", "HS256"), "x"),
        (token({"iss": ""}), ""),
        (token({}), None),
        (token({"iss": 7}), None),
        (token({"iss": [ORIGIN]}), None),
        (token({"iss": None}), None),
        (token([]), None),
        (token(b"null"), None),
        (token(b"\xff"), None),
        (token(DEEP_BODY), None),
        (token(b'{"iss":"x","n":' + b"9" * 5_000 + b"}"), None),
        (f"{part(b'[]')}.{BODY}.{SIGNATURE}", None),
        (f"{DEEP_HEAD}.{BODY}.{SIGNATURE}", None),
        (f"{HEAD}.{BODY}", None),
        (f"{HEAD}.{BODY}.{SIGNATURE}=", None),
        ("", None),
        ("..", None),
        ("junk", None),
        ("\ud800.\ud800.\ud800", None),
        ("é.é.é", None),
    ],
)
def test_which_issuer_a_token_claims(text: str, said: str | None) -> None:
    assert issuer_of(text) == said
