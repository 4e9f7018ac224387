"""The problems of mailed links. Codes are append-only, because clients branch on them."""

from todo_api.http.errors import NotAuthenticated, Problem


class InvalidLink(NotAuthenticated, code="INVALID_TOKEN"):
    """The token of a mailed link is malformed or foreign, or the session that asked for the link has ended."""

    detail = "Invalid token"


class LinkExpired(InvalidLink, code="TOKEN_EXPIRED"):
    """The token of a mailed link is expired."""

    detail = "Token expired"


class UserNotFound(InvalidLink, code="USER_NOT_FOUND"):
    """The account of a mailed link is deleted, or its e-mail address has changed since."""

    detail = "User not found"


class InvalidUser(InvalidLink, code="INVALID_USER"):
    """A session of another user follows a mailed link."""

    detail = "Invalid user"


class UserAlreadyExists(InvalidLink, code="USER_ALREADY_EXISTS"):
    """Another account has got the new e-mail address since the link was mailed."""

    detail = "User already exists."


class InvalidDeletionToken(Problem, status=404, code="INVALID_TOKEN"):
    """The token of a mailed link that deletes an account is malformed, foreign or expired, or of another user."""

    detail = "Invalid token"


class NoUserInfo(Problem, status=404, code="FAILED_TO_GET_USER_INFO"):
    """The link that deletes an account is followed without a live session."""

    detail = "Failed to get user info"


class VerificationDisabled(Problem, code="VERIFICATION_EMAIL_NOT_ENABLED"):
    """The service is not configured to send mail."""

    detail = "Verification email isn't enabled"


class EmailMismatch(Problem, code="EMAIL_MISMATCH"):
    """The session's user has another e-mail address."""

    detail = "Email mismatch"


class EmailAlreadyVerified(Problem, code="EMAIL_ALREADY_VERIFIED"):
    """The session's user has verified the e-mail address."""

    detail = "Email is already verified"


class ChangeEmailDisabled(Problem, code="CHANGE_EMAIL_DISABLED"):
    """The service is not configured to send mail."""

    detail = "Change email is disabled"


class SameEmail(Problem, code="EMAIL_IS_THE_SAME"):
    """The new e-mail address is the current one."""

    detail = "Email is the same"
