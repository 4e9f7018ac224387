"""Query parameters, read strictly: a mistyped filter that is ignored would change the meaning of a request."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from marshmallow import RAISE, Schema, ValidationError, fields
from marshmallow.validate import Range

from todo_api.http.errors import InvalidParameter

if TYPE_CHECKING:
    from flask import Request

PARAMETERS_MAX = 200
KEEP_BYTES = "surrogateescape"
"""The error handler that keeps bytes that are not UTF-8 as lone surrogates."""
UNKNOWN_PARAMETER = "Not a parameter of this route."
BOOLEANS = {"true": True, "false": False}
NUMBER_PATTERN = re.compile("0|[1-9][0-9]{0,9}")


class QuerySchema(Schema):
    """The query parameters of a route. Unknown parameters are rejected."""

    class Meta:
        unknown = RAISE

    error_messages = {"unknown": UNKNOWN_PARAMETER}

    def load(self, data: Any, **options: Any) -> Any:
        """Return the loaded parameters. Without parameters they are the defaults, which are computed once."""
        return super().load(data, **options) if data else {**self.defaults}

    @cached_property
    def defaults(self) -> dict[str, Any]:
        """The result of loading no parameters."""
        defaults: dict[str, Any] = super().load({})
        return defaults


class WholeNumber(fields.Integer):
    """A whole number from `minimum` to `maximum`, without sign or leading zeros."""

    def __init__(self, maximum: int, *, minimum: int = 1, **options: Any) -> None:
        self.range_message = f"Must be a whole number from {minimum} to {maximum}."
        super().__init__(validate=Range(minimum, maximum, error=self.range_message), **options)

    def _deserialize(self, value: object, attr: str | None, data: Any, **kwargs: Any) -> int:
        if not isinstance(value, str) or not NUMBER_PATTERN.fullmatch(value):
            raise ValidationError(self.range_message)
        return int(value)


def query_values(req: Request, schema: Schema) -> dict[str, Any]:
    """Return the parameters by name, with a list for each list field of the schema.

    Raises:
        InvalidParameter: 422, for an empty parameter, and for a repeated one that is not a list field.

    """
    values: dict[str, Any] = {}
    for name, value in query_pairs(req):
        field = schema.fields.get(name)
        if value == "" and not getattr(field, "may_be_empty", False):
            raise InvalidParameter([(name, "Must not be empty.")])
        if isinstance(field, fields.List):
            values.setdefault(name, []).append(value)
        elif name in values:
            raise InvalidParameter([(name, "Given more than once.")])
        else:
            values[name] = BOOLEANS.get(value, value) if isinstance(field, fields.Boolean) else value
    return values


def query_pairs(req: Request) -> list[tuple[str, str]]:
    """Return the names and values. Names that start with _ are ignored.

    Bytes that are not UTF-8 become lone surrogates in values, which every field rejects. In names they become U+FFFD,
    because the response repeats a wrong name and JSON has no lone surrogates.
    """
    if not req.query_string:
        return []
    query = req.query_string.decode(errors=KEEP_BYTES)
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors=KEEP_BYTES, max_num_fields=PARAMETERS_MAX)
    except ValueError:
        raise InvalidParameter([("query", f"More than {PARAMETERS_MAX} parameters.")]) from None
    decoded = [(name.encode(errors=KEEP_BYTES).decode(errors="replace"), value) for name, value in pairs]
    return [(name, value) for name, value in decoded if not name.startswith("_")]


def reject_parameters(req: Request) -> None:
    """Reject every query parameter, for a route that has none.

    Raises:
        InvalidParameter: 422.

    """
    if unknown := query_pairs(req):
        raise InvalidParameter([(name, UNKNOWN_PARAMETER) for name, _ in unknown])
