"""The schemas of calendar feeds."""

from __future__ import annotations

from typing import Any

from marshmallow import EXCLUDE, RAISE, Schema, fields, post_load
from marshmallow.validate import Length, OneOf

from todo_api.http.fields import BoundedList, Instant, StrictBoolean, Text
from todo_api.tasks.feeds.models import CalendarFeed
from todo_api.tasks.models import Task
from todo_api.tasks.parameters import NormalizedText
from todo_api.tasks.schemas import validate_unique


class FeedFilterSchema(Schema):
    """The tasks of a feed. An unknown field is an error: a mistyped filter would share other tasks than meant."""

    class Meta:
        unknown = RAISE

    completed = StrictBoolean(
        allow_none=True,
        metadata={
            "description": "`false` (default): open tasks; `true`: completed tasks; null: both.",
            "default": False,
        },
    )
    priorities = BoundedList(
        Text(validate=OneOf(Task.PRIORITIES)),
        data_key="priority",
        max_items=len(Task.PRIORITIES),
        validate=validate_unique,
        metadata={"description": "Tasks with any of these priorities; empty: all tasks.", "uniqueItems": True},
    )
    tags = BoundedList(
        NormalizedText(validate=Length(1, Task.TAG_MAX)),
        data_key="tag",
        max_items=Task.TAGS_MAX,
        validate=validate_unique,
        metadata={"description": "Tasks with all of these tags; empty: all tasks.", "uniqueItems": True},
    )


class FeedSchema(Schema):
    """A calendar feed. `last_read_on` is the last day, in UTC, on which a calendar program has read it."""

    id = fields.Integer(dump_only=True, required=True)
    name = Text(required=True, allow_none=True, validate=Length(1, CalendarFeed.NAME_MAX))
    filter = fields.Nested(FeedFilterSchema, required=True)
    component = Text(
        data_key="as",
        required=True,
        validate=OneOf(CalendarFeed.COMPONENTS),
        metadata={"description": "`events` (default) for calendars, `todos` for programs that show VTODO."},
    )
    created_at = Instant(dump_only=True, required=True)
    last_read_on = fields.Date(dump_only=True, required=True, allow_none=True)


class NewFeedSchema(FeedSchema):
    """A created calendar feed, with the URL that only this response has."""

    url = fields.String(dump_only=True, required=True)


class FeedPostSchema(FeedSchema):
    """A feed to create. Every field is optional; read-only and unknown fields are ignored."""

    class Meta:
        unknown = EXCLUDE

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        """Make every field optional."""
        field_obj.required = False

    @post_load
    def fill_defaults(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Return the values of all columns."""
        filters = {"completed": False, "priorities": [], "tags": [], **data.pop("filter", {})}
        return {"name": None, "component": "events", **data, **filters}
