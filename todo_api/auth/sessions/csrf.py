"""Protection against cross-site request forgery by Fetch Metadata and Origin, and against open redirects."""

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


def reject_cross_site() -> None:
    """Reject a state-changing request that a browser sent for a page of an untrusted origin (CSRF and login CSRF).

    The rule is that of Go's `http.CrossOriginProtection`: Fetch Metadata decides, and without it Origin. A request with
    neither comes from a client that is not a browser. A page cannot send an Authorization header to another origin, so
    a request with one passes, except at sign-in and sign-up, whose responses set the cookie.

    Raises:
        InvalidOrigin: 403.
        MissingOrigin: 403.
        CrossSiteLogin: 403.

    """
    is_sign_in = request.path.endswith(SIGN_IN_PATHS)
    if request.method in SAFE_METHODS or ("Authorization" in request.headers and not is_sign_in):
        return
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site in {"same-origin", "none"} or not (site or origin):
        return
    if is_sign_in and site == "cross-site" and request.headers.get("Sec-Fetch-Mode") == "navigate":
        raise CrossSiteLogin
    if not is_trusted(origin):
        raise InvalidOrigin if origin and origin != "null" else MissingOrigin


def is_trusted(origin: str | None) -> bool:
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
