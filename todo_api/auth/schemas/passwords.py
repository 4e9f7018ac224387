"""The schemas of the password routes."""

from marshmallow import Schema, fields

from todo_api.auth.passwords.hashing import LENGTH_MAX
from todo_api.auth.schemas.sign_in import NEW_PASSWORD, REDIRECT, BodySchema, Email, UserSchema
from todo_api.http.fields import StrictBoolean, Text

RESET_TOKEN = "^[0-9a-f]{64}_[0-9A-Za-z-]+$"  # noqa: S105 - a pattern
"""The form of the token of a mailed link."""


class ChangePasswordSchema(BodySchema):
    """The current and the new password. By default your other sessions end."""

    currentPassword = Text(required=True, attribute="current", metadata={"format": "password"})  # noqa: N815
    newPassword = Text(required=True, attribute="new", metadata=NEW_PASSWORD)  # noqa: N815
    revokeOtherSessions = StrictBoolean(attribute="revoke_others")  # noqa: N815


class ChangedPasswordSchema(Schema):
    """The user. `token` is the opaque token of the new session, or `null` if this session continues."""

    token = fields.String(dump_only=True, required=True, allow_none=True)
    user = fields.Nested(UserSchema, dump_only=True, required=True)


class VerifyPasswordSchema(BodySchema):
    """The password to check."""

    password = Text(required=True, metadata={"format": "password", "maxLength": LENGTH_MAX})


class RequestResetSchema(BodySchema):
    """The e-mail address of the account. The mailed link redirects to `redirectTo`, with `?token=…` added."""

    email = Email(required=True, metadata={"format": "email"})
    redirectTo = Text(attribute="redirect_to", metadata={"pattern": REDIRECT})  # noqa: N815


class ResetPasswordSchema(BodySchema):
    """The new password, and the token of the mailed link. The token can also be in the query."""

    newPassword = Text(required=True, attribute="password", metadata=NEW_PASSWORD)  # noqa: N815
    token = Text(metadata={"pattern": RESET_TOKEN})
