"""The rule by which Citus sends a statement whole to the one node of its user, checked on PostgreSQL's parse tree.

A statement that is not sent whole is split into parts. These share no snapshot, and no error tells it. The parser knows
no types: an operator that is not immutable, such as timestamptz + interval, is not found.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from pglast import ast, parse_sql
from pglast.enums import A_Expr_Kind, BoolExprType

from todo_api.database.citus import two_steps

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from todo_api.database.statements import Statement

USER_COLUMNS = {
    "users": "id",
    "sessions": "user_id",
    "api_keys": "user_id",
    "password_resets": "user_id",
    "task_lists": "user_id",
    "tasks": "user_id",
    "task_tombstones": "user_id",
    "idempotency_keys": "user_id",
    "calendar_feeds": "user_id",
}
"""The tables that are distributed by the user, and the column."""
OTHER_TABLES = {"emails", "rate_limits"}
"""Tables of other keys. A statement that is sent whole has no table beside one of them."""

MUTABLE = {
    "now",
    "clock_timestamp",
    "random",
    "gen_random_uuid",
    "nextval",
    "to_char",
    "set_config",
    "pg_try_advisory_xact_lock",
    "array_to_string",
    "concat_ws",
    "current_setting",
    "json_to_recordset",
    "jsonb_build_object",
    "row_to_json",
    "to_regclass",
}
"""Functions that are not immutable. `test_routing.py` compares them with PostgreSQL's catalogue."""

WRITES = (ast.UpdateStmt, ast.DeleteStmt, ast.InsertStmt)
QUERIES = (ast.SelectStmt, *WRITES)
BRANCHES = (ast.CaseExpr, ast.CoalesceExpr)
USER = "USER"
PARAMETER = re.compile(r"%\((\w+)\)s")
DIRECTORY_LOOKUP = re.compile(r"\(SELECT emails\.user_id \nFROM emails \nWHERE emails\.email = lower\(%\(\w+\)s\)\)")
"""The user of an e-mail address. On Citus it is found by a statement of its own, and is a constant here."""


class Scope(NamedTuple):
    """The names of the CTEs that a query sees, and the values of the statement's parameters."""

    ctes: frozenset[str]
    values: Mapping[int, object]


def violations(statement: Statement) -> set[str]:
    """Return why a statement would be split, or an empty set. Of two steps on Citus, the first is looked at."""
    query = two_steps(statement).query if statement.inserts_query else statement
    whole = DIRECTORY_LOOKUP.sub("%(directory_lookup)s", query.text)
    names = sorted(set(PARAMETER.findall(whole)))
    numbers = {name: number for number, name in enumerate(names, 1)}
    text = PARAMETER.sub(lambda match: f"${numbers[match[1]]}", whole).replace("%%", "%")
    values = {number: query.constants.get(name, f"bind {name}") for name, number in numbers.items()}
    (raw,) = parse_sql(text)
    tree: Any = raw.stmt
    found = set(violations_of(tree, Scope(frozenset(), values)))
    tables = {node.relname for node in walk(tree) if is_a(node, ast.RangeVar)}
    if tables & OTHER_TABLES and len(tables & (OTHER_TABLES | set(USER_COLUMNS))) > 1:
        found |= {f"{table} is elsewhere" for table in tables & OTHER_TABLES}
    if is_a(tree, WRITES) and tree.withClause:
        found.add("WITH before a write")
    if is_a(tree, ast.UpdateStmt) and any(is_a(item, ast.RangeSubselect) for item in tree.fromClause or ()):
        found.add("query in FROM of a write")
    if is_plain_insert(tree):
        found.clear()
    users = {text for text in found if text.startswith(USER)}
    return found - users | ({"several users"} if len(users) > 1 else set())


def violations_of(query: Any, scope: Scope) -> Iterator[str]:
    """Yield the violations in a query and the queries in it, and `USER …` for each constant that names a user."""
    for cte in query.withClause.ctes if query.withClause else ():
        scope = scope._replace(ctes=scope.ctes | {cte.ctename})
    if is_a(query, ast.InsertStmt):
        yield f"INSERT INTO {query.relation.relname} with a query"
    else:
        yield from missing_users(query, scope)
    if is_a(query, WRITES):
        yield from mutable_functions(query)
    for part in nested_queries(query):
        yield from violations_of(part, scope)


def is_plain_insert(query: Any) -> bool:
    """Return whether a whole statement is an INSERT of a row of values, without a function in DO UPDATE."""
    is_insert = is_a(query, ast.InsertStmt) and query.withClause is None
    return is_insert and query.selectStmt.valuesLists is not None and not list(mutable_functions(query))


def missing_users(query: Any, scope: Scope) -> Iterator[str]:
    """Yield the tables without a constant user in the conditions of the query itself."""
    conditions = list(own_conditions(query))
    constants = {column: key for side in conditions if (pair := constant_of(side, scope)) for column, key in [pair]}
    equal = [pair for side in conditions if (pair := equal_columns(side))]
    for _ in equal:
        for left, right in equal:
            for one, other in ((left, right), (right, left)):
                if one in constants:
                    constants.setdefault(other, constants[one])
    for table in own_tables(query):
        if table.relname in scope.ctes or table.relname not in USER_COLUMNS:
            continue
        alias: Any = table.alias
        key = constants.get((alias.aliasname if alias else table.relname, USER_COLUMNS[table.relname]))
        yield f"{table.relname} without a constant user" if key is None else f"{USER} {key}"


def own_tables(query: Any) -> Iterator[Any]:
    """Yield the tables in FROM, and that of an UPDATE or DELETE."""
    if is_a(query, (ast.UpdateStmt, ast.DeleteStmt)):
        yield query.relation
    yield from (node for node in walk_level(from_items(query)) if is_a(node, ast.RangeVar))


def own_conditions(query: Any) -> Iterator[Any]:
    """Yield the conditions of WHERE and ON that must all hold."""
    joins = [node.quals for node in walk_level(from_items(query)) if is_a(node, ast.JoinExpr) and node.quals]
    for condition in (*joins, query.whereClause):
        yield from conjuncts(condition)


def from_items(query: Any) -> Any:
    return query.usingClause if is_a(query, ast.DeleteStmt) else query.fromClause


def conjuncts(condition: Any) -> Iterator[Any]:
    if is_a(condition, ast.BoolExpr) and condition.boolop == BoolExprType.AND_EXPR:
        for part in condition.args:
            yield from conjuncts(part)
    elif condition is not None:
        yield condition


def sides(condition: Any) -> tuple[Any, Any] | None:
    """Return both sides of an equality."""
    if is_a(condition, ast.A_Expr) and condition.kind == A_Expr_Kind.AEXPR_OP and condition.name[0].sval == "=":
        return condition.lexpr, condition.rexpr
    return None


def column_of(node: Any) -> tuple[str, str] | None:
    """Return the table and the column of a reference."""
    if not is_a(node, ast.ColumnRef) or len(node.fields) != 2:
        return None
    return node.fields[0].sval, node.fields[1].sval


def constant_of(condition: Any, scope: Scope) -> tuple[tuple[str, str], object] | None:
    """Return the column that a condition compares with a constant, and the constant."""
    pair = sides(condition)
    column = column_of(pair[0]) if pair else None
    if pair is None or column is None or not is_a(pair[1], ast.ParamRef):
        return None
    return column, scope.values[pair[1].number]


def equal_columns(condition: Any) -> tuple[tuple[str, str], tuple[str, str]] | None:
    """Return the two columns that a condition compares."""
    pair = sides(condition)
    columns = [column for side in pair or () if (column := column_of(side))]
    return (columns[0], columns[1]) if len(columns) == 2 else None


def mutable_functions(query: Any) -> Iterator[str]:
    """Yield the functions that may give another value on another node, where Citus refuses them."""
    yield from (f"{name} in RETURNING" for name in function_names(query.returningClause))
    yield from (f"{name} in DO UPDATE" for name in function_names(getattr(query, "onConflictClause", None)))
    for node in walk_level([getattr(query, "targetList", None), getattr(query, "whereClause", None)]):
        if is_a(node, BRANCHES):
            yield from (f"{name} in CASE or COALESCE" for name in function_names(node))
        if is_a(node, ast.FuncCall) and any(is_a(part, ast.ColumnRef) for part in walk_level(node.args)):
            yield from (f"{name} of a column" for name in {*function_names(node)} & {node.funcname[-1].sval})


def function_names(node: Any) -> Iterator[str]:
    for part in walk_level(node):
        if is_a(part, ast.FuncCall) and part.funcname[-1].sval in MUTABLE:
            yield part.funcname[-1].sval
        elif is_a(part, ast.SQLValueFunction):
            yield part.op.name


def nested_queries(query: Any) -> Iterator[Any]:
    """Yield the outermost queries inside a query: CTEs, subqueries, and the parts of a UNION."""
    for child in children(query):
        yield from ([child] if is_a(child, QUERIES) else nested_queries(child))


def is_a(node: Any, kinds: type | tuple[type, ...]) -> bool:
    """Return whether a node is of a kind, without a narrower type: the types of pglast make each attribute optional."""
    return isinstance(node, kinds)


def walk_level(node: Any) -> Iterator[Any]:
    """Yield a node and all below it, but for other queries."""
    if is_a(node, ast.Node):
        yield node
    for child in children(node):
        if not is_a(child, QUERIES):
            yield from walk_level(child)


def walk(node: Any) -> Iterator[Any]:
    """Yield a node and all below it."""
    yield node
    for child in children(node):
        yield from walk(child)


def children(node: Any) -> Iterator[Any]:
    """Yield the nodes directly below a node or in a list."""
    parts = [getattr(node, name) for name in node] if is_a(node, ast.Node) else node or ()
    for part in parts:
        if is_a(part, ast.Node):
            yield part
        elif is_a(part, (list, tuple)):
            yield from children(part)
