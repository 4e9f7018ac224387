"""Large request bodies: received into a file first, so that processing them does not wait for the client."""

from __future__ import annotations

import hashlib
from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING

from todo_api.http.errors import ContentTooLarge, UnreadableBody
from todo_api.http.request_body import reading_body, unsupported_media_type

if TYPE_CHECKING:
    from collections.abc import Mapping

    import flask

CHUNK = 64 * 1024
IN_MEMORY_MAX = 1024 * 1024
"""Bytes that stay in memory. A larger body goes to a temporary file."""


def spooled_file() -> SpooledTemporaryFile[bytes]:
    """Return a temporary file that is deleted when it is closed."""
    return SpooledTemporaryFile(IN_MEMORY_MAX)


def spool_body(req: flask.Request, file: IO[bytes], limits: Mapping[str, int]) -> bytes:
    """Copy the body to the file, rewind the file, and return the body's SHA-256.

    `limits` has the accepted media types, each with the maximum size in bytes.

    Raises:
        UnsupportedMediaType: 415.
        ContentTooLarge: 413, before reading if the Content-Length is too large.
        UnreadableBody: 400, also for less than the Content-Length.

    """
    if req.mimetype not in limits or req.content_encoding:
        raise unsupported_media_type(req, list(limits))
    limit = limits[req.mimetype]
    too_large = ContentTooLarge(f"The body is too large; at most {limit} bytes are taken.")
    if (req.content_length or 0) > limit:
        raise too_large
    req.max_content_length = limit + 1
    digest = hashlib.sha256()
    while chunk := read_chunk(req):
        digest.update(chunk)
        file.write(chunk)
        if file.tell() > limit:
            raise too_large
    if file.tell() < (req.content_length or 0):  # neither werkzeug nor gunicorn checks it
        raise UnreadableBody
    file.seek(0)
    return digest.digest()


def read_chunk(req: flask.Request) -> bytes:
    """Return the next bytes of the body, or none at its end."""
    with reading_body():
        return req.stream.read(CHUNK)
