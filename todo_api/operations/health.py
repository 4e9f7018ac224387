"""Routes about the service itself."""

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
from todo_api.settings import settings

system = Blueprint("system", __name__)

READINESS_TIMEOUT = 2.0
"""Seconds in which the database must answer who asks whether the service is ready."""

TABLE_NAMES = bindparam("names", type_=ARRAY(TEXT))
TABLES = func.unnest(TABLE_NAMES).table_valued(column("name", TEXT)).render_derived(name="tables")
READY = Statement(
    select(
        func.bool_and(func.to_regclass(TABLES.c.name).is_not(None)).label("complete"),
        (func.current_setting("transaction_read_only") == "off").label("writable"),
    )
)


class WelcomeSchema(Schema):
    """A greeting."""

    message = fields.String(dump_only=True, required=True)


class ServiceStatusSchema(Schema):
    """How the service is."""

    status = fields.String(dump_only=True, required=True)


@system.get("/")
@system.response(200, WelcomeSchema(), example={"message": "Welcome to Todo API"})
def get_welcome() -> dict[str, str]:
    """Get the service name.

    The greeting names the service. Use it to see that an address is the right one.
    """
    return {"message": f"Welcome to {settings().app_name}"}


@system.get("/healthz")
@system.response(200, ServiceStatusSchema(), example={"status": "ok"})
def check_liveness() -> dict[str, str]:
    """Check liveness.

    Returns 200 while the process runs. It does not ask the database, so that a failure of the database restarts no
    process.
    """
    return {"status": "ok"}


@system.get("/readyz")
@system.response(200, ServiceStatusSchema(), example={"status": "ok"})
@raises(ServiceUnavailable)
def check_readiness() -> dict[str, str]:
    """Check readiness.

    Returns 200 while the service can answer requests, for load balancers. Returns 503 while the database does not
    answer, is read-only or lacks tables, and while the service shuts down.
    """
    if draining.is_draining():
        raise ServiceUnavailable("The service is about to end.")
    timeouts.set_deadline(READINESS_TIMEOUT)
    row = fetch_one(READY, {"names": list(db.metadata.tables)})
    if not (row and row["complete"] and row["writable"]):
        raise ServiceUnavailable("The database lacks tables, or cannot be written to.")
    return {"status": "ok"}
