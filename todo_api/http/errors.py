"""Every failure that a client is told of: a class that knows its status, code and words.

Codes are append-only: clients branch on them.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, ClassVar, Self

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Problem(Exception):  # noqa: N818 - RFC 9457's word
    """A failure as RFC 9457 tells it: status, our stable code, and a detail for the person who reads it.

    `better_auth_status` and `better_auth_message` are Better Auth's own where it and the seed disagree.
    """

    status: ClassVar[int] = 400
    better_auth_status: ClassVar[int | None] = None
    better_auth_message: ClassVar[str | None] = None
    code: ClassVar[str] = "BAD_REQUEST"
    detail: str = "The request cannot be read."
    headers: Mapping[str, str] = {}
    errors: Sequence[tuple[str, str]] = ()
    """What is wrong where: pairs of a place and a text."""
    errors_key: ClassVar[str] = "pointer"
    """What a place is: a JSON Pointer fragment (RFC 6901) into the body, or the name of a query parameter."""

    @classmethod
    def example(cls) -> Self:
        """Return one, for the document."""
        return cls()

    def __init__(self, detail: str | None = None, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail or self.detail)
        self.detail = detail or self.detail
        self.headers = {**self.headers, **(headers or {})}

    @property
    def message(self) -> str:
        """What Better Auth's client shows."""
        return self.better_auth_message or self.detail

    def to_dict(self, status: int) -> dict[str, object]:
        """Return the members of an answer's body."""
        members: dict[str, object] = {
            "type": "about:blank",
            "title": HTTPStatus(status).phrase,
            "status": status,
            "detail": self.detail,
            "code": self.code,
            "message": self.message,
        }
        if self.errors:
            members["errors"] = [{self.errors_key: place, "detail": text} for place, text in self.errors]
        return members


class MalformedJSON(Problem):
    """The body is no JSON text."""

    detail = "The body is not valid JSON."
    better_auth_message = "Invalid JSON in request body"


class UnreadableBody(Problem):
    """The body breaks off, or its framing is broken."""

    detail = "The body cannot be read as it was sent."


class NotAuthenticated(Problem):
    """No credential came with the request (RFC 6750 section 3: a challenge without an error)."""

    status = 401
    code = "UNAUTHORIZED"
    detail = "Not authenticated"
    headers: Mapping[str, str] = {"WWW-Authenticate": "Bearer"}


class InvalidToken(NotAuthenticated):
    """The token is not one of ours, or no longer one (RFC 6750 section 3.1, invalid_token)."""

    detail = "Invalid token"
    headers: Mapping[str, str] = {"WWW-Authenticate": 'Bearer error="invalid_token"'}


class NotFound(Problem):
    """No route has this path."""

    status = 404
    code = "NOT_FOUND"
    detail = "Nothing is at this path; /docs lists what there is."


class MethodNotAllowed(Problem):
    """The path has no such method; Allow lists those it has."""

    status = 405
    code = "METHOD_NOT_ALLOWED"
    detail = "This path does not take this method; the Allow header lists those it takes."


class ContentTooLarge(Problem):
    """The body is longer than any that is taken."""

    status = 413
    code = "CONTENT_TOO_LARGE"
    detail = "The body is too large; at most 1 MiB is taken, and 100 fields of a form."


class UnsupportedMediaType(Problem):
    """The body is of a type that the route does not take."""

    status = 415
    code = "UNSUPPORTED_MEDIA_TYPE"
    detail = "The Content-Type is not one that this route takes."


class RangeNotSatisfiable(Problem):
    """The file has no such bytes."""

    status = 416
    code = "RANGE_NOT_SATISFIABLE"
    detail = "The file does not have these bytes; the Content-Range header says how many it has."


class InvalidInput(Problem):
    """The body was read and breaks the schema."""

    status = 422
    better_auth_status = 400
    code = "VALIDATION_ERROR"
    detail = "The input is not valid."

    @classmethod
    def example(cls) -> Self:
        """Return one that names a field."""
        return cls([("#/email", "Missing data for required field.")])

    def __init__(self, faults: Sequence[tuple[str, str]]) -> None:
        super().__init__(" ".join(f"{pointer[2:] or 'body'}: {text}" for pointer, text in faults))
        self.errors = faults

    @property
    def message(self) -> str:
        """The faults as Better Auth words them."""
        if self.better_auth_message:
            return self.better_auth_message
        paths = (pointer.replace("#", "body").replace("/", ".") for pointer, _ in self.errors)
        return "; ".join(f"[{path}] {text}" for path, (_, text) in zip(paths, self.errors, strict=True))


class InvalidParameter(InvalidInput):
    """A query parameter is unknown, empty, given too often, or not one of its values."""

    errors_key = "parameter"

    @classmethod
    def example(cls) -> Self:
        """Return one that names a parameter."""
        return cls([("limit", "Must be a whole number from 1 to 200.")])

    def __init__(self, faults: Sequence[tuple[str, str]]) -> None:
        super().__init__([(f"#/{name}", text) for name, text in faults])
        self.errors = faults


class TooManyRequests(Problem):
    """Somebody asks too often; Better Auth's client reads X-Retry-After."""

    status = 429
    code = "TOO_MANY_REQUESTS"
    detail = "Too many requests. Please try again later."
    headers: Mapping[str, str] = {"Retry-After": "1", "X-Retry-After": "1"}

    def __init__(self, seconds: int = 1) -> None:
        super().__init__(headers=dict.fromkeys(self.headers, str(seconds)))


class InternalError(Problem):
    """A fault of ours: the log has its cause."""

    status = 500
    code = "INTERNAL_SERVER_ERROR"
    detail = "The service failed; the fault is logged."


class ServiceUnavailable(Problem):
    """The database does not answer, or not in time, or not as it should."""

    status = 503
    code = "SERVICE_UNAVAILABLE"
    detail = "The service cannot answer now; try again shortly."
    headers: Mapping[str, str] = {"Retry-After": "2"}
