"""The problems of authentication, sessions and accounts. Codes are append-only, because clients branch on them."""

from todo_api.http.errors import (
    InvalidInput,
    InvalidToken,
    MethodNotAllowed,
    NotAuthenticated,
    Problem,
    TooManyRequests,
)


class InvalidScheme(NotAuthenticated):
    """The scheme of the Authorization header is not Bearer."""

    detail = "Invalid authentication scheme"


class TokenExpired(InvalidToken, code="TOKEN_EXPIRED"):
    """The access token is expired."""

    detail = "Token expired"


class InvalidTokenPayload(InvalidToken):
    """The signature is valid, and the claims are not those of an access token."""

    detail = "Invalid token payload"


class InvalidCredentials(NotAuthenticated, code="INVALID_EMAIL_OR_PASSWORD"):
    """No account has this e-mail address and password."""

    detail = "Invalid credentials"
    better_auth_message = "Invalid email or password"


class EmailNotVerified(Problem, status=403, code="EMAIL_NOT_VERIFIED"):
    """The password is right, but the e-mail address is not verified. The service mails the link again."""

    detail = "Email not verified"


class AccessForbidden(Problem, status=403, code="FORBIDDEN"):
    """The path names another user."""

    detail = "Access forbidden"


class EmailTaken(Problem, status=400, code="USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL"):
    """Another account has this e-mail address, in any case."""

    detail = "Email already registered"
    better_auth_status = 422
    better_auth_message = "User already exists. Use another email."


class Unauthorized(NotAuthenticated):
    """The request has no live session."""

    detail = "Unauthorized"


class SessionNotFresh(Problem, status=403, code="SESSION_NOT_FRESH"):
    """The session is too old for this request. A new sign-in creates a fresh one."""

    detail = "Session is not fresh"


class SessionExpired(Problem, code="SESSION_EXPIRED"):
    """The session is too old to delete the account without the password."""

    detail = "Session expired. Re-authenticate to perform this action."


class InvalidOrigin(Problem, status=403, code="INVALID_ORIGIN"):
    """A browser sent the request for a page of an origin that is not trusted (CSRF)."""

    detail = "Invalid origin"


class MissingOrigin(InvalidOrigin, code="MISSING_OR_NULL_ORIGIN"):
    """A browser sent the request for a page of another site, and does not name its origin (CSRF)."""

    detail = "Missing or null Origin"


class CrossSiteLogin(InvalidOrigin, code="CROSS_SITE_NAVIGATION_LOGIN_BLOCKED"):
    """A form of another site signs in (login CSRF)."""

    detail = "Cross-site navigation login blocked. This request appears to be a CSRF attack."


class InvalidCallbackURL(InvalidOrigin, code="INVALID_CALLBACK_URL"):
    """The URL to open after sign-in has an origin that is not trusted (open redirect)."""

    detail = "Invalid callbackURL"


class InvalidRedirectURL(InvalidOrigin, code="INVALID_REDIRECT_URL"):
    """The URL to open from a mailed link has an origin that is not trusted (open redirect)."""

    detail = "Invalid redirectURL"


class InvalidEmail(InvalidInput, code="INVALID_EMAIL"):
    """The text is not an e-mail address."""

    better_auth_message = "Invalid email"


class PasswordTooShort(InvalidInput, code="PASSWORD_TOO_SHORT"):
    """The new password has too few code points."""

    better_auth_message = "Password too short"


class PasswordTooLong(InvalidInput, code="PASSWORD_TOO_LONG"):
    """The password has too many code points."""

    better_auth_message = "Password too long"


class PasswordTooCommon(InvalidInput, code="PASSWORD_COMPROMISED"):
    """The new password is one of the first that an attacker tries."""


class InvalidPassword(Problem, code="INVALID_PASSWORD"):
    """The current password is wrong."""

    detail = "Invalid password"


class EmailCannotBeUpdated(Problem, code="EMAIL_CAN_NOT_BE_UPDATED"):
    """The body of update-user has an e-mail address."""

    detail = "Email can not be updated"


class NoFieldsToUpdate(Problem, code="NO_FIELDS_TO_UPDATE"):
    """The body has no field that can be updated."""

    detail = "No fields to update"


class InvalidResetToken(Problem, code="INVALID_TOKEN"):
    """The token of the password reset is unknown, used or expired."""

    detail = "Invalid token"


class ResetDisabled(Problem, code="RESET_PASSWORD_DISABLED"):
    """The service is not configured to send mail."""

    detail = "Reset password isn't enabled"


class DeferSessionRequired(MethodNotAllowed, code="METHOD_NOT_ALLOWED_DEFER_SESSION_REQUIRED"):
    """A session is read by GET."""

    detail = "POST method requires deferSessionRefresh to be enabled in session config"
    headers = {"Allow": "GET, HEAD, OPTIONS"}


class HashingQueueFull(TooManyRequests):
    """Too many passwords wait to be hashed."""
