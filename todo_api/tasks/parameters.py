"""The query parameters of the task routes."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import available_timezones

from marshmallow import ValidationError, fields, validates_schema
from marshmallow.validate import Length, OneOf

from todo_api.http.fields import DATE_TIME_HINT, Due, StrictBoolean, Text
from todo_api.http.query_string import QuerySchema, WholeNumber
from todo_api.tasks.models import Task

if TYPE_CHECKING:
    from collections.abc import Mapping

LIMIT_MAX = 200
CHANGES_MAX = 500
SORT_KEYS = ("id", "title", "due", "priority", "order", "created_at", "updated_at", "completed_at")
NOT_FILTERS = {"timezone", "all", "permanent", "sort", "limit", "cursor"}


class SortKey(NamedTuple):
    """A key to sort by."""

    name: str
    descending: bool = False


class Sort(fields.String):
    """Keys to sort by, the first one first, separated by commas; one with a - before it descends."""

    def _deserialize(self, value: object, attr: str | None, data: Any, **kwargs: Any) -> tuple[SortKey, ...]:  # type: ignore[override]
        words = str(value).split(",")
        keys = tuple(SortKey(word.removeprefix("-"), word.startswith("-")) for word in words)
        if not {key.name for key in keys} <= set(SORT_KEYS):
            raise ValidationError(
                f"Must be keys separated by commas, a - before one that descends: {', '.join(SORT_KEYS)}."
            )
        if len({key.name for key in keys}) < len(keys):
            raise ValidationError("Each key once.")
        return keys


class DueBound(Due):
    """A date or a moment to compare due dates with."""

    default_error_messages = {"format": f"Must be a date as 2026-10-01, or {DATE_TIME_HINT}, its + written %2B."}


@cache
def time_zones() -> set[str]:
    """Return the names of the IANA time zone database; reading its files takes some milliseconds, once.

    `localtime` is a file that some machines have beside them, and PostgreSQL does not know.
    """
    return available_timezones() - {"localtime"}


def validate_timezone(name: str) -> None:
    """Refuse what is no name of a time zone."""
    if name not in time_zones():
        raise ValidationError("Must be an IANA time zone such as Europe/Berlin.")


class FilterParameters(QuerySchema):
    """Which tasks are meant. A date lies where `timezone` says."""

    completed = StrictBoolean()
    due_after = DueBound(metadata={"description": "Due then or later."})
    due_before = DueBound(metadata={"description": "Due earlier."})
    due = Text(validate=OneOf(["none"]), metadata={"description": "Without a due date."})
    priority = fields.List(Text(validate=OneOf(Task.PRIORITIES)), metadata={"description": "Any of these."})
    tag = fields.List(Text(validate=Length(1, Task.TAG_MAX)), metadata={"description": "All of these."})
    q = Text(validate=Length(1, Task.TITLE_MAX), metadata={"description": "Text of title or description, in any case."})
    deleted = StrictBoolean(load_default=False, metadata={"description": "Those in the trash."})
    timezone = Text(
        load_default="UTC",
        validate=validate_timezone,
        metadata={"description": "Where the day of a date lies, such as Europe/Berlin."},
    )


class ListParameters(FilterParameters):
    """Which tasks are listed, and how."""

    sort = Sort(
        load_default=(SortKey("id"),),
        metadata={
            "description": "Keys, separated by commas; one with a - before it descends, as in -due,title.",
            "default": "id",
            "pattern": f"^-?({'|'.join(SORT_KEYS)})(,-?({'|'.join(SORT_KEYS)}))*$",
        },
    )
    limit = WholeNumber(LIMIT_MAX, metadata={"description": "How many at most; without it all are."})
    cursor = Text(metadata={"description": "From the Link header: where the next page begins."})


class DeleteManyParameters(FilterParameters):
    """Which tasks are deleted."""

    all = StrictBoolean(load_default=False, metadata={"description": "All tasks, where no filter is given."})
    permanent = StrictBoolean(load_default=False, metadata={"description": "For good, not into the trash."})

    @validates_schema
    def refuse_contradictions(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse what cannot have been meant."""
        if data["all"] and active_filters(data):
            raise ValidationError({"all": ["Not beside a filter."]})
        if data["deleted"] and not data["permanent"]:
            raise ValidationError({"deleted": ["Only with permanent=true: what is in the trash is deleted already."]})


class DeleteOneParameters(QuerySchema):
    """How a task is deleted."""

    permanent = StrictBoolean(load_default=False, metadata={"description": "For good, not into the trash."})


class SyncToken(fields.String):
    """A sync token. An empty or unreadable one is told apart by what it is for, which says what to do then."""

    may_be_empty = True


class ChangesParameters(QuerySchema):
    """From where on, and how much."""

    sync_token = SyncToken(metadata={"description": "From the last answer; without it everything is told."})
    limit = WholeNumber(
        CHANGES_MAX, load_default=CHANGES_MAX, metadata={"description": "How many at most, of both lists together."}
    )


def active_filters(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the parameters that choose tasks."""
    return {
        name: value for name, value in parameters.items() if name not in NOT_FILTERS and (name != "deleted" or value)
    }
