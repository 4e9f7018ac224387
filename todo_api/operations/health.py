"""The system routes: the welcome message, liveness and readiness."""

from marshmallow import Schema, fields
from sqlalchemy import bindparam, column, func, select
from sqlalchemy.dialects.postgresql import ARRAY, TEXT

from server import draining
from todo_api.database import timeouts
from todo_api.database.execution import fetch_one
from todo_api.database.statements import Statement
from todo_api.extensions import db
from todo_api.http.blueprint import Blueprint
from todo_api.http.documentation import raises
from todo_api.http.errors import ServiceUnavailable
from todo_api.operations.welcome_page import page_for_browsers
from todo_api.settings import settings

system = Blueprint("system", __name__)

READINESS_TIMEOUT = 2.0
"""Seconds for the readiness check's statement."""

TABLE_NAMES = bindparam("table_names", type_=ARRAY(TEXT))
TABLES = func.unnest(TABLE_NAMES).table_valued(column("name", TEXT)).render_derived(name="tables")
READINESS = Statement(
    select(
        func.bool_and(func.to_regclass(TABLES.c.name).is_not(None)).label("has_tables"),
        (func.current_setting("transaction_read_only") == "off").label("is_writable"),
    )
)


class WelcomeSchema(Schema):
    """A greeting."""

    message = fields.String(dump_only=True, required=True)


class ServiceStatusSchema(Schema):
    """The status of the service."""

    status = fields.String(dump_only=True, required=True)


@system.get("/")
@page_for_browsers
@system.response(200, WelcomeSchema(), example={"message": "Welcome to Todo API"})
def get_welcome() -> dict[str, str]:
    """Get the service name.

    Returns a greeting with the name of the service. Use it to test a base URL. A browser gets a page with links, by its
    Accept header.
    """
    return {"message": f"Welcome to {settings().app_name}"}


@system.get("/healthz")
@system.response(200, ServiceStatusSchema(), example={"status": "ok"})
def check_liveness() -> dict[str, str]:
    """Check liveness.

    Returns 200 while the process runs. It does not use the database: a process is not restarted because the database is
    down.
    """
    return {"status": "ok"}


@system.get("/readyz")
@system.response(200, ServiceStatusSchema(), example={"status": "ok"})
@raises(ServiceUnavailable)
def check_readiness() -> dict[str, str]:
    """Check readiness.

    Returns 200 while the service can handle requests, for load balancers. Returns 503 while the database does not
    respond, is read-only or lacks tables, and while the service shuts down.
    """
    if draining.is_draining():
        raise ServiceUnavailable("The service is shutting down.")
    timeouts.set_deadline(READINESS_TIMEOUT)
    row = fetch_one(READINESS, {"table_names": list(db.metadata.tables)})
    if not (row and row["has_tables"] and row["is_writable"]):
        raise ServiceUnavailable("The database lacks tables, or cannot be written to.")
    return {"status": "ok"}
