"""`flask db distribute`: it distributes the tables over the nodes of Citus (docs/citus.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from flask.cli import with_appcontext
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateIndex, CreateTable

from todo_api.database.statements import CITUS_EXTENSION
from todo_api.extensions import db
from todo_api.operations.cli import failure, pluralize

if TYPE_CHECKING:
    from sqlalchemy import Connection

SHARDS_MAX = 64_000
"""Citus's maximum."""

SESSION_SETTINGS = (
    "SET LOCAL statement_timeout = 0",
    "SET LOCAL lock_timeout = '5s'",
    "SET LOCAL citus.multi_shard_modify_mode = 'sequential'",  # else no foreign key leads to a table of the transaction
    "SET LOCAL client_min_messages = 'warning'",
)
SEPARATION = (
    "ALTER TABLE emails DROP CONSTRAINT IF EXISTS fk_emails_user_id_users",
    "ALTER TABLE emails DROP CONSTRAINT IF EXISTS uq_emails_user_id",
    "DROP INDEX IF EXISTS uq_users_local_email",
    "DROP TRIGGER IF EXISTS record_email ON users",
)
"""What would compare an e-mail address with its user, who may be on another node. The index and the trigger serve the
previous release."""

NO_CITUS = (
    "The database has no extension citus. Install Citus on each node, and run CREATE EXTENSION citus"
    " and citus_add_node: see docs/citus.md."
)
DISTRIBUTED_TABLES = "SELECT logicalrelid::text FROM pg_dist_partition"
NODES = "SELECT count(*) FROM pg_dist_node WHERE shouldhaveshards AND noderole = 'primary'"
SERVICE_CONNECTIONS = """
SELECT count(*) FROM pg_stat_activity
 WHERE datname = current_database() AND application_name = 'todo_api' AND pid <> pg_backend_pid()
"""
DISTRIBUTE = "SELECT create_distributed_table(%s, %s, shard_count => %s, colocate_with => 'none')"
COLOCATE = "SELECT create_distributed_table(%s, %s, colocate_with => 'users')"
ON_WORKERS = "SELECT nodename, result FROM run_command_on_workers(%s) WHERE NOT success"


@click.command("distribute")
@click.option(
    "--shards",
    type=click.IntRange(1, SHARDS_MAX),
    default=32,
    show_default=True,
    help="Shards of each table. Their number is fixed; the nodes that they are on are not.",
)
@with_appcontext
def distribute(shards: int) -> None:
    """Distribute the tables over the nodes of Citus.

    All rows of a user go to one node, e-mail addresses are distributed by themselves, and the counters of rate limits
    get a table on each node. Nothing is changed if it fails. Stop the service first. Run it again after you have added
    a node or upgraded the schema: it does what is missing.
    """
    try:
        with db.engine.begin() as connection:
            if not connection.exec_driver_sql(CITUS_EXTENSION).first():
                raise click.ClickException(NO_CITUS)
            distribute_tables(connection, shards)
    except DBAPIError as error:
        raise failure(error.orig) from None  # type: ignore[arg-type]  # psycopg2's


def distribute_tables(connection: Connection, shards: int) -> None:
    """Distribute what is not distributed yet, and print a line for each table before it.

    Raises:
        ClickException: the service is running, or a node refuses its table of counters.

    """
    for statement in SESSION_SETTINGS:
        connection.exec_driver_sql(statement)
    distributed = set(connection.exec_driver_sql(DISTRIBUTED_TABLES).scalars())
    columns = {name: column for name, column in distribution_columns().items() if name not in distributed}
    if columns:
        require_no_service(connection)
    if "emails" in columns:
        for statement in SEPARATION:
            connection.exec_driver_sql(statement)
    for table, column in columns.items():
        click.echo(f"Distributing {table} by {column}.")
        if table in {"users", "emails"}:
            connection.exec_driver_sql(DISTRIBUTE, (table, column, shards))
        else:
            connection.exec_driver_sql(COLOCATE, (table, column))
    if "alembic_version" not in distributed:
        connection.exec_driver_sql("SELECT create_reference_table('alembic_version')")
    create_counters(connection)
    nodes = pluralize(int(connection.exec_driver_sql(NODES).scalar_one()), "node")
    state = "The tables are distributed over" if columns else "All tables were distributed, over"
    click.echo(f"{state} {nodes}.")


def distribution_columns() -> dict[str, str]:
    """Return the column by which each table is distributed, in an order in which foreign keys lead backwards."""
    columns = {"users": "id", "emails": "email"}
    names = (table.name for table in db.metadata.sorted_tables if table.name == "users" or "user_id" in table.c)
    return {name: columns.get(name, "user_id") for name in names}


def require_no_service(connection: Connection) -> None:
    """Refuse while the service runs: a process asks once what kind of database it has.

    Raises:
        ClickException: the service has connections to the database.

    """
    number = int(connection.exec_driver_sql(SERVICE_CONNECTIONS).scalar_one())
    if number:
        raise click.ClickException(f"Stop the service first: it has {pluralize(number, 'connection')} to the database.")


def create_counters(connection: Connection) -> None:
    """Create the table of rate limits on each worker node, where it counts the requests that come in there."""
    table = db.metadata.tables["rate_limits"]
    definitions: list[Any] = [CreateTable(table, if_not_exists=True)]
    definitions += [CreateIndex(index, if_not_exists=True) for index in table.indexes]
    for element in definitions:
        for node, result in connection.exec_driver_sql(ON_WORKERS, (str(element.compile(connection)),)):
            raise click.ClickException(f"The table rate_limits cannot be created on {node}: {result}")
