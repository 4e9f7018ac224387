"""The schemas of the routes about social providers."""

from typing import Any

from marshmallow import RAISE, Schema, ValidationError, validates_schema
from marshmallow.validate import Equal

from todo_api.auth.schemas.sign_in import BodySchema
from todo_api.http.fields import StrictBoolean, Text


class SocialSignInSchema(BodySchema):
    """The provider, and the URLs to open afterwards."""

    provider = Text(required=True)
    callbackURL = Text(attribute="callback_url")  # noqa: N815 - the wire's name
    errorCallbackURL = Text(attribute="error_callback_url")  # noqa: N815
    newUserCallbackURL = Text(attribute="new_user_callback_url")  # noqa: N815


class UnlinkAccountSchema(BodySchema):
    """The `id` of an entry of `list-accounts`."""

    accountId = Text(required=True, attribute="account_id")  # noqa: N815


class AccountSelectionSchema(Schema):
    """The `id` of an entry of `list-accounts`, or the account of a cookie."""

    class Meta:
        unknown = RAISE

    accountId = Text(attribute="account_id")  # noqa: N815
    useAccountCookie = StrictBoolean(attribute="use_cookie", validate=Equal(True))  # noqa: N815, FBT003
    userId = Text(attribute="user_id")  # noqa: N815

    @validates_schema
    def check_selection(self, data: dict[str, Any], **_: Any) -> None:
        """Check that exactly one account is selected."""
        if ("account_id" in data) == ("use_cookie" in data):
            raise ValidationError("Give either accountId or useAccountCookie.")


class AccountQuerySchema(Schema):
    """The `id` of an entry of `list-accounts`."""

    class Meta:
        unknown = RAISE

    accountId = Text(required=True, attribute="account_id")  # noqa: N815


class CallbackSchema(BodySchema):
    """What a provider sends back (RFC 6749 section 4.1.2, RFC 9207)."""

    code = Text()
    error = Text()
    device_id = Text()
    error_description = Text()
    state = Text()
    user = Text()
    iss = Text()
