"""What a task is on the wire."""

from __future__ import annotations

from typing import Any

from marshmallow import EXCLUDE, Schema, fields, post_load
from marshmallow.validate import Length

from todo_api.fields import Bool, Instant, Text
from todo_api.tasks.models import Task


class TaskSchema(Schema):
    """A task, with all its members."""

    class Meta:
        unknown = EXCLUDE

    id = fields.Integer(dump_only=True, required=True)
    user_id = fields.String(dump_only=True, required=True)
    title = Text(required=True, validate=Length(1, Task.TITLE_MAX))
    description = Text(required=True, allow_none=True, validate=Length(max=Task.DESCRIPTION_MAX))
    completed = Bool(required=True)
    created_at = Instant(dump_only=True, required=True)
    updated_at = Instant(dump_only=True, required=True)


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

    @post_load
    def drop_nulls(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Return the members that change something."""
        return {name: value for name, value in data.items() if value is not None}
