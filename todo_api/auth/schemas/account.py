"""The schemas of the account routes, and the small results that auth routes share."""

from marshmallow import Schema, fields
from marshmallow.validate import Length

from todo_api.auth.models import User
from todo_api.auth.schemas.sign_in import REDIRECT, BodySchema
from todo_api.http.fields import Instant, StrictBoolean, Text


class SuccessSchema(Schema):
    """The result of a request that succeeds with or without a session or account."""

    success = StrictBoolean(dump_only=True, required=True)
    message = fields.String(dump_only=True)


class StatusSchema(Schema):
    """The result of a change."""

    status = StrictBoolean(dump_only=True, required=True)
    message = fields.String(dump_only=True)


class OkSchema(Schema):
    """The result of the check of the auth routes."""

    ok = StrictBoolean(dump_only=True, required=True)


class SignInMethodSchema(Schema):
    """A way to sign in."""

    id = fields.String(dump_only=True, required=True)
    providerId = fields.String(dump_only=True, required=True, attribute="provider_id")  # noqa: N815
    accountId = fields.String(dump_only=True, required=True, attribute="id")  # noqa: N815
    userId = fields.String(dump_only=True, required=True, attribute="id")  # noqa: N815
    scopes = fields.List(fields.String(), dump_only=True, required=True)
    createdAt = Instant(dump_only=True, required=True, attribute="created_at")  # noqa: N815
    updatedAt = Instant(dump_only=True, required=True, attribute="updated_at")  # noqa: N815


class UpdateUserSchema(BodySchema):
    """The fields of a profile that its user can change. `null` clears the image."""

    class Meta(BodySchema.Meta):
        json_schema = {"minProperties": 1}

    name = Text(validate=Length(max=User.NAME_MAX))
    image = Text(allow_none=True, validate=Length(max=User.IMAGE_MAX))
    email = fields.Raw(
        allow_none=True, metadata={"description": "Rejected: the e-mail address cannot be changed.", "not": {}}
    )


class DeleteUserSchema(BodySchema):
    """The password, or the token of a mailed link. A link redirects to `callbackURL`."""

    password = Text(metadata={"format": "password"})
    token = Text()
    callbackURL = Text(attribute="callback_url", metadata={"pattern": REDIRECT})  # noqa: N815
