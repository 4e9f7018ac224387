"""What goes in and out of the routes about sessions and accounts. Better Auth's names are camelCase."""

from marshmallow import Schema, fields
from marshmallow.validate import Length

from todo_api.auth.models import User
from todo_api.auth.schemas.sign_in import BodySchema, Email, UserSchema
from todo_api.http.fields import StrictBoolean, Text


class SuccessSchema(Schema):
    """What was done, whoever asked."""

    success = StrictBoolean(dump_only=True, required=True)
    message = fields.String(dump_only=True)


class StatusSchema(Schema):
    """That it was done."""

    status = StrictBoolean(dump_only=True, required=True)
    message = fields.String(dump_only=True)


class OkSchema(Schema):
    """That the auth routes answer."""

    ok = StrictBoolean(dump_only=True, required=True)


class ChangePasswordSchema(BodySchema):
    """The password that is, and the one to be."""

    currentPassword = Text(required=True, attribute="current", metadata={"format": "password"})  # noqa: N815
    newPassword = Text(required=True, attribute="new", metadata={"format": "password"})  # noqa: N815
    revokeOtherSessions = StrictBoolean(attribute="revoke_others")  # noqa: N815


class ChangedPasswordSchema(Schema):
    """The user, and the opaque token of the session that was opened instead of all others, if one was."""

    token = fields.String(dump_only=True, required=True, allow_none=True)
    user = fields.Nested(UserSchema, dump_only=True, required=True)


class UpdateUserSchema(BodySchema):
    """What a user may change of itself; `null` clears the image."""

    name = Text(validate=Length(max=User.NAME_MAX))
    image = Text(allow_none=True, validate=Length(max=User.IMAGE_MAX))
    email = fields.Raw(allow_none=True, metadata={"description": "Refused: the address cannot be changed here."})


class DeleteUserSchema(BodySchema):
    """The password; without it, the session must be a fresh one."""

    password = Text(metadata={"format": "password"})


class RequestResetSchema(BodySchema):
    """Whose password is to be set anew, and where the mailed link leads to, with `?token=…` added."""

    email = Email(required=True, metadata={"format": "email"})
    redirectTo = Text(attribute="redirect_to")  # noqa: N815


class ResetPasswordSchema(BodySchema):
    """The new password, and the token of the mailed link."""

    newPassword = Text(required=True, attribute="password", metadata={"format": "password"})  # noqa: N815
    token = Text()
