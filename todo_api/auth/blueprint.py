"""The blueprint of the auth routes; the modules in `routes/` add the views."""

from todo_api.auth.sessions.csrf import refuse_foreign_origin
from todo_api.http.blueprint import Blueprint

auth = Blueprint("auth", __name__, url_prefix="/api/auth")
auth.before_request(refuse_foreign_origin)
