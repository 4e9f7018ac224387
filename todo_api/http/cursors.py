"""Opaque places in a list, given to clients to come back with: signed, so that what comes back was given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from itsdangerous import BadData, URLSafeSerializer

from todo_api.settings import settings

if TYPE_CHECKING:
    from collections.abc import Sequence


def signer(context: Sequence[Any]) -> URLSafeSerializer:
    """Return what seals places of one context: a user, a list of theirs, and the way it is sorted and filtered.

    Another way to write a context voids what was sealed in it before. itsdangerous signs with the last of the secrets.
    """
    return URLSafeSerializer(settings().secrets[::-1], salt=repr(context))


def sign(place: Sequence[Any], context: Sequence[Any]) -> str:
    """Return the place as text for a URL."""
    return str(signer(context).dumps(place))


def verify(text: str, context: Sequence[Any]) -> list[Any] | None:
    """Return the place, or None where the text was not given in this context."""
    try:
        place: list[Any] = signer(context).loads(text)
    except (BadData, UnicodeError):
        return None
    return place
