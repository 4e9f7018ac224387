"""The blueprints of the task routes; the modules in `routes/` add the views."""

from todo_api.http.blueprint import Blueprint

tasks = Blueprint("tasks", __name__, url_prefix="/api/<user_id>")
calendar_feeds = Blueprint("calendar_feeds", __name__, url_prefix="/api/feeds")
"""The routes without an account: the token in the path is the credential."""
