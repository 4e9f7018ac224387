"""Conditional requests (RFC 9110 section 13). The ETag of a task or a list is its version number, in quotes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flask import request
from werkzeug.http import parse_etags

from todo_api.http.converters import ID_MAX

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

VERSION_PATTERN = re.compile("0|[1-9][0-9]{0,18}")

REVALIDATE = "private, no-cache"
"""The Cache-Control of a response with an ETag: only the client itself stores it, and revalidates it before use."""


def etag(version: int) -> str:
    """Return the strong ETag of a version."""
    return f'"{version}"'


def validator_headers(version: int) -> dict[str, str]:
    """Return the headers of a response with the representation of a version."""
    return {"ETag": etag(version), "Cache-Control": REVALIDATE}


def not_modified_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of a 304 (RFC 9110 section 15.4.5), out of those of the 200.

    Others would replace the headers in the client's cache.
    """
    return {name: headers[name] for name in ("ETag", "Cache-Control") if name in headers}


def if_match() -> list[int] | None:
    """Return the versions in the request's If-Match, by strong comparison, or None if any version matches."""
    header = request.headers.get("If-Match")
    return None if header is None else parse_if_match(header)


def parse_if_match(value: str) -> list[int] | None:
    """Return the versions in the value of an If-Match, or None if it is *."""
    tags = parse_etags(value)
    return None if tags.star_tag else parse_versions(tags.as_set())


def if_none_match() -> list[int]:
    """Return the versions in the request's If-None-Match, by weak comparison."""
    if "If-None-Match" not in request.headers:
        return []
    return parse_versions(request.if_none_match.as_set(include_weak=True))


def parse_versions(tags: Iterable[str | None]) -> list[int]:
    """Return the versions among the opaque tags. werkzeug reads an empty tag as None."""
    numbers = [int(tag) for tag in tags if tag and VERSION_PATTERN.fullmatch(tag)]
    return [number for number in numbers if number <= ID_MAX]


def matches_if_none_match(tag: str) -> bool:
    """Return whether the request's If-None-Match names the ETag, so that the response is 304."""
    if "If-None-Match" not in request.headers:
        return False
    return request.if_none_match.star_tag or tag in map(etag, if_none_match())
