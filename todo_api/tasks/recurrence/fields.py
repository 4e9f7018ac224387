"""The field of a recurrence rule."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError

from todo_api.http.fields import Text
from todo_api.tasks.recurrence.parts import InvalidRuleError
from todo_api.tasks.recurrence.rules import PATTERN, RULE_MAX, parse_rule


class RecurrenceRule(Text):
    """A rule of the grammar, loaded in its canonical form."""

    def __init__(self, **options: Any) -> None:
        super().__init__(metadata={"pattern": PATTERN, "maxLength": RULE_MAX, **options.pop("metadata", {})}, **options)

    def _deserialize(self, value: object, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        try:
            return str(parse_rule(text))
        except InvalidRuleError as error:
            raise ValidationError(str(error)) from None
