"""What an export is made of, and what an import takes and answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from marshmallow import EXCLUDE, Schema, fields, post_dump
from marshmallow.validate import Equal

from todo_api.http.fields import Instant, StrictBoolean, Text
from todo_api.http.query_string import QuerySchema
from todo_api.tasks.schemas import TaskSchema

if TYPE_CHECKING:
    from uuid import UUID

FORMAT = "todo-export"
VERSION = 1


class Uid(fields.UUID):
    """A UUID as it is always written; Python also takes braces, urn:uuid:, no hyphens, and the digits of any script."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> UUID:
        uid = super()._deserialize(value, attr, data, **kwargs)
        if str(uid) != str(value).lower():
            raise self.make_error("invalid_uuid")
        return uid


class TransferTaskSchema(TaskSchema):
    """A task on its way elsewhere: `uid` is its name there too, and `deleted_at` says that it is in the trash.

    Only the title is required. What an import does not say of a task is as with a new one; a `uid` that is there
    already is skipped.
    """

    class Meta(TaskSchema.Meta):
        exclude = ("id", "user_id")

    uid = Uid(metadata={"description": "Names the task wherever it goes."})

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        """Take what is read-only elsewhere, and make every member optional but the title."""
        field_obj.required = field_name == "title"
        field_obj.dump_only = False
        field_obj.allow_none |= field_name == "deleted_at"

    @post_dump
    def drop_null(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Return the members, `deleted_at` only of what is in the trash."""
        if data["deleted_at"] is None:
            del data["deleted_at"]
        return data


class AccountSchema(Schema):
    """Whose tasks were exported."""

    id = fields.String(dump_only=True, required=True)
    email = fields.String(dump_only=True, required=True, allow_none=True)
    name = fields.String(dump_only=True, required=True)


class ExportSchema(Schema):
    """All tasks of one user, those in the trash included, oldest first."""

    class Meta:
        unknown = EXCLUDE

    format = Text(required=True, validate=Equal(FORMAT))
    version = fields.Integer(required=True, strict=True, validate=Equal(VERSION))
    exported_at = Instant(dump_only=True, required=True)
    user = fields.Nested(AccountSchema, dump_only=True, required=True)
    tasks = fields.List(fields.Nested(TransferTaskSchema), required=True)


class FaultSchema(Schema):
    """What is wrong with a document, and where."""

    pointer = fields.String(dump_only=True, required=True)
    detail = fields.String(dump_only=True, required=True)


class ImportedSchema(Schema):
    """What an import did, or would do."""

    created = fields.Integer(dump_only=True, required=True)
    skipped = fields.Integer(dump_only=True, required=True)
    errors = fields.List(fields.Nested(FaultSchema), dump_only=True, required=True)


class ImportParameters(QuerySchema):
    """How an import is done."""

    dry_run = StrictBoolean(load_default=False, metadata={"description": "Write nothing, only say what would happen."})
