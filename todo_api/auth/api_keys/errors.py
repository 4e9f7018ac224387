"""The problems of API keys. Codes and messages are those of Better Auth's plugin, where it has them."""

from todo_api.auth.errors import Unauthorized
from todo_api.http.errors import InvalidToken, Problem


class UnauthorizedSession(Unauthorized, code="UNAUTHORIZED_SESSION"):
    """The request has no live session."""

    detail = "Unauthorized or invalid session"


class InvalidAPIKey(InvalidToken, code="INVALID_TOKEN"):
    """The API key is malformed, unknown, deleted or disabled."""

    detail = "Invalid API key"


class APIKeyExpired(InvalidToken, code="TOKEN_EXPIRED"):
    """The API key is expired."""

    detail = "API key expired"


class InsufficientScope(Problem, status=403, code="INSUFFICIENT_SCOPE"):
    """The API key is valid, and lacks the scope that the route requires (RFC 6750 section 3.1)."""

    headers = {"WWW-Authenticate": ""}

    def __init__(self, scope: str = "tasks:write") -> None:
        challenge = f'Bearer error="insufficient_scope", scope="{scope}"'
        super().__init__(f"The API key lacks the scope {scope}.", headers={"WWW-Authenticate": challenge})


class SeveralCredentials(Problem, code="INVALID_REQUEST"):
    """The request has both Authorization and X-API-Key (RFC 6750 section 3.1, invalid_request)."""

    detail = "Send Authorization or X-API-Key, not both."
    headers = {"WWW-Authenticate": 'Bearer error="invalid_request"'}


class InvalidNameLength(Problem, code="INVALID_NAME_LENGTH"):
    """The name of the API key is too long, or empty."""

    detail = "The name length is either too large or too small."


class ExpiresInTooSmall(Problem, code="EXPIRES_IN_IS_TOO_SMALL"):
    """The API key would expire within a day."""

    detail = "The expiresIn is smaller than the predefined minimum value."


class ExpiresInTooLarge(Problem, code="EXPIRES_IN_IS_TOO_LARGE"):
    """The API key would expire after more than a year. Without `expiresIn` it does not expire."""

    detail = "The expiresIn is larger than the predefined maximum value."


class MetadataDisabled(Problem, code="METADATA_DISABLED"):
    """API keys have no metadata here."""

    detail = "Metadata is disabled."


class ServerOnlyProperty(Problem, code="SERVER_ONLY_PROPERTY"):
    """A client cannot set this property of an API key."""

    detail = "The property you're trying to set can only be set from the server auth instance only."


class NoValuesToUpdate(Problem, code="NO_VALUES_TO_UPDATE"):
    """The body of api-key/update names no change."""

    detail = "No values to update."


class KeyNotFound(Problem, status=404, code="KEY_NOT_FOUND"):
    """The user has no API key of this id."""

    detail = "API Key not found"


class APIKeyLimitReached(Problem, status=403, code="API_KEY_LIMIT_REACHED"):
    """The user has as many API keys as a user may have."""

    detail = "You have 50 API keys, which is the limit. Delete one first."
