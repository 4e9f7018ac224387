"""The schemas of the session routes."""

from marshmallow import Schema, fields

from todo_api.auth.schemas.sign_in import BodySchema, UserSchema
from todo_api.http.fields import Instant, Text


class SessionSchema(Schema):
    """A session. `token` identifies it for `revoke-session`; it is not a credential."""

    id = fields.String(dump_only=True, required=True, attribute="session_id")
    token = fields.String(dump_only=True, required=True, attribute="session_id")
    userId = fields.String(dump_only=True, required=True, attribute="session_user_id")  # noqa: N815
    expiresAt = Instant(dump_only=True, required=True, attribute="session_expires_at")  # noqa: N815
    createdAt = Instant(dump_only=True, required=True, attribute="session_created_at")  # noqa: N815
    updatedAt = Instant(dump_only=True, required=True, attribute="session_updated_at")  # noqa: N815
    ipAddress = fields.String(dump_only=True, required=True, attribute="session_ip_address")  # noqa: N815
    userAgent = fields.String(dump_only=True, required=True, attribute="session_user_agent")  # noqa: N815


class CurrentSessionSchema(Schema):
    """The session of the request's credential and its user."""

    session = fields.Nested(SessionSchema, dump_only=True, required=True)
    user = fields.Nested(UserSchema, dump_only=True, required=True)


class RevokeSessionSchema(BodySchema):
    """The session to end: its `token` from `list-sessions`."""

    token = Text(required=True)
