"""The blueprint of the auth routes. The modules of `routes/` add the views."""

from todo_api.auth.sessions.csrf import reject_cross_site
from todo_api.http.blueprint import Blueprint

auth = Blueprint("auth", __name__, url_prefix="/api/auth")
auth.before_request(reject_cross_site)
