"""Bodies that are too large for memory: into a file first, so that whatever reads it does not wait for the client."""

from __future__ import annotations

import hashlib
from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING

from todo_api.http.errors import ContentTooLarge, UnreadableBody
from todo_api.http.media_types import JSON
from todo_api.http.request_body import reading_body, unsupported_media_type

if TYPE_CHECKING:
    import flask

CHUNK = 64 * 1024
IN_MEMORY_MAX = 1024 * 1024
"""Bytes up to which no file is made of what is spooled."""


def spooled_file() -> SpooledTemporaryFile[bytes]:
    """Return a file for what may be too large for memory; it is gone when it is closed."""
    return SpooledTemporaryFile(IN_MEMORY_MAX)


def spool_body(req: flask.Request, file: IO[bytes], limit: int) -> bytes:
    """Copy a JSON body of at most so many bytes into the file, go to its beginning, and return its SHA-256.

    Raises:
        UnsupportedMediaType: 415.
        ContentTooLarge: 413; where the length is said, before anything is read.
        UnreadableBody: 400, also for a body that ends before its length.

    """
    if req.mimetype != JSON or req.content_encoding:
        raise unsupported_media_type(req, [JSON])
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
    if file.tell() < (req.content_length or 0):  # werkzeug trusts the server, and gunicorn does not ask
        raise UnreadableBody
    file.seek(0)
    return digest.digest()


def read_chunk(req: flask.Request) -> bytes:
    """Return the next bytes of a body, none at its end."""
    with reading_body():
        return req.stream.read(CHUNK)
