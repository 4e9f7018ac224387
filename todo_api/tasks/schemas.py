"""What a task is on the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, post_load, pre_load
from marshmallow.validate import Length, OneOf

from todo_api.http.fields import BoundedList, Due, FiniteNumber, Instant, StrictBoolean, Text
from todo_api.tasks.models import Task


def each_once(tags: list[str]) -> None:
    """Refuse a tag that is there twice."""
    if len(set(tags)) < len(tags):
        raise ValidationError("Each tag once.")


class TaskSchema(Schema):
    """A task, with all its members. `due` is a date or a moment; `deleted_at` is there in the trash only."""

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
        most=Task.TAGS_MAX,
        required=True,
        validate=each_once,
        metadata={"uniqueItems": True},
    )
    order = FiniteNumber(required=True)
    completed_at = Instant(dump_only=True, required=True, allow_none=True)
    created_at = Instant(dump_only=True, required=True)
    updated_at = Instant(dump_only=True, required=True)
    deleted_at = Instant(dump_only=True)

    @post_load
    def split_due(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Return the members under the names of their columns: a due date and a due moment have one each."""
        if "due" in data:
            due = data.pop("due")
            is_moment = isinstance(due, datetime)
            data |= {"due_on": None if is_moment else due, "due_at": due if is_moment else None}
        return data


class TaskPatchSchema(TaskSchema):
    """A merge patch (RFC 7396): what is absent stays, null clears; read-only members are ignored."""

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        """Make every member optional."""
        field_obj.required = False


class TaskPostSchema(TaskSchema):
    """A new task. Members that are read-only, or not known, are ignored."""

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        """Make every member optional but the title."""
        field_obj.required = field_name == "title"


class TaskPutSchema(TaskSchema):
    """What PUT changes of a task: a member that is absent or null stays as it is; read-only members are ignored."""

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        """Make every member optional, and nullable where it can be set."""
        field_obj.required = False
        field_obj.allow_none = not field_obj.dump_only

    @pre_load
    def drop_nulls(self, data: Any, **_: Any) -> Any:
        """Return the members that change something."""
        return {name: value for name, value in data.items() if value is not None} if isinstance(data, dict) else data


class DeletedSchema(Schema):
    """How many tasks were deleted."""

    deleted = fields.Integer(dump_only=True, required=True)
