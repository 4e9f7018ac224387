"""The schemas of the account routes, and the small results that auth routes share."""

from marshmallow import Schema, fields
from marshmallow.validate import Length

from todo_api.auth.models import User
from todo_api.auth.schemas.sign_in import NEW_PASSWORD, REDIRECT, BodySchema, Email, UserSchema
from todo_api.http.fields import StrictBoolean, Text

RESET_TOKEN = "^[0-9a-f]{64}_[0-9A-Za-z-]+$"  # noqa: S105 - a pattern
"""The form of the token of a mailed link."""


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


class ChangePasswordSchema(BodySchema):
    """The current and the new password. By default your other sessions end."""

    currentPassword = Text(required=True, attribute="current", metadata={"format": "password"})  # noqa: N815
    newPassword = Text(required=True, attribute="new", metadata=NEW_PASSWORD)  # noqa: N815
    revokeOtherSessions = StrictBoolean(attribute="revoke_others")  # noqa: N815


class ChangedPasswordSchema(Schema):
    """The user. `token` is the opaque token of the new session, or `null` if this session continues."""

    token = fields.String(dump_only=True, required=True, allow_none=True)
    user = fields.Nested(UserSchema, dump_only=True, required=True)


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
    """The password. Without it, the session must be at most one day old."""

    password = Text(metadata={"format": "password"})


class RequestResetSchema(BodySchema):
    """The e-mail address of the account. The mailed link redirects to `redirectTo`, with `?token=…` added."""

    email = Email(required=True, metadata={"format": "email"})
    redirectTo = Text(attribute="redirect_to", metadata={"pattern": REDIRECT})  # noqa: N815


class ResetPasswordSchema(BodySchema):
    """The new password, and the token of the mailed link. The token can also be in the query."""

    newPassword = Text(required=True, attribute="password", metadata=NEW_PASSWORD)  # noqa: N815
    token = Text(metadata={"pattern": RESET_TOKEN})
