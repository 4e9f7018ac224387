"""The marshmallow fields that every schema builds on."""

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
"""What the document says of it; lone surrogates are no characters there in the first place."""


DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
TIME = r"[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-5][0-9])"
DATE_TIME = re.compile(DATE.pattern + TIME)
"""A date-time of RFC 3339 section 5.6. Python takes an offset of 02:60 for 03:00."""
DATE_TIME_HINT = "a date-time with an offset as 2026-10-01T17:00:00+02:00 or 2026-10-01T15:00:00Z"

ORJSON_LENGTH = len('"2026-10-01T15:00:00.123000Z"')
"""How long orjson's text of a moment is that is in UTC and has a fraction, whose first three digits are shown."""

EXACT_MAX = 2**53
"""Whole numbers up to it are exact in a double."""


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
    """A list of so many elements at most, counted before they are read: each of a million would be looked at."""

    def __init__(self, element: fields.Field[Any], *, least: int = 0, most: int, **options: Any) -> None:
        self.length = Length(least, most)
        super().__init__(
            element, metadata={"minItems": least, "maxItems": most, **options.pop("metadata", {})}, **options
        )

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Any]:
        if isinstance(value, list):
            self.length(value)
        return super()._deserialize(value, attr, data, **kwargs)


class StrictBoolean(fields.Boolean):
    """JSON's true and false, and nothing that merely resembles them."""

    def _deserialize(self, value: object, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class Instant(fields.DateTime):
    """A moment, shown as RFC 3339 in UTC with exactly three fraction digits and Z.

    Three, because Better Auth's client reads further digits as milliseconds.
    """

    default_error_messages = {"format": f"Must be {DATE_TIME_HINT}."}

    def _deserialize(self, value: object, attr: str | None, data: Any, **kwargs: Any) -> datetime:
        if not isinstance(value, str) or not DATE_TIME.fullmatch(value):
            raise self.make_error("format", input=value, obj_type="date-time")
        try:
            moment = datetime.fromisoformat(value.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            raise self.make_error("invalid", input=value, obj_type="date-time") from None
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)

    def _serialize(self, value: datetime | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        if value is None:
            return None
        # In a third of the time of isoformat, which would be half of what writing a list of tasks takes.
        text = orjson.dumps(value, option=orjson.OPT_UTC_Z)
        if len(text) == ORJSON_LENGTH:
            return f"{text[1:24].decode()}Z"
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Due(fields.Field[Any]):
    """When something is due: on a date, `2026-10-01`, or at a moment, `2026-10-01T17:00:00+02:00`, shown in UTC.

    Which of them was meant is never guessed. It is kept in two columns, `due_on` and `due_at`.
    """

    default_error_messages = {
        "format": f"Must be a date as 2026-10-01, or {DATE_TIME_HINT}.",
        "no_day": "There is no such day.",
    }
    MOMENT = Instant()

    def _deserialize(self, value: object, attr: str | None, data: Any, **kwargs: Any) -> date:
        if isinstance(value, str) and DATE.fullmatch(value):
            try:
                return date.fromisoformat(value)
            except ValueError:
                raise self.make_error("no_day") from None
        if not isinstance(value, str) or not DATE_TIME.fullmatch(value):
            raise self.make_error("format")
        return self.MOMENT.deserialize(value)

    def get_value(self, obj: Any, *_: Any, **__: Any) -> Any:
        """Return what one of the two columns holds."""
        return obj["due_on"] or obj["due_at"]

    def _serialize(self, value: date | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        if isinstance(value, datetime):
            return self.MOMENT._serialize(value, attr, obj)  # noqa: SLF001 - a field's own way to write
        return None if value is None else value.isoformat()


class FiniteNumber(fields.Float):
    """A finite number. A whole one is shown without a fraction, where a double is exact."""

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

    def _serialize(self, value: float, attr: str | None, obj: Any, **kwargs: Any) -> float:  # type: ignore[override]
        return int(value) if value.is_integer() and -EXACT_MAX <= value <= EXACT_MAX else value
