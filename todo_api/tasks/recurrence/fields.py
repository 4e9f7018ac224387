"""The field of a recurrence rule."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError
from marshmallow.validate import Length

from todo_api.http.fields import Text
from todo_api.tasks.recurrence.rules import PATTERN, RULE_MAX, InvalidRuleError, parse_rule


class RecurrenceRule(Text):
    """A rule of the grammar, loaded in its canonical form. The length is checked before the rule is parsed."""

    def __init__(self, **options: Any) -> None:
        self.validate_length = Length(max=RULE_MAX)
        super().__init__(metadata={"pattern": PATTERN, "maxLength": RULE_MAX, **options.pop("metadata", {})}, **options)

    def _deserialize(self, value: object, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        self.validate_length(text)
        try:
            return str(parse_rule(text))
        except InvalidRuleError as error:
            raise ValidationError(str(error)) from None
