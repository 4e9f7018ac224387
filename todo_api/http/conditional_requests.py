"""Conditional requests (RFC 9110 section 13). The ETag of a task or a list is its version number, in quotes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from flask import request

from todo_api.http.converters import ID_MAX
from todo_api.http.errors import InvalidEntityTag

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

VERSION_PATTERN = re.compile("0|[1-9][0-9]{0,18}")

ENTITY_TAG = r'(W/)?"[\x21\x23-\x7e\x80-\xff]*"'
ENTITY_TAGS_PATTERN = rf"^(\*|(,[ \t]*)*{ENTITY_TAG}([ \t]*,([ \t]*{ENTITY_TAG})?)*)$"
"""The value of If-Match and If-None-Match: `*`, or a list of entity tags (RFC 9110 sections 8.8.3 and 5.6.1)."""

REVALIDATE = "private, no-cache"
"""The Cache-Control of a response with an ETag: only the client itself stores it, and revalidates it before use."""


def etag(tag: int | str) -> str:
    """Return the strong ETag of a version, or of another opaque tag."""
    return f'"{tag}"'


def validator_headers(tag: int | str) -> dict[str, str]:
    """Return the headers of a response with the representation of a version, or of another entity tag."""
    return {"ETag": etag(tag), "Cache-Control": REVALIDATE}


def not_modified_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of a 304 (RFC 9110 section 15.4.5), out of those of the 200.

    Others would replace the headers in the client's cache.
    """
    return {name: headers[name] for name in ("ETag", "Cache-Control") if name in headers}


class EntityTag(NamedTuple):
    """An entity tag of a request: whether it is weak, and the text between its quotes."""

    is_weak: bool
    opaque: str

    @property
    def version(self) -> int | None:
        """The version that it names, if any."""
        is_version = VERSION_PATTERN.fullmatch(self.opaque) and int(self.opaque) <= ID_MAX
        return int(self.opaque) if is_version else None


def if_match() -> list[int] | None:
    """Return the versions in the request's If-Match, by strong comparison, or None if any version matches.

    Raises:
        InvalidEntityTag: 400.

    """
    header = request.headers.get("If-Match")
    return None if header is None else parse_if_match(header)


def parse_if_match(value: str) -> list[int] | None:
    """Return the versions in the value of an If-Match, by strong comparison, or None if it is *.

    Raises:
        InvalidEntityTag: 400.

    """
    tags = parse_entity_tags(value)
    return None if tags is None else versions(tag for tag in tags if not tag.is_weak)


def if_none_match() -> list[EntityTag]:
    """Return the entity tags in the request's If-None-Match, none for *.

    Raises:
        InvalidEntityTag: 400.

    """
    header = request.headers.get("If-None-Match")
    return [] if header is None else parse_entity_tags(header) or []


def versions(tags: Iterable[EntityTag]) -> list[int]:
    """Return the versions that entity tags name."""
    return [version for tag in tags if (version := tag.version) is not None]


def matches_if_none_match(tag: str) -> bool:
    """Return whether the request's If-None-Match names the ETag by weak comparison, so that the response is 304.

    Raises:
        InvalidEntityTag: 400.

    """
    header = request.headers.get("If-None-Match")
    if header is None:
        return False
    tags = parse_entity_tags(header)
    return tags is None or tag in (etag(opaque) for _, opaque in tags)


def parse_entity_tags(value: str) -> list[EntityTag] | None:
    """Return the entity tags in a list, or None if the value is *.

    Raises:
        InvalidEntityTag: 400, if the value is neither * nor such a list.

    """
    if not re.fullmatch(ENTITY_TAGS_PATTERN, value):
        raise InvalidEntityTag
    if value == "*":
        return None
    return [EntityTag(bool(weak), opaque) for weak, opaque in re.findall(r'(W/)?"(.*?)"', value)]
