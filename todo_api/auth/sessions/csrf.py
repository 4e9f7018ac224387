"""Protection against cross-site request forgery by Origin, Referer and Fetch Metadata, with Better Auth's rules."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flask import request

from todo_api.auth.errors import CrossSiteLogin, InvalidOrigin, MissingOrigin
from todo_api.settings import settings

if TYPE_CHECKING:
    from todo_api.http.errors import Problem

SIGN_IN_PATHS = ("/sign-in/email", "/sign-up/email")
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
FETCH_METADATA = ("Sec-Fetch-Site", "Sec-Fetch-Mode", "Sec-Fetch-Dest")


def reject_cross_site() -> None:
    """Reject a request of an untrusted page that carries cookies or signs in (CSRF and login CSRF).

    Raises:
        InvalidOrigin: 403.
        MissingOrigin: 403.
        CrossSiteLogin: 403.

    """
    if request.method in SAFE_METHODS:
        return
    if request.cookies:
        check_origin()
    elif request.path.endswith(SIGN_IN_PATHS) and is_browser_request():
        if (
            request.headers.get("Sec-Fetch-Site") == "cross-site"
            and request.headers.get("Sec-Fetch-Mode") == "navigate"
        ):
            raise CrossSiteLogin
        check_origin()


def is_browser_request() -> bool:
    """Return whether the request has a header that browsers send and scripts do not."""
    return any(name in request.headers for name in ("Origin", "Referer", *FETCH_METADATA))


def check_origin() -> None:
    """Check that the request's origin is trusted.

    Raises:
        InvalidOrigin: 403.
        MissingOrigin: 403.

    """
    origin = request.headers.get("Origin") or origin_of(request.headers.get("Referer", ""))
    if not origin or origin == "null":
        raise MissingOrigin
    if not is_trusted(origin):
        raise InvalidOrigin


def is_trusted(origin: str) -> bool:
    """Return whether an origin is configured, or is that of the request's own URL."""
    return origin in settings().trusted_origins or origin == f"{request.scheme}://{request.host}"


def origin_of(url: str) -> str:
    """Return the origin of a URL, or an empty text if it has none."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme and parts.netloc else ""


def check_redirect(url: str | None, problem: type[Problem]) -> None:
    """Check that a redirect target is a path of this site or a URL of a trusted origin (open redirects).

    Browsers read a backslash as a slash and skip control characters, so a target has neither. The Host header does not
    make an origin trusted here: an attacker may choose it, and the target may be mailed to another user.

    Raises:
        problem: 403, for any other target.

    """
    if url is None:
        return
    is_unambiguous = url.isprintable() and "\\" not in url
    is_path = url.startswith("/") and not url.startswith("//")
    if not is_unambiguous or not (is_path or origin_of(url) in settings().trusted_origins):
        raise problem
