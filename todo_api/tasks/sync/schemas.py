"""What goes in and out of the routes of many tasks."""

from __future__ import annotations

from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validates_schema
from marshmallow.validate import OneOf, Range

from todo_api.http.fields import BoundedList, StrictBoolean, Text
from todo_api.tasks.schemas import TaskPatchSchema, TaskSchema

OPERATIONS_MAX = 100
REQUIRED_FIELDS = {"create": ("task",), "update": ("id", "task"), "delete": ("id",), "restore": ("id",)}
"""What each operation is about."""
MISSING = ["Missing data for required field."]


class ChangesSchema(Schema):
    """What has changed, in the order of the changes, and the token for the next time."""

    tasks = fields.List(fields.Nested(TaskSchema), dump_only=True, required=True)
    deleted = fields.List(fields.Integer(), dump_only=True, required=True)
    sync_token = fields.String(dump_only=True, required=True)
    has_more = StrictBoolean(dump_only=True, required=True)


class OperationSchema(Schema):
    """One operation: `create` takes a `task`, `update` an `id` and a `task`, `delete` and `restore` an `id`."""

    class Meta:
        unknown = EXCLUDE

    op = Text(required=True, validate=OneOf(list(REQUIRED_FIELDS)))
    id = fields.Integer(strict=True, validate=Range(min=1))
    task = fields.Nested(TaskPatchSchema)
    if_match = Text()

    @validates_schema
    def complete(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse an operation that lacks what it is about."""
        absent = [name for name in REQUIRED_FIELDS[data["op"]] if name not in data]
        if absent:
            raise ValidationError(dict.fromkeys(absent, MISSING))
        if data["op"] == "create" and "title" not in data["task"]:
            raise ValidationError({"task": {"title": MISSING}})


class BatchSchema(Schema):
    """Operations, in their order."""

    class Meta:
        unknown = EXCLUDE

    operations = BoundedList(fields.Nested(OperationSchema), least=1, most=OPERATIONS_MAX, required=True)


class ResultSchema(Schema):
    """What one operation came to; the task is there unless it was deleted."""

    status = fields.Integer(dump_only=True, required=True)
    etag = fields.String(dump_only=True, required=True)
    task = fields.Nested(TaskSchema, dump_only=True)


class ResultsSchema(Schema):
    """The results, in the order of the operations."""

    results = fields.List(fields.Nested(ResultSchema), dump_only=True, required=True)
