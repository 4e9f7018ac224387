"""Malformed HTTP messages, as an attacker writes them on the wire."""

from __future__ import annotations

SIGN_UP = "/api/auth/sign-up/email"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
"""A second request, which the service must not read after a malformed one."""


def post(*headers: str, body: bytes = b"") -> bytes:
    head = [f"POST {SIGN_UP} HTTP/1.1", "Host: x", "Content-Type: application/json", *headers]
    return "\r\n".join([*head, "", ""]).encode("latin-1") + body


def get(*headers: str, line: str = "GET / HTTP/1.1") -> bytes:
    return "\r\n".join([line, "Host: x", *headers, "", ""]).encode("latin-1")


CHUNKS = b"5\r\nabcde\r\n0\r\n\r\n"
MALFORMED = {
    "a length and chunks": post("Content-Length: 5", "Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
    "chunks and a length": post("Transfer-Encoding: chunked", "Content-Length: 5", body=b"0\r\n\r\n"),
    "another coding": post("Transfer-Encoding: xchunked", body=CHUNKS),
    "a quoted coding": post('Transfer-Encoding: "chunked"', body=CHUNKS),
    "chunked not last": post("Transfer-Encoding: chunked, identity", body=CHUNKS),
    "chunked twice": post("Transfer-Encoding: chunked, chunked", body=CHUNKS),
    "two codings": post("Transfer-Encoding: chunked", "Transfer-Encoding: x", body=CHUNKS),
    "two chunked": post("Transfer-Encoding: chunked", "Transfer-Encoding: chunked", body=CHUNKS),
    "a vertical tab before the coding": post("Transfer-Encoding: \x0bchunked", body=CHUNKS),
    "a space before the colon": post("Transfer-Encoding : chunked", body=CHUNKS),
    "a line break in the name": post("Transfer\n-Encoding: chunked", body=CHUNKS),
    "identity only": post("Transfer-Encoding: identity", "Content-Length: 5", body=b"abcde"),
    "chunks in HTTP/1.0": post("Transfer-Encoding: chunked", body=CHUNKS).replace(b"HTTP/1.1", b"HTTP/1.0"),
    "two lengths": post("Content-Length: 5", "Content-Length: 6", body=b"abcdef"),
    "one length twice": post("Content-Length: 5", "Content-Length: 5", body=b"abcde"),
    "a list of lengths": post("Content-Length: 5, 5", body=b"abcde"),
    "a length with a sign": post("Content-Length: +5", body=b"abcde"),
    "a negative length": post("Content-Length: -5", body=b"abcde"),
    "a hexadecimal length": post("Content-Length: 0x5", body=b"abcde"),
    "a length with an underscore": post("Content-Length: 1_0", body=b"abcdeabcde"),
    "a length in non-ASCII digits": post("Content-Length: \xb2", body=b"ab"),
    "an empty length": post("Content-Length:", body=b"abcde"),
    "a folded header": get("X-A: b", " c"),
    "a folded first header": b"GET / HTTP/1.1\r\n Host: x\r\n\r\n",
    "bare line feeds": b"GET / HTTP/1.1\nHost: x\n\n",
    "one bare line feed": b"GET / HTTP/1.1\r\nHost: x\nX-A: b\r\n\r\n",
    "a bare carriage return": get("X-A: b\rX-B: c"),
    "a NUL in a header": get("X-A: b\0c"),
    "a NUL in a name": get("X\0A: b"),
    "a NUL in the path": get(line="GET /\0 HTTP/1.1"),
    "a header without a name": get(": b"),
    "a header without a colon": get("nothing"),
    "two hosts": get("Host: y"),
    "HTTP/0.9": b"GET /\r\n\r\n",
    "HTTP/2 without a preface": get(line="GET / HTTP/2.0"),
    "another version": get(line="GET / HTTP/1.10"),
    "another protocol": get(line="GET / ICY/1.1"),
    "no path": get(line="GET  HTTP/1.1"),
    "a space in the path": get(line="GET /a b HTTP/1.1"),
    "a byte above ASCII in the path": get(line="GET /\xff HTTP/1.1"),
    "a method in lower case": get(line="get / HTTP/1.1"),
    "a GET for an authority": get(line="GET x:80 HTTP/1.1"),
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "the PROXY protocol": b"PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n" + get(),
    "another expectation": get("Expect: 200-ok"),
    "a long line": get(line=f"GET /{'a' * 9000} HTTP/1.1"),
    "a long header": get(f"X-A: {'a' * 9000}"),
    "101 headers": get(*(f"X-{number}: b" for number in range(101))),
    "10,000 headers": get(*(f"X-{number}: b" for number in range(10_000))),
    "a hexadecimal chunk": post("Transfer-Encoding: chunked", body=b"0x5\r\nabcde\r\n0\r\n\r\n"),
    "a chunk with a sign": post("Transfer-Encoding: chunked", body=b"+5\r\nabcde\r\n0\r\n\r\n"),
    "a chunk with an underscore": post("Transfer-Encoding: chunked", body=b"0_5\r\nabcde\r\n0\r\n\r\n"),
    "a chunk after a space": post("Transfer-Encoding: chunked", body=b" 5\r\nabcde\r\n0\r\n\r\n"),
    "a chunk with a line feed": post("Transfer-Encoding: chunked", body=b"5\nabcde\r\n0\r\n\r\n"),
    "a chunk longer than its size": post("Transfer-Encoding: chunked", body=b"5\r\nabcdefg\r\n0\r\n\r\n"),
    "a chunk of 16 hexadecimal digits": post("Transfer-Encoding: chunked", body=b"f" * 16 + b"\r\nabcde\r\n0\r\n\r\n"),
    "a carriage return in an extension": post("Transfer-Encoding: chunked", body=b"5;a\rb\r\nabcde\r\n0\r\n\r\n"),
    "a line feed in an extension": post("Transfer-Encoding: chunked", body=b"5;a\nb\r\nabcde\r\n0\r\n\r\n"),
    "a length in the trailer": post("Transfer-Encoding: chunked", body=b"5\r\nabcde\r\n0\r\nContent-Length: 9\r\n\r\n"),
    "a trailer without a colon": post("Transfer-Encoding: chunked", body=b"5\r\nabcde\r\n0\r\nnothing\r\n\r\n"),
}
"""Messages that two servers may read in two ways, or that no server can read."""

SERVED_BY_GRANIAN = {
    "one length twice",
    "bare line feeds",
    "one bare line feed",
    "two hosts",
    "a method in lower case",
    "a GET for an authority",
    "another expectation",
    "a long line",
    "a long header",
}
"""Messages that granian reads as one request with a clear end. nginx in front rejects most of them."""

CLOSED_BY_GRANIAN = {"the preface of HTTP/2"}
"""Messages to which granian closes the connection without a response."""
