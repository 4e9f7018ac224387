"""Routes about the service itself."""

from marshmallow import Schema, fields

from todo_api.api import Blueprint
from todo_api.settings import settings

system = Blueprint("system", __name__, description="The service itself.")


class WelcomeSchema(Schema):
    """A greeting."""

    message = fields.String(dump_only=True, required=True)


@system.get("/")
@system.response(200, WelcomeSchema(), example={"message": "Welcome to Todo API"})
def welcome() -> dict[str, str]:
    """Say which service this is."""
    return {"message": f"Welcome to {settings().app_name}"}
