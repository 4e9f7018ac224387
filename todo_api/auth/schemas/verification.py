"""The schemas of the routes that verify and change an e-mail address."""

from marshmallow import Schema, fields

from todo_api.auth.schemas.sign_in import REDIRECT, BodySchema, Email, UserSchema
from todo_api.http.fields import StrictBoolean, Text


class SendVerificationSchema(BodySchema):
    """The e-mail address of the account. The mailed link redirects to `callbackURL`."""

    email = Email(required=True, metadata={"format": "email"})
    callbackURL = Text(attribute="callback_url", metadata={"pattern": REDIRECT})  # noqa: N815 - the wire's name


class ChangeEmailSchema(BodySchema):
    """The new e-mail address. The mailed links redirect to `callbackURL`."""

    newEmail = Email(required=True, attribute="new_email", metadata={"format": "email"})  # noqa: N815
    callbackURL = Text(attribute="callback_url", metadata={"pattern": REDIRECT})  # noqa: N815


class VerifiedEmailSchema(Schema):
    """The result of a link. `user` is the user after a change of the e-mail, and `null` after a verification."""

    status = StrictBoolean(dump_only=True, required=True)
    user = fields.Nested(UserSchema, dump_only=True, allow_none=True)
