"""Counters in PostgreSQL: exact for all workers and hosts, one statement for all that a request is counted for."""

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
    not_,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as upsert

from todo_api.database.execution import fetch_all, fetch_one
from todo_api.database.statements import Statement
from todo_api.rate_limiting.limits import Usage
from todo_api.rate_limiting.models import RateLimitCounter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import CTE, ColumnElement, Select

    from todo_api.rate_limiting.limits import Limit

SWEEP_SIZE = 10
"""Counters past their end that a charge deletes: more than it makes, so that the table stays small by itself."""

IS_EXPIRED = RateLimitCounter.ends_at <= func.now()
SECONDS_LEFT = func.extract("epoch", RateLimitCounter.ends_at - func.now()).label("left")


def consume_cte(name: str, *conditions: ColumnElement[bool]) -> CTE:
    """Return the part of a statement that counts one for the parameters {name}_key and {name}_period.

    It gives the count, and the seconds that are left, unless a condition does not hold.
    """
    end = func.now() + bindparam(f"{name}_period", type_=Interval)
    row = select(bindparam(f"{name}_key", type_=LargeBinary), literal(1), end).where(*conditions)
    new = upsert(RateLimitCounter).from_select(["key", "count", "ends_at"], row)
    more = {
        "count": case((IS_EXPIRED, 1), else_=RateLimitCounter.count + 1),
        "ends_at": case((IS_EXPIRED, new.excluded.ends_at), else_=RateLimitCounter.ends_at),
    }
    return (
        new.on_conflict_do_update(index_elements=["key"], set_=more)
        .returning(RateLimitCounter.count, SECONDS_LEFT)
        .cte(name)
    )


def is_within_limit(charged: CTE, name: str) -> ColumnElement[bool]:
    """Return the condition that what was counted is not more than the parameter {name}_number."""
    number = bindparam(f"{name}_number", type_=BigInteger)
    return select(charged.c.count).where(charged.c.count <= number).exists()


def consume_parameters(name: str, quota: Limit) -> dict[str, Any]:
    """Return the parameters of `consume_cte` and `is_within_limit`."""
    return {f"{name}_key": quota.key, f"{name}_period": quota.period, f"{name}_number": quota.limit}


@cache
def consume_statement(number: int) -> Statement:
    """Return the statement that charges so many quotas, each if those before it are not over."""
    parts = [consume_cte("quota_0")]
    for place in range(1, number):
        parts.append(consume_cte(f"quota_{place}", is_within_limit(parts[-1], f"quota_{place - 1}")))
    charged = [select(literal(place).label("place"), part.c.count, part.c.left) for place, part in enumerate(parts)]
    keys = [bindparam(f"quota_{place}_key", type_=LargeBinary) for place in range(number)]
    past = (
        select(RateLimitCounter.key)
        .where(IS_EXPIRED, RateLimitCounter.key.not_in(keys))
        .order_by(RateLimitCounter.ends_at)
        .limit(SWEEP_SIZE)
    )
    swept = (
        delete(RateLimitCounter).where(RateLimitCounter.key.in_(past.with_for_update(skip_locked=True))).cte("swept")
    )
    return Statement(union_all(*charged).add_cte(swept).order_by("place"))


class PostgresStore:
    """The counters of the table."""

    def consume(self, quotas: Sequence[Limit]) -> list[Usage]:
        """Count one for each quota in turn, up to the first that is over."""
        parameters: dict[str, Any] = {}
        for place, quota in enumerate(quotas):
            parameters |= consume_parameters(f"quota_{place}", quota)
        rows = fetch_all(consume_statement(len(quotas)), parameters)
        return [Usage(quotas[row["place"]], row["count"], float(row["left"])) for row in rows]

    def refund(self, quotas: Sequence[Limit]) -> None:
        """Count one less for each."""
        fewer = (
            update(RateLimitCounter)
            .where(RateLimitCounter.key.in_(locked_counters(quotas)))
            .values(count=RateLimitCounter.count - 1)
        )
        fetch_all(fewer.returning(RateLimitCounter.key))

    def reset(self, quotas: Sequence[Limit]) -> None:
        """Begin anew."""
        fetch_all(
            delete(RateLimitCounter)
            .where(RateLimitCounter.key.in_(locked_counters(quotas)))
            .returning(RateLimitCounter.key)
        )


def locked_counters(quotas: Sequence[Limit]) -> Select[bytes]:
    """Return the query of the counters, locked in the order in which a charge locks them."""
    places = case({quota.key: place for place, quota in enumerate(quotas)}, value=RateLimitCounter.key)
    keys = literal([quota.key for quota in quotas], ARRAY(LargeBinary))
    theirs = select(RateLimitCounter.key).where(RateLimitCounter.key == any_(keys))
    return theirs.order_by(places).with_for_update()


def peek(quota: Limit, condition: ColumnElement[bool], parameters: Mapping[str, Any]) -> Usage | None:
    """Return what a quota's counter stands at, if the condition holds."""
    own = select(RateLimitCounter.count, SECONDS_LEFT).where(
        RateLimitCounter.key == quota.key, not_(IS_EXPIRED), condition
    )
    row = fetch_one(own, parameters)
    return Usage(quota, row["count"], float(row["left"])) if row else None
