"""The marshmallow fields that every schema builds on."""

from __future__ import annotations

import re
from typing import Any

from marshmallow import fields

UNSTORABLE = re.compile("[\0\ud800-\udfff]")
STORABLE_PATTERN = r"^[^\u0000]*$"
"""What the document says of it; lone surrogates are no characters there in the first place."""


class Text(fields.String):
    """A string that PostgreSQL can store: no NUL, no lone surrogate."""

    default_error_messages = {
        "unstorable": "Must not contain NUL (U+0000) or lone surrogates.",
    }

    def __init__(self, **options: Any) -> None:
        super().__init__(metadata={"pattern": STORABLE_PATTERN, **options.pop("metadata", {})}, **options)

    def _deserialize(self, value: object, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        if UNSTORABLE.search(text):
            raise self.make_error("unstorable")
        return text


class Bool(fields.Boolean):
    """JSON's true and false, and nothing that merely resembles them."""

    def _deserialize(self, value: object, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class Instant(fields.DateTime):
    """A moment, shown as RFC 3339 in UTC with exactly three fraction digits and Z.

    Three, because Better Auth's client reads further digits as milliseconds.
    """

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
