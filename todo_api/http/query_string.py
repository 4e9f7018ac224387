"""Query parameters, read strictly: a slip that went unnoticed would change what a request means."""

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
"""How bytes that are no UTF-8 are kept apart, and written again as they came."""
UNKNOWN = "Not a parameter of this route."
BOOLEANS = {"true": True, "false": False}
NUMBER = re.compile("[1-9][0-9]{0,9}")


class QuerySchema(Schema):
    """The parameters of a route; others are refused."""

    class Meta:
        unknown = RAISE

    error_messages = {"unknown": UNKNOWN}

    def load(self, data: Any, **options: Any) -> Any:
        """Return what the parameters say; of none that is always the same, and looked for once."""
        return super().load(data, **options) if data else {**self.defaults}

    @cached_property
    def defaults(self) -> dict[str, Any]:
        """What is said without a parameter."""
        defaults: dict[str, Any] = super().load({})
        return defaults


class WholeNumber(fields.Integer):
    """A whole number from 1 to `maximum`, in its one spelling."""

    def __init__(self, maximum: int, **options: Any) -> None:
        self.range = f"Must be a whole number from 1 to {maximum}."
        super().__init__(validate=Range(1, maximum, error=self.range), **options)

    def _deserialize(self, value: object, attr: str | None, data: Any, **kwargs: Any) -> int:
        if not isinstance(value, str) or not NUMBER.fullmatch(value):
            raise ValidationError(self.range)
        return int(value)


def query_values(req: Request, schema: Schema) -> dict[str, Any]:
    """Return the parameters by name: a list where a parameter may be repeated. Names that start with _ pass unread.

    Raises:
        InvalidParameter: 422, for a parameter that is empty, or given twice where once is meant.

    """
    members: dict[str, Any] = {}
    for name, value in query_pairs(req):
        field = schema.fields.get(name)
        if value == "" and not getattr(field, "may_be_empty", False):
            raise InvalidParameter([(name, "Must not be empty.")])
        if isinstance(field, fields.List):
            members.setdefault(name, []).append(value)
        elif name in members:
            raise InvalidParameter([(name, "Given more than once.")])
        else:
            members[name] = BOOLEANS.get(value, value) if isinstance(field, fields.Boolean) else value
    return members


def query_pairs(req: Request) -> list[tuple[str, str]]:
    """Return names and values; bytes that are no UTF-8 become lone surrogates in values, which no field takes.

    In names, which answers repeat, they become U+FFFD: JSON has no lone surrogates.
    """
    if not req.query_string:
        return []
    query = req.query_string.decode(errors=KEEP_BYTES)
    try:
        given = parse_qsl(query, keep_blank_values=True, errors=KEEP_BYTES, max_num_fields=PARAMETERS_MAX)
    except ValueError:
        raise InvalidParameter([("query", f"More than {PARAMETERS_MAX} parameters.")]) from None
    named = [(name.encode(errors=KEEP_BYTES).decode(errors="replace"), value) for name, value in given]
    return [(name, value) for name, value in named if not name.startswith("_")]


def reject_parameters(req: Request) -> None:
    """Refuse every parameter of a request that takes none.

    Raises:
        InvalidParameter: 422.

    """
    if unknown := query_pairs(req):
        raise InvalidParameter([(name, UNKNOWN) for name, _ in unknown])
