"""The failures that are about who asks. Codes are append-only: clients branch on them."""

from collections.abc import Mapping

from todo_api.http.errors import (
    InvalidInput,
    InvalidToken,
    MethodNotAllowed,
    NotAuthenticated,
    Problem,
    TooManyRequests,
)


class InvalidScheme(NotAuthenticated):
    """The credential is not of the Bearer scheme."""

    detail = "Invalid authentication scheme"


class TokenExpired(InvalidToken):
    """The token's time is over."""

    code = "TOKEN_EXPIRED"
    detail = "Token expired"


class InvalidTokenPayload(InvalidToken):
    """The token is ours and does not say what an access token says."""

    detail = "Invalid token payload"


class InvalidCredentials(NotAuthenticated):
    """No account has this e-mail and password."""

    code = "INVALID_EMAIL_OR_PASSWORD"
    better_auth_message = "Invalid email or password"
    detail = "Invalid credentials"


class AccessForbidden(Problem):
    """The path names another user."""

    status = 403
    code = "FORBIDDEN"
    detail = "Access forbidden"


class EmailTaken(Problem):
    """An account has this e-mail already, in whatever case."""

    status = 400
    better_auth_status = 422
    code = "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL"
    detail = "Email already registered"
    better_auth_message = "User already exists. Use another email."


class Unauthorized(NotAuthenticated):
    """No live session goes with the request."""

    detail = "Unauthorized"


class SessionNotFresh(Problem):
    """The session is too old for what it asks; signing in again makes a fresh one."""

    status = 403
    code = "SESSION_NOT_FRESH"
    detail = "Session is not fresh"


class SessionExpired(Problem):
    """The session is too old to do this without the password."""

    code = "SESSION_EXPIRED"
    detail = "Session expired. Re-authenticate to perform this action."


class InvalidOrigin(Problem):
    """A page of a foreign origin asks with somebody's cookies, or signs somebody in."""

    status = 403
    code = "INVALID_ORIGIN"
    detail = "Invalid origin"


class MissingOrigin(InvalidOrigin):
    """A request with cookies does not say where it comes from."""

    code = "MISSING_OR_NULL_ORIGIN"
    detail = "Missing or null Origin"


class CrossSiteLogin(InvalidOrigin):
    """A foreign page's form signs its visitor in."""

    code = "CROSS_SITE_NAVIGATION_LOGIN_BLOCKED"
    detail = "Cross-site navigation login blocked. This request appears to be a CSRF attack."


class InvalidCallback(InvalidOrigin):
    """The address to go on to after signing in is of a foreign origin."""

    code = "INVALID_CALLBACK_URL"
    detail = "Invalid callbackURL"


class InvalidRedirect(InvalidOrigin):
    """The address to go on to from a mailed link is of a foreign origin."""

    code = "INVALID_REDIRECT_URL"
    detail = "Invalid redirectURL"


class InvalidEmail(InvalidInput):
    """A sign-in with what is no e-mail address."""

    code = "INVALID_EMAIL"
    better_auth_message = "Invalid email"


class PasswordTooShort(InvalidInput):
    """The new password has too few code points."""

    code = "PASSWORD_TOO_SHORT"
    better_auth_message = "Password too short"


class PasswordTooLong(InvalidInput):
    """The password has too many code points."""

    code = "PASSWORD_TOO_LONG"
    better_auth_message = "Password too long"


class PasswordTooCommon(InvalidInput):
    """The new password is among those that are tried first."""

    code = "PASSWORD_COMPROMISED"


class InvalidPassword(Problem):
    """The current password is another one."""

    code = "INVALID_PASSWORD"
    detail = "Invalid password"


class EmailCannotBeUpdated(Problem):
    """The e-mail is no member that update-user changes."""

    code = "EMAIL_CAN_NOT_BE_UPDATED"
    detail = "Email can not be updated"


class NoFieldsToUpdate(Problem):
    """Nothing that could be updated is given."""

    code = "NO_FIELDS_TO_UPDATE"
    detail = "No fields to update"


class InvalidResetToken(Problem):
    """The link is unknown, used or too old."""

    code = "INVALID_TOKEN"
    detail = "Invalid token"


class ResetDisabled(Problem):
    """No mail can be sent."""

    code = "RESET_PASSWORD_DISABLED"
    detail = "Reset password isn't enabled"


class PostNotOffered(MethodNotAllowed):
    """A session is read by GET."""

    code = "METHOD_NOT_ALLOWED_DEFER_SESSION_REQUIRED"
    detail = "POST method requires deferSessionRefresh to be enabled in session config"
    headers: Mapping[str, str] = {"Allow": "GET, HEAD, OPTIONS"}


class TooManyHashes(TooManyRequests):
    """More passwords wait to be hashed than this process has hands for."""
