"""Counters in PostgreSQL: exact across all workers and hosts, with one statement for all limits of a request."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    Interval,
    LargeBinary,
    any_,
    bindparam,
    case,
    delete,
    func,
    literal,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as upsert

from todo_api.database.execution import fetch_all
from todo_api.database.statements import Statement
from todo_api.rate_limiting.limits import Usage
from todo_api.rate_limiting.models import RateLimitCounter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import CTE, ColumnElement, Select

    from todo_api.rate_limiting.limits import Limit

SWEEP_SIZE = 10
"""Expired counters that each `consume` deletes: more than it inserts, so that the table stays small."""

IS_EXPIRED = RateLimitCounter.ends_at <= func.now()
SECONDS_LEFT = func.extract("epoch", RateLimitCounter.ends_at - func.now()).label("seconds_left")


def consume_cte(name: str, *conditions: ColumnElement[bool]) -> CTE:
    """Return a CTE that counts one request if all conditions hold, and returns count and seconds_left.

    Its parameters are {name}_key and {name}_period, see `consume_parameters`.
    """
    ends_at = func.now() + bindparam(f"{name}_period", type_=Interval)
    row = select(bindparam(f"{name}_key", type_=LargeBinary), literal(1), ends_at).where(*conditions)
    counter = upsert(RateLimitCounter).from_select(["key", "count", "ends_at"], row)
    changes = {
        "count": case((IS_EXPIRED, 1), else_=RateLimitCounter.count + 1),
        "ends_at": case((IS_EXPIRED, counter.excluded.ends_at), else_=RateLimitCounter.ends_at),
    }
    return (
        counter.on_conflict_do_update(index_elements=["key"], set_=changes)
        .returning(RateLimitCounter.count, SECONDS_LEFT)
        .cte(name)
    )


def is_within_limit(consumed: CTE, name: str) -> ColumnElement[bool]:
    """Return the condition that a `consume_cte` has counted at most the parameter {name}_maximum."""
    maximum = bindparam(f"{name}_maximum", type_=BigInteger)
    return select(consumed.c.count).where(consumed.c.count <= maximum).exists()


def consume_parameters(name: str, limit: Limit) -> dict[str, Any]:
    """Return the parameters of `consume_cte` and `is_within_limit`."""
    return {f"{name}_key": limit.key, f"{name}_period": limit.period, f"{name}_maximum": limit.maximum}


@cache
def consume_statement(size: int) -> Statement:
    """Return the statement that consumes this many limits, each if the one before it is not exceeded."""
    ctes = [consume_cte("limit_0")]
    for position in range(1, size):
        ctes.append(consume_cte(f"limit_{position}", is_within_limit(ctes[-1], f"limit_{position - 1}")))
    usages = [
        select(literal(position).label("position"), cte.c.count, cte.c.seconds_left)
        for position, cte in enumerate(ctes)
    ]
    keys = [bindparam(f"limit_{position}_key", type_=LargeBinary) for position in range(size)]
    expired = (
        select(RateLimitCounter.key)
        .where(IS_EXPIRED, RateLimitCounter.key.not_in(keys))
        .order_by(RateLimitCounter.ends_at)
        .limit(SWEEP_SIZE)
        .with_for_update(skip_locked=True)
    )
    sweep = delete(RateLimitCounter).where(RateLimitCounter.key.in_(expired)).cte("sweep")
    return Statement(union_all(*usages).add_cte(sweep).order_by("position"))


class PostgresStore:
    """The counters of the table."""

    def consume(self, limits: Sequence[Limit]) -> list[Usage]:
        """Count one request for each limit in turn, up to the first that is exceeded, and return their usage."""
        parameters: dict[str, Any] = {}
        for position, limit in enumerate(limits):
            parameters |= consume_parameters(f"limit_{position}", limit)
        rows = fetch_all(consume_statement(len(limits)), parameters)
        return [Usage(limits[row["position"]], row["count"], float(row["seconds_left"])) for row in rows]

    def refund(self, limits: Sequence[Limit]) -> None:
        """Take one request back from each counter."""
        decrement = (
            update(RateLimitCounter)
            .where(RateLimitCounter.key.in_(locked_counters(limits)))
            .values(count=RateLimitCounter.count - 1)
        )
        fetch_all(decrement.returning(RateLimitCounter.key))

    def reset(self, limits: Sequence[Limit]) -> None:
        """Delete the counters."""
        deletion = delete(RateLimitCounter).where(RateLimitCounter.key.in_(locked_counters(limits)))
        fetch_all(deletion.returning(RateLimitCounter.key))


def locked_counters(limits: Sequence[Limit]) -> Select[bytes]:
    """Return the query of the counters' keys, which locks them in the order of `consume` and so without a deadlock."""
    position = case({limit.key: position for position, limit in enumerate(limits)}, value=RateLimitCounter.key)
    keys = literal([limit.key for limit in limits], ARRAY(LargeBinary))
    return select(RateLimitCounter.key).where(RateLimitCounter.key == any_(keys)).order_by(position).with_for_update()
