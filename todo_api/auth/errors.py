"""The failures that are about who asks. Codes are append-only: clients branch on them."""

from todo_api.errors import InvalidToken, NotAuthenticated, Problem


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

    @property
    def message(self) -> str:
        """Better Auth's own text."""
        return "User already exists. Use another email."
