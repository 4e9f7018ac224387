"""Pagination cursors and sync tokens: opaque positions in a list, signed so that a client cannot make one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from itsdangerous import BadData, URLSafeSerializer

from todo_api.settings import settings

if TYPE_CHECKING:
    from collections.abc import Sequence

PATTERN = r"^\.?[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$"
"""The form of a signed text: its payload, compressed after a dot, and its signature."""


def signer(context: Sequence[Any]) -> URLSafeSerializer:
    """Return the serializer of a context: the user, the list, and its filters and sort order.

    A token is valid in its own context only. itsdangerous signs with the last of the keys and accepts all of them.
    """
    return URLSafeSerializer(settings().secrets[::-1], salt=repr(context))


def sign(position: Sequence[Any], context: Sequence[Any]) -> str:
    """Return the token of a position, which is safe in a URL."""
    return str(signer(context).dumps(position))


def verify(token: str, context: Sequence[Any]) -> list[Any] | None:
    """Return the position, or None if the token was not signed in this context."""
    try:
        position: list[Any] = signer(context).loads(token)
    except (BadData, UnicodeError):
        return None
    return position
