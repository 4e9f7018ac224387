"""Conditional requests (RFC 9110 section 13): a version is an ETag, and an ETag a condition."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flask import request

from todo_api.paths import ID_MAX

if TYPE_CHECKING:
    from werkzeug.datastructures import ETags

VERSION = re.compile("0|[1-9][0-9]{0,18}")

PRIVATE = "private, no-cache"
"""The Cache-Control of what has an ETag: only its reader keeps it, and asks before using it again."""


def etag(version: int) -> str:
    """Return the strong ETag of what has this version."""
    return f'"{version}"'


def validators(version: int) -> dict[str, str]:
    """Return the headers of an answer that shows what has this version."""
    return {"ETag": etag(version), "Cache-Control": PRIVATE}


def if_match() -> list[int] | None:
    """Return the versions that the request's If-Match names, by strong comparison; None where any will do."""
    if "If-Match" not in request.headers or request.if_match.star_tag:
        return None
    return versions(request.if_match)


def known() -> list[int]:
    """Return the versions that the request's If-None-Match names."""
    return versions(request.if_none_match)


def versions(tags: ETags) -> list[int]:
    """Return those of the ETags that can be ours."""
    texts = tags.as_set(include_weak=tags is request.if_none_match)
    numbers = [int(text) for text in texts if VERSION.fullmatch(text)]
    return [number for number in numbers if number <= ID_MAX]


def is_known(tag: str | None) -> bool:
    """Tell whether the client has what this ETag stands for already, so that 304 is all it wants to hear."""
    return tag is not None and bool(request.if_none_match) and request.if_none_match.contains_weak(tag.strip('"'))
