"""`Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): a POST that is sent again is done once.

The answer is kept with the key in the transaction of what it tells, so that a worker that dies leaves both or none.
Refusals are not kept: nothing was done.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from functools import wraps
from typing import TYPE_CHECKING, Any

from flask import Response, request
from sqlalchemy import and_, bindparam, delete, func, not_, select, tuple_
from sqlalchemy.dialects.postgresql import insert

from todo_api.auth.guard import LIVE_SESSION, Owner, fetch_owned
from todo_api.database.execution import fetch_all, transaction
from todo_api.database.statements import Statement
from todo_api.http.documentation import accepts_header, raises
from todo_api.http.query_string import query_pairs
from todo_api.http.request_body import read_body
from todo_api.tasks.errors import IdempotencyKeyReused, InvalidIdempotencyKey, RequestInProgress
from todo_api.tasks.models import IdempotencyKey
from todo_api.tasks.queries.statements import OWNER_ID

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

    from todo_api.database.statements import Row
    from todo_api.http.documentation import View

KEY_TTL = timedelta(hours=24)
PURGE_BATCH = 10_000
REPLAYED_HEADER = ("Idempotency-Replayed", "true")

KEY: ColumnElement[str] = bindparam("the_key")
# Held to the end of the transaction. Two keys of one hash would be told to wait for each other, which is all.
LOCK_KEY = Statement(
    select(func.pg_try_advisory_xact_lock(func.hashtextextended(OWNER_ID + " " + KEY, 0)).label("is_free"))
)
IS_FRESH = IdempotencyKey.created_at > func.now() - KEY_TTL
THIS_KEY = and_(IdempotencyKey.user_id == OWNER_ID, IdempotencyKey.key == KEY, IS_FRESH)
FIND_RESPONSE = Statement(
    select(IdempotencyKey).select_from(LIVE_SESSION.outerjoin(IdempotencyKey.__table__, THIS_KEY))
)

RESPONSE_VALUES: dict[str, ColumnElement[Any]] = {
    name: bindparam(f"the_{name}") for name in ("fingerprint", "status", "headers", "body")
}
SAVE_RESPONSE = Statement(
    insert(IdempotencyKey)
    .values(user_id=OWNER_ID, key=KEY, **RESPONSE_VALUES)
    .on_conflict_do_update(index_elements=["user_id", "key"], set_={**RESPONSE_VALUES, "created_at": func.now()})
    .returning(IdempotencyKey.key)
)


def idempotent(view: View) -> View:
    """Do a request that has an Idempotency-Key once, and answer its repetitions as the first was answered.

    A body too large for memory comes as `draft`, with the digest of it.

    Raises:
        InvalidIdempotencyKey: 400.
        RequestInProgress: 409, while the first is being answered.
        IdempotencyKeyReused: 422, where the key came with another request.

    """

    @wraps(view)
    def once(*args: Any, owner: Owner, **kwargs: Any) -> Response:
        key = request.headers.get("Idempotency-Key")
        if key is None:
            answer: Response = view(*args, owner=owner, **kwargs)
            return answer
        if not 1 <= len(key) <= IdempotencyKey.KEY_MAX:
            raise InvalidIdempotencyKey
        draft = kwargs.get("draft")
        fingerprint = request_fingerprint(draft.digest if draft else hashlib.sha256(read_body(request)).digest())

        def claimed() -> Response:
            kept = saved_response(owner, key)
            if kept:
                return replay(kept, fingerprint)
            answer: Response = view(*args, owner=owner, **kwargs)
            save_response(owner, key, fingerprint, answer)
            return answer

        return transaction(claimed)

    described = accepts_header("Idempotency-Key", "Do this once, however often it is sent; for 24 hours.")(once)
    return raises(InvalidIdempotencyKey, RequestInProgress, IdempotencyKeyReused)(described)  # type: ignore[return-value]


def replay(kept: Row, fingerprint: bytes) -> Response:
    """Answer as the first was answered.

    Raises:
        IdempotencyKeyReused: 422, where the first was another request.

    """
    if kept["fingerprint"] != fingerprint:
        raise IdempotencyKeyReused
    return Response(kept["body"], kept["status"], [*kept["headers"], REPLAYED_HEADER])


def request_fingerprint(body_digest: bytes) -> bytes:
    """Return what tells one request from another: its route, under whichever name of the user, and its body."""
    places = {name: value for name, value in (request.view_args or {}).items() if name != "user_id"}
    route = repr((request.method, request.endpoint, places, query_pairs(request)))
    return hashlib.sha256(route.encode() + body_digest).digest()


def saved_response(owner: Owner, key: str) -> Row | None:
    """Return what the key was answered with, if it was; from here to the end of the transaction it is ours.

    The answer is looked for after the claim, in a statement that sees what was committed until then.
    """
    (claim,) = fetch_all(LOCK_KEY, {"owner_id": owner.user_id, "the_key": key})
    if not claim["is_free"]:
        raise RequestInProgress
    (kept,) = fetch_owned(owner, FIND_RESPONSE, {"the_key": key})
    return kept if kept["key"] is not None else None


def save_response(owner: Owner, key: str, fingerprint: bytes, answer: Response) -> None:
    """Keep the answer, in the place of one that is past its time."""
    values = {
        "owner_id": owner.user_id,
        "the_key": key,
        "the_fingerprint": fingerprint,
        "the_status": answer.status_code,
        "the_headers": list(answer.headers),
        "the_body": answer.get_data(as_text=True),
    }
    fetch_all(SAVE_RESPONSE, values)


def purge_keys() -> int:
    """Delete the answers that are past their time, for all users, some at a time; return how many."""
    old = select(IdempotencyKey.user_id, IdempotencyKey.key).where(not_(IS_FRESH)).limit(PURGE_BATCH)
    gone = delete(IdempotencyKey).where(tuple_(IdempotencyKey.user_id, IdempotencyKey.key).in_(old))
    purged = 0
    while number := len(fetch_all(gone.returning(IdempotencyKey.status))):
        purged += number
    return purged
