"""The blueprint of the task routes; the modules in `routes/` add the views."""

from todo_api.http.blueprint import Blueprint

tasks = Blueprint("tasks", __name__, url_prefix="/api/<user_id>")
