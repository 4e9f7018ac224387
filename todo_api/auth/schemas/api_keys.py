"""The schemas of the API key routes: those of Better Auth's plugin, in which the client may choose the permissions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from marshmallow import EXCLUDE, RAISE, Schema, ValidationError, fields, post_load, validates_schema
from marshmallow.validate import OneOf

from todo_api.auth.api_keys.encoding import PREFIX
from todo_api.auth.api_keys.scopes import SCOPES, permissions_of, scopes_of
from todo_api.auth.models import APIKey
from todo_api.auth.schemas.sign_in import BodySchema
from todo_api.http.fields import BoundedList, FiniteNumber, Instant, StrictBoolean, Text
from todo_api.http.query_string import QuerySchema, WholeNumber

if TYPE_CHECKING:
    from todo_api.auth.api_keys.scopes import Permissions

EXPIRES_IN_MIN, EXPIRES_IN_MAX = 24 * 3600, 365 * 24 * 3600
"""Seconds until a key expires, as in Better Auth."""

PAGE_MAX = 1000
"""The largest limit and offset of a list: more than a user can have keys."""

UNUSED_PROPERTIES = {
    "configId": "default",
    "prefix": PREFIX,
    "metadata": None,
    "remaining": None,
    "refillAmount": None,
    "refillInterval": None,
    "lastRefillAt": None,
    "rateLimitEnabled": False,
    "rateLimitMax": None,
    "rateLimitTimeWindow": None,
    "requestCount": 0,
}
"""The properties of Better Auth's keys that are the same for all keys here."""

ACTIONS = permissions_of(SCOPES)

SERVER_ONLY = (
    *("prefix", "userId", "remaining", "refillAmount", "refillInterval"),
    *("rateLimitEnabled", "rateLimitMax", "rateLimitTimeWindow"),
)
"""The properties that no client can set, except to null."""

SORT_COLUMNS = {
    "createdAt": APIKey.created_at,
    "updatedAt": APIKey.updated_at,
    "expiresAt": APIKey.expires_at,
    "lastRequest": APIKey.last_used_on,
    "name": APIKey.name,
}
"""The columns by which a list can be sorted."""


def validate_unique(actions: list[str]) -> None:
    """Reject an action that is given more than once."""
    if len(set(actions)) < len(actions):
        raise ValidationError("Each action once.")


def actions_field(resource: str) -> fields.Field[Any]:
    """Return the field of the actions on a resource."""
    actions = ACTIONS[resource]
    return BoundedList(
        Text(validate=OneOf(actions)),
        min_items=1,
        max_items=len(actions),
        validate=validate_unique,
        metadata={"uniqueItems": True},
    )


def rejected(description: str) -> fields.Field[Any]:
    """Return the field of a property that only null leaves unrejected."""
    return fields.Raw(allow_none=True, metadata={"description": description, "enum": [None]})


class PermissionsSchema(Schema):
    """What a key may do: its actions by resource. They are loaded as scopes."""

    class Meta:
        unknown = RAISE
        json_schema = {"minProperties": 1}

    tasks = actions_field("tasks")
    feeds = actions_field("feeds")

    @validates_schema
    def check_permissions(self, data: dict[str, Any], **_: Any) -> None:
        """Reject permissions that permit nothing."""
        if not data:
            raise ValidationError("At least one permission.")

    @post_load
    def to_scopes(self, data: Permissions, **_: Any) -> list[str]:
        """Return the permissions as scopes."""
        return scopes_of(data)


class APIKeyBodySchema(BodySchema):
    """The properties of a key that a client can set."""

    class Meta(BodySchema.Meta):
        include = {name: rejected("Rejected: only the server can set it.") for name in SERVER_ONLY}

    name = Text(metadata={"maxLength": APIKey.NAME_MAX})
    expiresIn = FiniteNumber(  # noqa: N815 - the wire's name
        allow_none=True, attribute="expires_in", metadata={"minimum": EXPIRES_IN_MIN, "maximum": EXPIRES_IN_MAX}
    )
    permissions = fields.Nested(PermissionsSchema, attribute="scopes")
    metadata = rejected("Rejected: keys have no metadata here.")


class CreateAPIKeySchema(APIKeyBodySchema):
    """A new API key. By default it does not expire and has every permission on tasks."""


class UpdateAPIKeySchema(APIKeyBodySchema):
    """The changes of an API key: at least one. `expiresIn: null` keeps it from expiring."""

    keyId = Text(required=True, attribute="id")  # noqa: N815
    name = Text(metadata={"minLength": 1, "maxLength": APIKey.NAME_MAX})
    enabled = StrictBoolean()


class DeleteAPIKeySchema(BodySchema):
    """The API key to delete."""

    keyId = Text(required=True, attribute="id")  # noqa: N815


class APIKeySchema(Schema):
    """An API key without its text. `start` is its beginning; `lastRequest` is the day of its last use."""

    id = fields.String(dump_only=True, required=True)
    configId = fields.String(dump_only=True, required=True)  # noqa: N815
    name = fields.String(dump_only=True, required=True, allow_none=True)
    start = fields.String(dump_only=True, required=True)
    prefix = fields.String(dump_only=True, required=True)
    referenceId = fields.String(dump_only=True, required=True, attribute="user_id")  # noqa: N815
    permissions = fields.Nested(PermissionsSchema, dump_only=True, required=True)
    enabled = StrictBoolean(dump_only=True, required=True)
    expiresAt = Instant(dump_only=True, required=True, allow_none=True, attribute="expires_at")  # noqa: N815
    createdAt = Instant(dump_only=True, required=True, attribute="created_at")  # noqa: N815
    updatedAt = Instant(dump_only=True, required=True, attribute="updated_at")  # noqa: N815
    lastRequest = Instant(dump_only=True, required=True, allow_none=True)  # noqa: N815
    metadata = fields.Raw(dump_only=True, required=True, allow_none=True)
    remaining = fields.Integer(dump_only=True, required=True, allow_none=True)
    refillAmount = fields.Integer(dump_only=True, required=True, allow_none=True)  # noqa: N815
    refillInterval = fields.Integer(dump_only=True, required=True, allow_none=True)  # noqa: N815
    lastRefillAt = Instant(dump_only=True, required=True, allow_none=True)  # noqa: N815
    rateLimitEnabled = StrictBoolean(dump_only=True, required=True)  # noqa: N815
    rateLimitMax = fields.Integer(dump_only=True, required=True, allow_none=True)  # noqa: N815
    rateLimitTimeWindow = fields.Integer(dump_only=True, required=True, allow_none=True)  # noqa: N815
    requestCount = fields.Integer(dump_only=True, required=True)  # noqa: N815


class NewAPIKeySchema(APIKeySchema):
    """A new API key. `key` is its text, which no other response has."""

    key = fields.String(dump_only=True, required=True)


class APIKeyListSchema(Schema):
    """The API keys of a page, and their number on all pages."""

    apiKeys = fields.List(fields.Nested(APIKeySchema), dump_only=True, required=True)  # noqa: N815
    total = fields.Integer(dump_only=True, required=True)
    limit = fields.Integer(dump_only=True)
    offset = fields.Integer(dump_only=True)


class APIKeyParameters(QuerySchema):
    """The query parameters of a key. Unknown ones are ignored, as in Better Auth."""

    class Meta:
        unknown = EXCLUDE

    id = Text(required=True)


class APIKeyListParameters(QuerySchema):
    """The query parameters of a list. Unknown ones are ignored, as in Better Auth."""

    class Meta:
        unknown = EXCLUDE

    limit = WholeNumber(PAGE_MAX, minimum=0)
    offset = WholeNumber(PAGE_MAX, minimum=0)
    sortBy = Text(attribute="sort_by", validate=OneOf(list(SORT_COLUMNS)))  # noqa: N815
    sortDirection = Text(attribute="direction", validate=OneOf(["asc", "desc"]))  # noqa: N815
