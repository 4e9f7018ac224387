"""The schemas of the sign-in routes: sign-up, sign-in and refresh."""

from __future__ import annotations

import unicodedata
from typing import Any

from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email
from marshmallow import EXCLUDE, Schema, fields
from marshmallow.validate import Length

from todo_api.auth.models import User
from todo_api.auth.passwords.hashing import LENGTH_MAX, LENGTH_MIN
from todo_api.http.fields import Instant, StrictBoolean, Text

# A private service may have users at home.local, and its tests at example.test.
SPECIAL_USE_DOMAIN_NAMES.clear()

NEW_PASSWORD = {"format": "password", "minLength": LENGTH_MIN, "maxLength": LENGTH_MAX}
"""What the document says of a new password. Its length is checked after the schema, as Better Auth answers it."""

REDIRECT = r"^(/?|(/[^/\\\u0000-\u001f\u007f]|https?://)[^\\\u0000-\u001f\u007f]*)$"
"""The form of a path of this site, or of an address of a trusted origin. In a form, empty means absent."""


def normalize_email(text: str) -> str:
    """Return an e-mail address in the form that is stored: trimmed, NFC, case folded.

    An address with compatibility characters, such as full-width letters or ligatures, looks like another address.

    Raises:
        EmailNotValidError: with the reason.

    """
    if unicodedata.normalize("NFKC", text) != unicodedata.normalize("NFC", text):
        raise EmailNotValidError("It has characters that look like other characters, such as full-width letters.")
    address = validate_email(text.strip(), check_deliverability=False)
    # The domain is normalized already; case folding would make straße.de the same as strasse.de.
    return unicodedata.normalize("NFC", f"{address.local_part.casefold()}@{address.domain}")


class Email(Text):
    """An e-mail address, loaded in the form of `normalize_email`."""

    default_error_messages = {"address": "Invalid email address: {reason}"}

    def _deserialize(self, value: object, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        try:
            return normalize_email(text)
        except EmailNotValidError as error:
            raise self.make_error("address", reason=str(error)) from None


class UserSchema(Schema):
    """The profile of a user."""

    id = fields.String(dump_only=True, required=True)
    email = fields.String(dump_only=True, required=True, metadata={"format": "email"})
    name = fields.String(dump_only=True, required=True)
    emailVerified = StrictBoolean(dump_only=True, required=True, attribute="email_verified")  # noqa: N815 - the wire's name
    image = fields.String(dump_only=True, required=True, allow_none=True)
    createdAt = Instant(dump_only=True, required=True, attribute="created_at")  # noqa: N815
    updatedAt = Instant(dump_only=True, required=True, attribute="updated_at")  # noqa: N815


class BodySchema(Schema):
    """A request body. Unknown fields are ignored."""

    class Meta:
        unknown = EXCLUDE


class SignInSchema(BodySchema):
    """E-mail and password. `callbackURL` is a path or a URL of a trusted origin; the response returns it as `url`."""

    email = Text(required=True, metadata={"format": "email"})
    password = Text(required=True, metadata={"format": "password", "maxLength": LENGTH_MAX})
    rememberMe = StrictBoolean(attribute="remembered")  # noqa: N815 - the wire's name
    callbackURL = Text(attribute="callback_url", metadata={"pattern": REDIRECT})  # noqa: N815


class SignUpSchema(SignInSchema):
    """A new account. The default name is the part of the e-mail address before the @."""

    email = Email(required=True, metadata={"format": "email"})
    password = Text(required=True, validate=Length(min=1), metadata=NEW_PASSWORD)
    name = Text(validate=Length(max=User.NAME_MAX))
    image = Text(allow_none=True, validate=Length(max=User.IMAGE_MAX))


class CredentialsSchema(Schema):
    """The user and its tokens. Send `token` as `Authorization: Bearer …`; it expires after `expires_in` seconds."""

    user = fields.Nested(UserSchema, dump_only=True, required=True)
    token = fields.String(dump_only=True, required=True)
    refresh_token = fields.String(dump_only=True, required=True)
    token_type = fields.String(dump_only=True, required=True)
    expires_in = fields.Integer(dump_only=True, required=True)
    redirect = StrictBoolean(dump_only=True, required=True)
    url = fields.String(dump_only=True)


class SignedUpSchema(CredentialsSchema):
    """As after a sign-in, or only the user and `token: null`, if the e-mail address must be verified first."""

    token = fields.String(dump_only=True, required=True, allow_none=True)
    refresh_token = fields.String(dump_only=True)
    token_type = fields.String(dump_only=True)
    expires_in = fields.Integer(dump_only=True)
    redirect = StrictBoolean(dump_only=True)


class RefreshSchema(BodySchema):
    """The newest refresh token of a session. A request with the session cookie may leave it out."""

    refresh_token = Text()


class RefreshedSchema(CredentialsSchema):
    """The user and its tokens. A page with the session cookie alone gets no `refresh_token`."""

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        """Make optional what a page with the cookie does not get."""
        field_obj.required = field_obj.required and field_name not in {"refresh_token", "redirect"}
