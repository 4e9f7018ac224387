"""The schemas of exports and imports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validates_schema
from marshmallow.validate import Equal

from todo_api.http.fields import Instant, StrictBoolean, Text
from todo_api.http.query_string import QuerySchema
from todo_api.tasks.errors import RecurrenceNeedsDue
from todo_api.tasks.schemas import TaskSchema

if TYPE_CHECKING:
    from uuid import UUID

FORMAT = "todo-export"
VERSION = 1


class Uid(fields.UUID):
    """A UUID in its canonical form; Python also accepts braces, urn:uuid:, no hyphens, and digits of other scripts."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> UUID:
        uid = super()._deserialize(value, attr, data, **kwargs)
        if str(uid) != str(value).lower():
            raise self.make_error("invalid_uuid")
        return uid


class TransferTaskSchema(TaskSchema):
    """A task in an export. `uid` identifies it across exports and imports; `deleted_at` marks a task in the trash.

    An import requires the title only. Absent fields get the values of a new task. A task with a known `uid` is skipped.
    """

    class Meta(TaskSchema.Meta):
        exclude = ("id", "user_id", "next_id")

    uid = Uid(metadata={"description": "Identifies the task across exports and imports."})

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        """Make read-only fields writable, and every field but the title optional."""
        field_obj.required = field_name == "title"
        field_obj.dump_only = False
        field_obj.allow_none |= field_name == "deleted_at"

    @validates_schema
    def require_due(self, data: dict[str, Any], **_: Any) -> None:
        """Reject a rule without a due date."""
        if data.get("recurrence") and not data.get("due"):
            raise ValidationError({"recurrence": [RecurrenceNeedsDue.detail]})


class AccountSchema(Schema):
    """The user whose tasks are exported."""

    id = fields.String(dump_only=True, required=True)
    email = fields.String(dump_only=True, required=True, allow_none=True)
    name = fields.String(dump_only=True, required=True)


class ImportSchema(Schema):
    """The fields of an export that an import reads."""

    class Meta:
        unknown = EXCLUDE

    format = Text(required=True, validate=Equal(FORMAT))
    version = fields.Integer(required=True, strict=True, validate=Equal(VERSION))
    tasks = fields.List(fields.Nested(TransferTaskSchema), required=True)


class ExportSchema(ImportSchema):
    """All tasks of a user, oldest first, including the trash."""

    exported_at = Instant(dump_only=True, required=True)
    user = fields.Nested(AccountSchema, dump_only=True, required=True)


class FaultSchema(Schema):
    """An error in a document, or what of it is lost, with a JSON Pointer to its position."""

    pointer = fields.String(dump_only=True, required=True)
    detail = fields.String(dump_only=True, required=True)


class ImportedSchema(Schema):
    """The result of an import, or of its dry run."""

    created = fields.Integer(dump_only=True, required=True)
    skipped = fields.Integer(dump_only=True, required=True)
    errors = fields.List(fields.Nested(FaultSchema), dump_only=True, required=True)
    warnings = fields.List(
        fields.Nested(FaultSchema),
        dump_only=True,
        required=True,
        metadata={"description": "What of a calendar is not imported, such as a rule that tasks cannot have."},
    )


class ImportParameters(QuerySchema):
    """The parameters of an import."""

    dry_run = StrictBoolean(
        load_default=False, metadata={"description": "Write nothing; only return what an import would do."}
    )
