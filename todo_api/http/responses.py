"""Responses that the views return."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from flask import Response

from todo_api.http import media_types

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment
    from werkzeug.datastructures import Headers as WerkzeugHeaders

Headers = Mapping[str, str] | Sequence[tuple[str, str]]


class JSONResponse(Response):
    """A response whose body is a JSON text and whose headers are complete.

    werkzeug copies the headers to compute Content-Length and to make Location absolute. Here the length is known and a
    Location is a valid URI reference, so `get_wsgi_headers` skips both.
    """

    def __init__(self, text: bytes, status: int, headers: Headers, content_type: str = media_types.JSON) -> None:
        """Take the body, and the headers beside Content-Type and Content-Length."""
        super().__init__([text], status, headers, content_type=content_type, direct_passthrough=True)
        self.headers.add("Content-Length", str(len(text)))

    def get_wsgi_headers(self, environ: WSGIEnvironment) -> WerkzeugHeaders:
        """Return the headers unchanged."""
        return self.headers


def empty_response(status: int, headers: Headers | None = None) -> Response:
    """Return a response without a body and without a Content-Type."""
    response = Response(status=status, headers=headers)
    response.headers.remove("Content-Type")
    return response
