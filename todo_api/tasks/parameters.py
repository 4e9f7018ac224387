"""The query parameters of the task routes."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple
from unicodedata import normalize
from zoneinfo import available_timezones

from marshmallow import ValidationError, fields, validates_schema
from marshmallow.validate import Length, OneOf

from todo_api.http import cursors
from todo_api.http.fields import DATE_TIME_HINT, Due, StrictBoolean, Text
from todo_api.http.query_string import QuerySchema, WholeNumber
from todo_api.tasks.models import Task

if TYPE_CHECKING:
    from collections.abc import Mapping

LIMIT_MAX = 200
CHANGES_MAX = 500
OCCURRENCES_MAX = 100
OCCURRENCES_DEFAULT = 10
SORT_KEYS = ("id", "title", "due", "priority", "order", "created_at", "updated_at", "completed_at")
TIME_ZONE_PATTERN = "^[A-Z][A-Za-z0-9_+-]*(/[A-Z][A-Za-z0-9_+-]*)*$"
NOT_FILTERS = {"timezone", "all", "permanent", "sort", "limit", "cursor"}


class SortKey(NamedTuple):
    """A sort key."""

    name: str
    descending: bool = False


class SortKeys(fields.String):
    """Sort keys in order of precedence, separated by commas; - before a key sorts it in descending order."""

    def _deserialize(self, value: object, attr: str | None, data: Any, **kwargs: Any) -> tuple[SortKey, ...]:  # type: ignore[override]
        keys = tuple(SortKey(text.removeprefix("-"), text.startswith("-")) for text in str(value).split(","))
        names = {key.name for key in keys}
        if not names <= set(SORT_KEYS):
            raise ValidationError(
                f"Must be keys separated by commas, a - before one that descends: {', '.join(SORT_KEYS)}."
            )
        if len(names) < len(keys):
            raise ValidationError("Each key once.")
        return keys


class DueBound(Due):
    """A date or a timestamp that due dates are compared with."""

    default_error_messages = {"format": f"Must be a date as 2026-10-01, or {DATE_TIME_HINT}, its + written %2B."}


@cache
def time_zones() -> set[str]:
    """Return the names in the IANA time zone database, cached: reading its files takes some milliseconds.

    Some machines have a file `localtime` beside them, a name that PostgreSQL does not know.
    """
    return available_timezones() - {"localtime"}


def validate_timezone(name: str) -> None:
    """Reject an unknown time zone."""
    if name not in time_zones():
        raise ValidationError("Must be an IANA time zone such as Europe/Berlin.")


class NormalizedText(Text):
    """A text that is compared with stored texts: loaded in NFC."""

    def _deserialize(self, value: object, attr: str | None, data: Any, **kwargs: Any) -> str:
        return normalize("NFC", super()._deserialize(value, attr, data, **kwargs))


class FilterParameters(QuerySchema):
    """The filters. Dates are days of the time zone `timezone`."""

    completed = StrictBoolean()
    due_after = DueBound(metadata={"description": "Tasks that are due at this date or timestamp, or later."})
    due_before = DueBound(metadata={"description": "Tasks that are due before this date or timestamp."})
    due = Text(validate=OneOf(["none"]), metadata={"description": "`none`: tasks without a due date."})
    priority = fields.List(
        Text(validate=OneOf(Task.PRIORITIES)),
        metadata={"description": "Tasks with this priority; repeated: with any of these."},
    )
    tag = fields.List(
        NormalizedText(validate=Length(1, Task.TAG_MAX)),
        metadata={"description": "Tasks with this tag; repeated: with all of these."},
    )
    q = NormalizedText(
        validate=Length(1, Task.TITLE_MAX),
        metadata={"description": "Tasks whose title or description contains this text, in any case."},
    )
    deleted = StrictBoolean(load_default=False, metadata={"description": "`true`: tasks in the trash."})
    timezone = Text(
        load_default="UTC",
        validate=validate_timezone,
        metadata={
            "description": "The IANA time zone of dates, such as Europe/Berlin.",
            "pattern": TIME_ZONE_PATTERN,
        },
    )


class ListParameters(FilterParameters):
    """The parameters of a list: filters, sort keys and page."""

    sort = SortKeys(
        load_default=(SortKey("id"),),
        metadata={
            "description": "Sort keys, separated by commas; - before a key sorts it in descending order: -due,title.",
            "default": "id",
            "pattern": f"^-?({'|'.join(SORT_KEYS)})(,-?({'|'.join(SORT_KEYS)}))*$",
        },
    )
    limit = WholeNumber(
        LIMIT_MAX, metadata={"description": "The number of tasks on a page; without it, all tasks are returned."}
    )
    cursor = Text(
        metadata={"description": "The pagination cursor of a page, from the Link header.", "pattern": cursors.PATTERN}
    )


class DeleteManyParameters(FilterParameters):
    """The parameters of a deletion by filter."""

    all = StrictBoolean(
        load_default=False, metadata={"description": "Delete all tasks; required if there is no filter."}
    )
    permanent = StrictBoolean(load_default=False, metadata={"description": "Delete permanently, without the trash."})

    @validates_schema
    def reject_contradictions(self, data: dict[str, Any], **_: Any) -> None:
        """Reject parameters that contradict each other."""
        if data["all"] and active_filters(data):
            raise ValidationError({"all": ["Not beside a filter."]})
        if data["deleted"] and not data["permanent"]:
            raise ValidationError({"deleted": ["Only with permanent=true: what is in the trash is deleted already."]})


class DeleteOneParameters(QuerySchema):
    """The parameters of the deletion of one task."""

    permanent = StrictBoolean(load_default=False, metadata={"description": "Delete permanently, without the trash."})


class OccurrencesParameters(QuerySchema):
    """The parameters of a preview of due dates."""

    limit = WholeNumber(
        OCCURRENCES_MAX, load_default=OCCURRENCES_DEFAULT, metadata={"description": "The maximum number of due dates."}
    )


class SyncToken(fields.String):
    """A sync token. The view rejects an empty or unreadable one, with a detail that tells how to start again."""

    may_be_empty = True


class ChangesParameters(QuerySchema):
    """The parameters of a list of changes."""

    sync_token = SyncToken(
        metadata={
            "description": "The token of the last response; without it, all tasks are returned.",
            "pattern": cursors.PATTERN,
        }
    )
    limit = WholeNumber(
        CHANGES_MAX,
        load_default=CHANGES_MAX,
        metadata={"description": "The maximum number of tasks and deletions together."},
    )


def active_filters(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the filters among the parameters. `deleted=false` is no filter but the default."""
    return {
        name: value for name, value in parameters.items() if name not in NOT_FILTERS and (name != "deleted" or value)
    }
