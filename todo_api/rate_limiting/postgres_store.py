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
from todo_api.rate_limiting.limits import Charged
from todo_api.rate_limiting.models import Counter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import CTE, ColumnElement, Select

    from todo_api.rate_limiting.limits import Quota

SWEPT = 10
"""Counters past their end that a charge deletes: more than it makes, so that the table stays small by itself."""

IS_PAST = Counter.ends_at <= func.now()
LEFT = func.extract("epoch", Counter.ends_at - func.now()).label("left")


def charging(name: str, *conditions: ColumnElement[bool]) -> CTE:
    """Return the part of a statement that counts one for the parameters {name}_key and {name}_period.

    It gives the count, and the seconds that are left, unless a condition does not hold.
    """
    end = func.now() + bindparam(f"{name}_period", type_=Interval)
    row = select(bindparam(f"{name}_key", type_=LargeBinary), literal(1), end).where(*conditions)
    new = upsert(Counter).from_select(["key", "count", "ends_at"], row)
    more = {
        "count": case((IS_PAST, 1), else_=Counter.count + 1),
        "ends_at": case((IS_PAST, new.excluded.ends_at), else_=Counter.ends_at),
    }
    return new.on_conflict_do_update(index_elements=["key"], set_=more).returning(Counter.count, LEFT).cte(name)


def is_within(charged: CTE, name: str) -> ColumnElement[bool]:
    """Return the condition that what was counted is not more than the parameter {name}_number."""
    number = bindparam(f"{name}_number", type_=BigInteger)
    return select(charged.c.count).where(charged.c.count <= number).exists()


def parameters_of(name: str, quota: Quota) -> dict[str, Any]:
    """Return the parameters of `charging` and `is_within`."""
    return {f"{name}_key": quota.key, f"{name}_period": quota.period, f"{name}_number": quota.number}


@cache
def charge_of(number: int) -> Statement:
    """Return the statement that charges so many quotas, each if those before it are not over."""
    parts = [charging("quota_0")]
    for place in range(1, number):
        parts.append(charging(f"quota_{place}", is_within(parts[-1], f"quota_{place - 1}")))
    charged = [select(literal(place).label("place"), part.c.count, part.c.left) for place, part in enumerate(parts)]
    keys = [bindparam(f"quota_{place}_key", type_=LargeBinary) for place in range(number)]
    past = select(Counter.key).where(IS_PAST, Counter.key.not_in(keys)).order_by(Counter.ends_at).limit(SWEPT)
    swept = delete(Counter).where(Counter.key.in_(past.with_for_update(skip_locked=True))).cte("swept")
    return Statement(union_all(*charged).add_cte(swept).order_by("place"))


class PostgresCounters:
    """The counters of the table."""

    def charge(self, quotas: Sequence[Quota]) -> list[Charged]:
        """Count one for each quota in turn, up to the first that is over."""
        parameters: dict[str, Any] = {}
        for place, quota in enumerate(quotas):
            parameters |= parameters_of(f"quota_{place}", quota)
        rows = fetch_all(charge_of(len(quotas)), parameters)
        return [Charged(quotas[row["place"]], row["count"], float(row["left"])) for row in rows]

    def refund(self, quotas: Sequence[Quota]) -> None:
        """Count one less for each."""
        fewer = update(Counter).where(Counter.key.in_(locked(quotas))).values(count=Counter.count - 1)
        fetch_all(fewer.returning(Counter.key))

    def forget(self, quotas: Sequence[Quota]) -> None:
        """Begin anew."""
        fetch_all(delete(Counter).where(Counter.key.in_(locked(quotas))).returning(Counter.key))


def locked(quotas: Sequence[Quota]) -> Select[bytes]:
    """Return the query of the counters, locked in the order in which a charge locks them."""
    places = case({quota.key: place for place, quota in enumerate(quotas)}, value=Counter.key)
    keys = literal([quota.key for quota in quotas], ARRAY(LargeBinary))
    theirs = select(Counter.key).where(Counter.key == any_(keys))
    return theirs.order_by(places).with_for_update()


def standing(quota: Quota, condition: ColumnElement[bool], parameters: Mapping[str, Any]) -> Charged | None:
    """Return what a quota's counter stands at, if the condition holds."""
    own = select(Counter.count, LEFT).where(Counter.key == quota.key, not_(IS_PAST), condition)
    row = fetch_one(own, parameters)
    return Charged(quota, row["count"], float(row["left"])) if row else None
