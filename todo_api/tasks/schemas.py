"""The schemas of a task in requests and responses."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from unicodedata import normalize

from marshmallow import EXCLUDE, Schema, ValidationError, fields, post_load, pre_load
from marshmallow.validate import Length, OneOf

from todo_api.http.fields import BoundedList, Due, FiniteNumber, Instant, StrictBoolean, Text
from todo_api.tasks.models import Task
from todo_api.tasks.parameters import TIME_ZONE_PATTERN, validate_timezone
from todo_api.tasks.recurrence.fields import RecurrenceRule


def validate_unique(values: list[str]) -> None:
    """Reject duplicates, compared in NFC."""
    if len({normalize("NFC", value) for value in values}) < len(values):
        raise ValidationError("Each value only once.")


def due_columns(due: date | None) -> dict[str, date | None]:
    """Return the two columns of a due date: `due_on` for a date, `due_at` for a timestamp."""
    is_timestamp = isinstance(due, datetime)
    return {"due_on": None if is_timestamp else due, "due_at": due if is_timestamp else None}


class TaskSchema(Schema):
    """A task with all its fields. `due` is a date or a timestamp; only a task in the trash has `deleted_at`."""

    class Meta:
        unknown = EXCLUDE

    id = fields.Integer(dump_only=True, required=True)
    user_id = fields.String(dump_only=True, required=True)
    title = Text(required=True, validate=Length(1, Task.TITLE_MAX))
    description = Text(required=True, allow_none=True, validate=Length(max=Task.DESCRIPTION_MAX))
    completed = StrictBoolean(required=True)
    due = Due(required=True, allow_none=True)
    priority = Text(required=True, allow_none=True, validate=OneOf(Task.PRIORITIES))
    tags = BoundedList(
        Text(validate=Length(1, Task.TAG_MAX)),
        max_items=Task.TAGS_MAX,
        required=True,
        validate=validate_unique,
        metadata={"uniqueItems": True},
    )
    order = FiniteNumber(required=True)
    recurrence = RecurrenceRule(
        required=True,
        allow_none=True,
        metadata={"description": "The rule (RFC 5545) by which the task repeats, such as FREQ=WEEKLY;BYDAY=MO."},
    )
    repeat_from = Text(
        required=True,
        allow_none=True,
        validate=OneOf(Task.REPEAT_FROM),
        metadata={"description": "What the next due date is counted from; null is `due`."},
    )
    timezone = Text(
        required=True,
        allow_none=True,
        validate=validate_timezone,
        metadata={
            "description": "The IANA time zone in which the task repeats, such as Europe/Berlin; null is UTC.",
            "pattern": TIME_ZONE_PATTERN,
            "maxLength": Task.TIMEZONE_MAX,
        },
    )
    next_id = fields.Integer(
        dump_only=True,
        required=True,
        allow_none=True,
        metadata={"description": "The id of the task that followed when this one, which repeated, was completed."},
    )
    completed_at = Instant(dump_only=True, required=True, allow_none=True)
    created_at = Instant(dump_only=True, required=True)
    updated_at = Instant(dump_only=True, required=True)
    deleted_at = Instant(dump_only=True)

    @post_load
    def split_due(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Replace `due` by its two columns."""
        if "due" in data:
            data |= due_columns(data.pop("due"))
        return data


class TaskPatchSchema(TaskSchema):
    """A merge patch (RFC 7396): an absent field keeps its value, null clears it; read-only fields are ignored."""

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        """Make every field optional."""
        field_obj.required = False


class TaskPostSchema(TaskSchema):
    """A new task. Read-only and unknown fields are ignored."""

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        """Make every field but the title optional."""
        field_obj.required = field_name == "title"


class TaskPutSchema(TaskSchema):
    """The body of PUT: an absent or null field keeps its value; read-only fields are ignored."""

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        """Make every field optional, and every writable field nullable."""
        field_obj.required = False
        field_obj.allow_none = not field_obj.dump_only

    @pre_load
    def drop_nulls(self, data: Any, **_: Any) -> Any:
        """Return the fields that are not null."""
        return {name: value for name, value in data.items() if value is not None} if isinstance(data, dict) else data


class DeletedSchema(Schema):
    """The number of deleted tasks."""

    deleted = fields.Integer(dump_only=True, required=True)


class OccurrenceListSchema(Schema):
    """The due dates of the tasks that would follow."""

    occurrences = fields.List(Due(), dump_only=True, required=True)
