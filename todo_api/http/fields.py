"""The marshmallow fields of all schemas."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime
from typing import Any

import orjson
from marshmallow import fields
from marshmallow.validate import Length

UNSTORABLE = re.compile("[\0\ud800-\udfff]")
STORABLE_PATTERN = r"^[^\u0000]*$"
"""The same rule in the OpenAPI document, where a string cannot hold lone surrogates."""

DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
TIME = r"[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-5][0-9])"
DATE_TIME = re.compile(DATE.pattern + TIME)
"""A date-time of RFC 3339 section 5.6. `datetime.fromisoformat` alone would accept an offset of 02:60."""
DATE_PATTERN = f"^{DATE.pattern}$"
HOUR = "([01][0-9]|2[0-3])"
DATE_TIME_PATTERN = rf"^{DATE.pattern}[Tt]{HOUR}:[0-5][0-9]:[0-5][0-9](\.[0-9]+)?([Zz]|[+-]{HOUR}:[0-5][0-9])$"
"""The same rules in the OpenAPI document. RFC 3339 has leap seconds, Python has not."""
DATE_TIME_HINT = "a date-time with an offset as 2026-10-01T17:00:00+02:00 or 2026-10-01T15:00:00Z"

ORJSON_LENGTH = len('"2026-10-01T15:00:00.123000Z"')
"""The length of orjson's text of an instant in UTC with a fraction."""


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


class BoundedList(fields.List[Any]):
    """A list of limited length. The length is checked before the elements, so that a million of them cost nothing."""

    def __init__(self, element: fields.Field[Any], *, min_items: int = 0, max_items: int, **options: Any) -> None:
        self.validate_length = Length(min_items, max_items)
        metadata = {"minItems": min_items, "maxItems": max_items, **options.pop("metadata", {})}
        super().__init__(element, metadata=metadata, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Any]:
        if isinstance(value, list):
            self.validate_length(value)
        return super()._deserialize(value, attr, data, **kwargs)


class StrictBoolean(fields.Boolean):
    """True or false. marshmallow's field also accepts 1, "yes" and the like."""

    def _deserialize(self, value: object, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class Instant(fields.DateTime):
    """An instant, serialized as an RFC 3339 date-time in UTC with exactly three fraction digits and Z.

    Better Auth's client reads further digits as milliseconds.
    """

    default_error_messages = {"format": f"Must be {DATE_TIME_HINT}."}

    def __init__(self, **options: Any) -> None:
        super().__init__(metadata={"pattern": DATE_TIME_PATTERN, **options.pop("metadata", {})}, **options)

    def _deserialize(self, value: object, attr: str | None, data: Any, **kwargs: Any) -> datetime:
        if not isinstance(value, str) or not DATE_TIME.fullmatch(value):
            raise self.make_error("format", input=value, obj_type="date-time")
        try:
            instant = datetime.fromisoformat(value.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            raise self.make_error("invalid", input=value, obj_type="date-time") from None
        return instant.replace(microsecond=instant.microsecond // 1000 * 1000)

    def _serialize(self, value: datetime | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        if value is None:
            return None
        # orjson takes a third of the time of isoformat, which was half of the time to serialize a list of tasks.
        text = orjson.dumps(value, option=orjson.OPT_UTC_Z)
        if len(text) == ORJSON_LENGTH:
            return f"{text[1:24].decode()}Z"
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Due(fields.Field[Any]):
    """A due date, `2026-10-01`, or a due instant, `2026-10-01T17:00:00+02:00`. Neither is converted to the other."""

    default_error_messages = {
        "format": f"Must be a date as 2026-10-01, or {DATE_TIME_HINT}.",
        "no_such_day": "There is no such day.",
    }
    INSTANT = Instant()

    def _deserialize(self, value: object, attr: str | None, data: Any, **kwargs: Any) -> date:
        if isinstance(value, str) and DATE.fullmatch(value):
            try:
                return date.fromisoformat(value)
            except ValueError:
                raise self.make_error("no_such_day") from None
        if not isinstance(value, str) or not DATE_TIME.fullmatch(value):
            raise self.make_error("format")
        return self.INSTANT.deserialize(value)

    def _serialize(self, value: date | None, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        # orjson writes a date as it is.
        return self.INSTANT._serialize(value, attr, obj) if isinstance(value, datetime) else value  # noqa: SLF001


class FiniteNumber(fields.Float):
    """A finite number."""

    def _deserialize(self, value: object, attr: str | None, data: Any, **kwargs: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.make_error("invalid", input=value)
        try:
            number = float(value)
        except OverflowError:
            raise self.make_error("too_large", input=value) from None
        if not math.isfinite(number):
            raise self.make_error("too_large", input=value)
        return number
