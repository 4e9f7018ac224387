"""The schemas of batches and changes."""

from __future__ import annotations

from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validates_schema
from marshmallow.validate import OneOf, Range

from todo_api.http.conditional_requests import ENTITY_TAGS_PATTERN, parse_if_match
from todo_api.http.errors import InvalidEntityTag
from todo_api.http.fields import BoundedList, StrictBoolean, Text
from todo_api.tasks.schemas import TaskPatchSchema, TaskPostSchema, TaskSchema

OPERATIONS_MAX = 100
REQUIRED_FIELDS = {"create": ("task",), "update": ("id", "task"), "delete": ("id",), "restore": ("id",)}
"""The fields that each operation requires."""
MISSING = ["Missing data for required field."]


def validate_if_match(value: str) -> None:
    """Reject a text that is neither * nor a list of entity tags."""
    try:
        parse_if_match(value)
    except InvalidEntityTag as problem:
        raise ValidationError(problem.detail) from None


class ChangesSchema(Schema):
    """The changes in their order, and the token of the next request."""

    tasks = fields.List(fields.Nested(TaskSchema), dump_only=True, required=True)
    deleted = fields.List(fields.Integer(), dump_only=True, required=True)
    sync_token = fields.String(dump_only=True, required=True)
    has_more = StrictBoolean(dump_only=True, required=True)


class OperationSchema(Schema):
    """One operation: `create` requires a `task`, `update` an `id` and a `task`, `delete` and `restore` an `id`."""

    class Meta:
        unknown = EXCLUDE

    op = Text(required=True, validate=OneOf(list(REQUIRED_FIELDS)))
    id = fields.Integer(strict=True, validate=Range(min=1))
    task = fields.Nested(TaskPatchSchema)
    if_match = Text(validate=validate_if_match)

    @validates_schema
    def check_required_fields(self, data: dict[str, Any], **_: Any) -> None:
        """Reject an operation without its required fields."""
        missing = [name for name in REQUIRED_FIELDS[data["op"]] if name not in data]
        if missing:
            raise ValidationError(dict.fromkeys(missing, MISSING))
        if data["op"] == "create" and "title" not in data["task"]:
            raise ValidationError({"task": {"title": MISSING}})


class CreateOperationSchema(Schema):
    """The operation `create` in the document, which has a schema for each `op`."""

    class Meta:
        unknown = EXCLUDE

    op = fields.String(required=True, validate=OneOf(["create"]))
    task = fields.Nested(TaskPostSchema, required=True)


class DeleteOperationSchema(Schema):
    """The operation `delete`."""

    class Meta:
        unknown = EXCLUDE

    op = fields.String(required=True, validate=OneOf(["delete"]))
    id = fields.Integer(required=True, validate=Range(min=1))
    if_match = fields.String(metadata={"pattern": ENTITY_TAGS_PATTERN})


class RestoreOperationSchema(DeleteOperationSchema):
    """The operation `restore`."""

    op = fields.String(required=True, validate=OneOf(["restore"]))


class UpdateOperationSchema(DeleteOperationSchema):
    """The operation `update`."""

    op = fields.String(required=True, validate=OneOf(["update"]))
    task = fields.Nested(TaskPatchSchema, required=True)


ONE_OF = (CreateOperationSchema, UpdateOperationSchema, DeleteOperationSchema, RestoreOperationSchema)


class BatchSchema(Schema):
    """The operations of a batch, in their order."""

    class Meta:
        unknown = EXCLUDE

    operations = BoundedList(
        fields.Nested(OperationSchema, metadata={"one_of": ONE_OF}),
        min_items=1,
        max_items=OPERATIONS_MAX,
        required=True,
    )


class ResultSchema(Schema):
    """The result of one operation. A deletion has no task."""

    status = fields.Integer(dump_only=True, required=True)
    etag = fields.String(dump_only=True, required=True)
    task = fields.Nested(TaskSchema, dump_only=True)


class BatchResultsSchema(Schema):
    """The results of a batch, in the order of its operations."""

    results = fields.List(fields.Nested(ResultSchema), dump_only=True, required=True)
