"""The `Idempotency-Key` header (draft-ietf-httpapi-idempotency-key-header): a retried POST is executed once.

The response is saved with its key in the transaction of the request's changes: a worker that crashes leaves both or
neither. Error responses are not saved, since they come with no changes.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from functools import partial, wraps
from typing import TYPE_CHECKING, Any

from flask import Response, request
from sqlalchemy import and_, bindparam, func, select
from sqlalchemy.dialects.postgresql import insert

from todo_api.auth.guard import LIVE_SESSION, LOCKED_OWNER, Owner, fetch_owned
from todo_api.database.execution import fetch_all, transaction
from todo_api.database.slices import delete_older
from todo_api.database.statements import Statement
from todo_api.http.documentation import accepts_header, raises
from todo_api.http.query_string import query_pairs
from todo_api.http.request_body import read_body
from todo_api.tasks.errors import IdempotencyKeyReused, InvalidIdempotencyKey, RequestInProgress
from todo_api.tasks.models import IdempotencyKey
from todo_api.tasks.queries.locking import OWNER_ID
from todo_api.tasks.sync.encryption import decrypt, encrypt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import ColumnElement

    from todo_api.database.statements import Row
    from todo_api.http.documentation import View

KEY_TTL = timedelta(hours=24)
KEY_PATTERN = r"^[\x21-\x7e\x80-\xff]([\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?$"
"""The value of a header (RFC 9110 section 5.5), which is not empty."""
REPLAYED_HEADER = ("Idempotency-Replayed", "true")
DESCRIPTION = (
    "Retry key, 1 to 255 characters: requests with the same key are executed once within 24 hours. "
    "A retry gets the saved response."
)

KEY: ColumnElement[str] = bindparam("idempotency_key")
# Held until the transaction ends. A hash collision of two keys costs one of the requests a 409.
LOCK_KEY = Statement(
    select(
        func.pg_try_advisory_xact_lock(func.hashtextextended(OWNER_ID + " " + KEY, 0)).label("is_locked")
    ).select_from(LOCKED_OWNER)
)
IS_VALID = IdempotencyKey.created_at > func.now() - KEY_TTL
THIS_KEY = and_(IdempotencyKey.user_id == OWNER_ID, IdempotencyKey.key == KEY, IS_VALID)
FIND_RESPONSE = Statement(
    select(IdempotencyKey).select_from(LIVE_SESSION.outerjoin(IdempotencyKey.__table__, THIS_KEY))
)

RESPONSE_VALUES: dict[str, ColumnElement[Any]] = {
    name: bindparam(f"saved_{name}") for name in ("fingerprint", "status", "headers", "body")
}
INSERT_RESPONSE = insert(IdempotencyKey).values(user_id=OWNER_ID, key=KEY, **RESPONSE_VALUES)
SAVE_RESPONSE = Statement(
    INSERT_RESPONSE.on_conflict_do_update(
        index_elements=["user_id", "key"],
        set_={**RESPONSE_VALUES, "created_at": INSERT_RESPONSE.excluded.created_at},
    ).returning(IdempotencyKey.key)
)


def idempotent(view: View, *, has_secret: bool = False) -> View:
    """Execute requests with the same Idempotency-Key once, and answer retries with the saved response.

    A view that reads its body from a file gets it as `staged`, which has the digest of the body. A response that has a
    secret is saved encrypted.

    Raises:
        InvalidIdempotencyKey: 400.
        RequestInProgress: 409, while the first request is running.
        IdempotencyKeyReused: 422, if the key was sent with another request.

    """

    @wraps(view)
    def wrapper(*args: Any, owner: Owner, **kwargs: Any) -> Any:
        key = request.headers.get("Idempotency-Key")
        if key is None:
            return view(*args, owner=owner, **kwargs)
        if not 1 <= len(key) <= IdempotencyKey.KEY_MAX:
            raise InvalidIdempotencyKey
        staged = kwargs.get("staged")
        fingerprint = request_fingerprint(staged.digest if staged else hashlib.sha256(read_body(request)).digest())

        def execute() -> Response:
            saved = find_response(owner, key)
            if saved:
                return replay(saved, fingerprint, has_secret=has_secret)
            response: Response = view(*args, owner=owner, **kwargs)
            save_response(owner, key, fingerprint, response, has_secret=has_secret)
            return response

        return transaction(execute)

    accepts_key = accepts_header("Idempotency-Key", DESCRIPTION, pattern=KEY_PATTERN, maxLength=IdempotencyKey.KEY_MAX)
    documented = accepts_key(wrapper)
    return raises(InvalidIdempotencyKey, RequestInProgress, IdempotencyKeyReused)(documented)  # type: ignore[return-value]


idempotent_with_secret = partial(idempotent, has_secret=True)
"""`idempotent` for a view whose response has a secret."""


def replay(saved: Row, fingerprint: bytes, *, has_secret: bool) -> Response:
    """Return the saved response.

    Raises:
        IdempotencyKeyReused: 422, if it belongs to another request, or cannot be decrypted any more.

    """
    body = decrypt(saved["body"]) if has_secret else saved["body"]
    if saved["fingerprint"] != fingerprint or body is None:
        raise IdempotencyKeyReused
    return Response(body, saved["status"], [*saved["headers"], REPLAYED_HEADER])


def request_fingerprint(body_digest: bytes) -> bytes:
    """Return the digest of a request: its route, parameters and body. `me` and the user's id are the same route."""
    arguments = {name: value for name, value in (request.view_args or {}).items() if name != "user_id"}
    route = repr((request.method, request.endpoint, arguments, query_pairs(request)))
    return hashlib.sha256(route.encode() + body_digest).digest()


def find_response(owner: Owner, key: str) -> Row | None:
    """Lock the key until the transaction ends, and return the saved response, if any.

    The lock is a statement of its own, so that the next one sees everything that was committed before the lock.
    """
    (lock,) = fetch_owned(owner, LOCK_KEY, {"idempotency_key": key})
    if not lock["is_locked"]:
        raise RequestInProgress
    (saved,) = fetch_owned(owner, FIND_RESPONSE, {"idempotency_key": key})
    return saved if saved["key"] is not None else None


def save_response(owner: Owner, key: str, fingerprint: bytes, response: Response, *, has_secret: bool) -> None:
    """Save the response, and replace an expired one."""
    body = response.get_data(as_text=True)
    values = {
        "owner_id": owner.user_id,
        "idempotency_key": key,
        "saved_fingerprint": fingerprint,
        "saved_status": response.status_code,
        "saved_headers": list(response.headers),
        "saved_body": encrypt(body) if has_secret else body,
    }
    fetch_all(SAVE_RESPONSE, values)


def purge_keys() -> Iterator[int]:
    """Delete the expired keys of all users; yield the number of each slice."""
    return delete_older(IdempotencyKey.created_at, KEY_TTL)
