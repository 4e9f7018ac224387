"""Where a request comes from: what browsers say of it, and what is trusted (Better Auth's rules against CSRF)."""

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
    """Refuse what a foreign page may have sent: with its visitor's cookies, or to sign its visitor in.

    Raises:
        InvalidOrigin: 403, and its kinds.

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
    """Tell whether the request has a header that browsers send and scripts do not."""
    return any(name in request.headers for name in ("Origin", "Referer", *FETCH_METADATA))


def check_origin() -> None:
    """Let a page of a trusted origin, or of our own, pass."""
    origin = request.headers.get("Origin") or origin_of(request.headers.get("Referer", ""))
    if not origin or origin == "null":
        raise MissingOrigin
    if not is_trusted(origin):
        raise InvalidOrigin


def is_trusted(origin: str) -> bool:
    """Tell whether an origin is a configured one, or the one under which this very request reached us."""
    return origin in settings().trusted_origins or origin == f"{request.scheme}://{request.host}"


def origin_of(url: str) -> str:
    """Return the origin of a URL, or nothing where it has none."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme and parts.netloc else ""


def check_redirect(url: str | None, problem: type[Problem]) -> None:
    """Let an address to go on to pass that is a path of this site, or of a trusted origin.

    Browsers read a backslash as a slash and skip control characters, so that neither may be in it. The Host header has
    no say: the address may go out in a mail, to somebody else than the one who wrote the header.

    Raises:
        problem: the one to raise for this address.

    """
    if url is None:
        return
    sound = url.isprintable() and "\\" not in url
    is_path = url.startswith("/") and not url.startswith("//")
    if not sound or not (is_path or origin_of(url) in settings().trusted_origins):
        raise problem
