"""The problems that a client can receive (RFC 9457): one class each, with its status, code and texts.

Codes are append-only, because clients branch on them.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, ClassVar, Self

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Problem(Exception):  # noqa: N818 - RFC 9457's word
    """A failure that is sent to the client as a problem document.

    A subclass declares its status and code in its class statement and its texts in its body; it inherits the rest.
    `better_auth_status` and `better_auth_message` are the values that Better Auth sends, where they differ.
    """

    status: ClassVar[int] = 400
    code: ClassVar[str] = "BAD_REQUEST"
    detail: str = "The request cannot be read."
    headers: Mapping[str, str] = {}
    better_auth_status: ClassVar[int | None] = None
    better_auth_message: ClassVar[str | None] = None
    errors: Sequence[tuple[str, str]] = ()
    """Pairs of a location and a text."""
    location_key: ClassVar[str] = "pointer"
    """The kind of location: a JSON Pointer fragment (RFC 6901) into the body, or the name of a query parameter."""

    def __init_subclass__(cls, *, status: int | None = None, code: str | None = None) -> None:
        super().__init_subclass__()
        cls.status = status or cls.status
        cls.code = code or cls.code

    @classmethod
    def example(cls) -> Self:
        """Return an instance for the OpenAPI document."""
        return cls()

    def __init__(self, detail: str | None = None, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail or self.detail)
        self.detail = detail or self.detail
        self.headers = {**self.headers, **(headers or {})}

    @property
    def message(self) -> str:
        """The text that Better Auth's client shows."""
        return self.better_auth_message or self.detail

    def to_dict(self, status: int) -> dict[str, object]:
        """Return the problem document."""
        document: dict[str, object] = {
            "type": "about:blank",
            "title": HTTPStatus(status).phrase,
            "status": status,
            "detail": self.detail,
            "code": self.code,
            "message": self.message,
        }
        if self.errors:
            document["errors"] = [{self.location_key: location, "detail": text} for location, text in self.errors]
        return document


class MalformedJSON(Problem):
    """The body is not JSON (RFC 8259)."""

    detail = "The body is not valid JSON."
    better_auth_message = "Invalid JSON in request body"


class UnreadableBody(Problem):
    """The body is incomplete, or its framing is broken."""

    detail = "The body cannot be read as it was sent."


class InvalidEntityTag(Problem, code="INVALID_ENTITY_TAG"):
    """The value of If-Match or If-None-Match is not a list of entity tags (RFC 9110 section 8.8.3)."""

    detail = 'If-Match and If-None-Match take * or a list of entity tags in double quotes, such as "42".'


class NotAuthenticated(Problem, status=401, code="UNAUTHORIZED"):
    """The request has no credential (RFC 6750 section 3: a challenge without an error)."""

    detail = "Not authenticated"
    headers = {"WWW-Authenticate": "Bearer"}


class InvalidToken(NotAuthenticated):
    """The token is not valid, or no longer valid (RFC 6750 section 3.1, invalid_token)."""

    detail = "Invalid token"
    headers = {"WWW-Authenticate": 'Bearer error="invalid_token"'}


class NotFound(Problem, status=404, code="NOT_FOUND"):
    """No route matches the path."""

    detail = "Nothing is at this path; /docs lists what there is."


class MethodNotAllowed(Problem, status=405, code="METHOD_NOT_ALLOWED"):
    """The route does not allow the method; Allow lists those that it allows."""

    detail = "This path does not take this method; the Allow header lists those it takes."


class ContentTooLarge(Problem, status=413, code="CONTENT_TOO_LARGE"):
    """The body exceeds its limit."""

    detail = "The body is too large; at most 1 MiB is taken, and 100 fields of a form."


class UnsupportedMediaType(Problem, status=415, code="UNSUPPORTED_MEDIA_TYPE"):
    """The route does not accept the body's media type or encoding."""

    detail = "The Content-Type is not one that this route takes."


class RangeNotSatisfiable(Problem, status=416, code="RANGE_NOT_SATISFIABLE"):
    """The range lies outside the file."""

    detail = "The file does not have these bytes; the Content-Range header says how many it has."


class InvalidInput(Problem, status=422, code="VALIDATION_ERROR"):
    """The body does not match the schema."""

    detail = "The input is not valid."
    better_auth_status = 400

    @classmethod
    def example(cls) -> Self:
        """Return an instance that names a field."""
        return cls([("#/email", "Missing data for required field.")])

    def __init__(self, errors: Sequence[tuple[str, str]]) -> None:
        super().__init__(" ".join(f"{pointer[2:] or 'body'}: {text}" for pointer, text in errors))
        self.errors = errors

    @property
    def message(self) -> str:
        """The errors in the format of Better Auth."""
        if self.better_auth_message:
            return self.better_auth_message
        paths = (pointer.replace("#", "body").replace("/", ".") for pointer, _ in self.errors)
        return "; ".join(f"[{path}] {text}" for path, (_, text) in zip(paths, self.errors, strict=True))


class InvalidParameter(InvalidInput):
    """A query parameter is unknown, empty or repeated, or its value is not valid."""

    location_key = "parameter"

    @classmethod
    def example(cls) -> Self:
        """Return an instance that names a parameter."""
        return cls([("limit", "Must be a whole number from 1 to 200.")])

    def __init__(self, errors: Sequence[tuple[str, str]]) -> None:
        super().__init__([(f"#/{name}", text) for name, text in errors])
        self.errors = errors


class TooManyRequests(Problem, status=429, code="TOO_MANY_REQUESTS"):
    """The client exceeds a rate limit. Better Auth's client reads X-Retry-After."""

    detail = "Too many requests. Please try again later."
    headers = {"Retry-After": "1", "X-Retry-After": "1"}

    def __init__(self, seconds: int = 1) -> None:
        super().__init__(headers=dict.fromkeys(self.headers, str(seconds)))


class InternalServerError(Problem, status=500, code="INTERNAL_SERVER_ERROR"):
    """The service has a bug. The log has the cause."""

    detail = "The service failed; the fault is logged."


class ServiceUnavailable(Problem, status=503, code="SERVICE_UNAVAILABLE"):
    """The database, or another service that the request depends on, fails or times out."""

    detail = "The service cannot answer now; try again shortly."
    headers = {"Retry-After": "2"}
