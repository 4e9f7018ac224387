"""Conditional requests (RFC 9110 section 13): a version is an ETag, and an ETag a condition."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flask import request
from werkzeug.http import parse_etags

from todo_api.http.converters import ID_MAX

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

VERSION = re.compile("0|[1-9][0-9]{0,18}")

REVALIDATE = "private, no-cache"
"""The Cache-Control of what has an ETag: only its reader keeps it, and asks before using it again."""


def etag(version: int) -> str:
    """Return the strong ETag of what has this version."""
    return f'"{version}"'


def validator_headers(version: int) -> dict[str, str]:
    """Return the headers of an answer that shows what has this version."""
    return {"ETag": etag(version), "Cache-Control": REVALIDATE}


def not_modified_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return those of an answer's headers that a 304 has (RFC 9110 section 15.4.5).

    Others would replace what a cache has, and a Link is made of tasks, of which a 304 has read none.
    """
    return {name: headers[name] for name in ("ETag", "Cache-Control") if name in headers}


def if_match() -> list[int] | None:
    """Return the versions that the request's If-Match names, by strong comparison; None where any will do."""
    header = request.headers.get("If-Match")
    return None if header is None else parse_if_match(header)


def parse_if_match(text: str) -> list[int] | None:
    """Return the versions that the text of an If-Match names; None where it is *, which any will do for."""
    tags = parse_etags(text)
    return None if tags.star_tag else versions(tags.as_set())


def if_none_match() -> list[int]:
    """Return the versions that the request's If-None-Match names."""
    if "If-None-Match" not in request.headers:
        return []
    return versions(request.if_none_match.as_set(include_weak=True))


def versions(texts: Iterable[str | None]) -> list[int]:
    """Return those of the ETags that can be ours; werkzeug reads the empty one as None."""
    numbers = [int(text) for text in texts if text and VERSION.fullmatch(text)]
    return [number for number in numbers if number <= ID_MAX]


def matches_if_none_match(tag: str) -> bool:
    """Tell whether the client has what this ETag stands for already, so that 304 is all it wants to hear."""
    if "If-None-Match" not in request.headers:
        return False
    return request.if_none_match.star_tag or tag in map(etag, if_none_match())
