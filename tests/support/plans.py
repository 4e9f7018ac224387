"""The plans with which PostgreSQL runs statements."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import psycopg2

if TYPE_CHECKING:
    from collections.abc import Iterator

    from todo_api.database.statements import Statement


class Plan:
    """The plan with which PostgreSQL ran a statement."""

    def __init__(self, node: dict[str, Any]) -> None:
        self.buffers: int = node["Shared Hit Blocks"] + node["Shared Read Blocks"]
        self.nodes = list(flatten(node))

    def rows_read(self, table: str = "tasks") -> int:
        """Return the number of rows that scans of the table read, filtered ones included."""
        return sum(
            node["Actual Loops"] * (node["Actual Rows"] + node.get("Rows Removed by Filter", 0))
            for node in self.nodes
            if node.get("Relation Name") == table and "Scan" in node["Node Type"]
        )

    def has_seq_scan(self, table: str) -> bool:
        return any(node["Node Type"] == "Seq Scan" and node["Relation Name"] == table for node in self.nodes)


def flatten(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for inner in node.get("Plans", []):
        yield from flatten(inner)


def explain(url: str, statement: Statement, parameters: Any) -> Plan:
    """Explain a statement: a prepared one by its generic plan, another one by its custom plan."""
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        text, values = statement.text, statement.values(parameters)
        if statement.name:
            cursor.execute("SET plan_cache_mode = force_generic_plan")
            cursor.execute(statement.prepare_text, statement.placeholders)
            text = statement.execute_text
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {text}", values)
        (((explained,),),) = cursor.fetchall()
    return Plan(explained["Plan"])
