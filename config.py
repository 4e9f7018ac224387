"""The configuration: every setting with its environment variable, its parser and its default.

docs/settings.md describes each setting.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from server.setting_parsers.mail import mail_from, mail_url
from server.setting_parsers.rates import rate, rate_limits
from server.setting_parsers.scalars import (
    SECRET_HINT,
    algorithms,
    boolean,
    choice,
    days,
    integer,
    minutes,
    positive_number,
    seconds,
    secret,
)
from server.setting_parsers.urls import DATABASE_HINT, PORT_MAX, origins, primary_url, redis_url, replica_url, url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import timedelta

    from server.setting_parsers.rates import Rate, RateLimits

THREADS = 12
"""Requests that one worker process serves at a time. Most of them may wait in the queue for a password hash."""

DEVELOPMENT = "development"
PLACEHOLDER_SECRET = "your-secret-key-here-generate-with-openssl-rand-hex-32"  # noqa: S105 - public, in .env.example


def required(name: str, parse: Callable[[str], Any], hint: str) -> Any:
    """Declare a setting without a default. It is left out of `repr`, because it holds a secret."""
    return dataclasses.field(repr=False, metadata={"name": name, "parse": parse, "hint": hint})


def setting(name: str, parse: Callable[[str], Any], default: str = "", *, hidden: bool = False) -> Any:
    """Declare a setting. The default is written as in the environment; without one it is None."""
    value = parse(default) if default else None
    metadata = {"name": name, "parse": parse, "default": default}
    return dataclasses.field(default=value, repr=not hidden, metadata=metadata)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """All settings, in the order of docs/settings.md."""

    better_auth_secret: str = required("BETTER_AUTH_SECRET", secret, SECRET_HINT)
    database_url: str = required("DATABASE_URL", primary_url, DATABASE_HINT)

    database_replica_url: str | None = setting("DATABASE_REPLICA_URL", replica_url, hidden=True)

    app_name: str = setting("APP_NAME", str, "Todo API")
    environment: str = setting("ENVIRONMENT", str, DEVELOPMENT)

    access_token_ttl: timedelta = setting("ACCESS_TOKEN_EXPIRE_MINUTES", minutes, "60")
    refresh_token_ttl: timedelta = setting("REFRESH_TOKEN_EXPIRE_DAYS", days, "30")
    refresh_token_grace: timedelta = setting("REFRESH_TOKEN_GRACE_SECONDS", seconds, "10")
    better_auth_secret_previous: str | None = setting("BETTER_AUTH_SECRET_PREVIOUS", secret, hidden=True)

    better_auth_url: str | None = setting("BETTER_AUTH_URL", url)
    cors_origins: tuple[str, ...] = setting("CORS_ORIGINS", origins, '["http://localhost:3000"]')
    trusted_proxies: int = setting("TRUSTED_PROXIES", integer(0, 10), "0")

    host: str = setting("HOST", str, "127.0.0.1")
    port: int = setting("PORT", integer(1, PORT_MAX), "8000")
    web_concurrency: int | None = setting("WEB_CONCURRENCY", integer(1, 1_000))
    shutdown_delay: timedelta = setting("SHUTDOWN_DELAY_SECONDS", seconds, "0")

    bcrypt_cost: int = setting("BCRYPT_COST", integer(4, 16), "12")
    refuse_common_passwords: bool | None = setting("REFUSE_COMMON_PASSWORDS", boolean)

    mail_url: str | None = setting("MAIL_URL", mail_url, hidden=True)
    mail_from: str = setting("MAIL_FROM", mail_from, "Todo API <no-reply@localhost>")
    require_email_verification: bool = setting("REQUIRE_EMAIL_VERIFICATION", boolean, "false")

    max_tasks_per_user: int = setting("MAX_TASKS_PER_USER", integer(1, 10_000_000), "50000")
    rate_limit_writes: Rate = setting("RATE_LIMIT_WRITES", rate, "12000/1m")
    rate_limit_sign_in: RateLimits = setting("RATE_LIMIT_SIGN_IN", rate_limits, "60/1m 10/15m")
    rate_limit_change_password: RateLimits = setting("RATE_LIMIT_CHANGE_PASSWORD", rate_limits, "60/1m 10/15m")
    rate_limit_sign_up: RateLimits = setting("RATE_LIMIT_SIGN_UP", rate_limits, "60/1m 20/15m")
    rate_limit_refresh: RateLimits = setting("RATE_LIMIT_REFRESH", rate_limits, "300/1m 300/15m")
    rate_limit_reset: RateLimits = setting("RATE_LIMIT_RESET", rate_limits, "20/1m 5/15m")
    rate_limit_redis_url: str | None = setting("RATE_LIMIT_REDIS_URL", redis_url, hidden=True)
    rate_limit_address_scale: float = setting("RATE_LIMIT_ADDRESS_SCALE", positive_number, "1")
    rate_limit_user_scale: float = setting("RATE_LIMIT_USER_SCALE", positive_number, "1")

    jwt_issuer: str | None = setting("JWT_ISSUER", str)
    jwt_audience: str | None = setting("JWT_AUDIENCE", str)
    jwt_jwks_url: str | None = setting("JWT_JWKS_URL", url)
    jwt_algorithms: tuple[str, ...] = setting("JWT_ALGORITHMS", algorithms, '["EdDSA"]')

    log_format: str = setting("LOG_FORMAT", choice("json", "text"), "json")
    metrics: bool = setting("METRICS", boolean, "false")

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Config:
        """Parse every setting. An empty variable counts as absent.

        Raises:
            ConfigError: with all errors at once.

        """
        values: dict[str, Any] = {}
        errors: list[str] = []
        for field in dataclasses.fields(cls):
            name = field.metadata["name"]
            text = environ.get(name, "").strip()
            if text:
                try:
                    values[field.name] = field.metadata["parse"](text)
                except ValueError as error:
                    errors.append(f"{name}: {error}")
            elif field.default is dataclasses.MISSING:
                errors.append(f"{name}: is not set ({field.metadata['hint']})")
        errors += conflicts(values)
        if errors:
            raise ConfigError(errors)
        return cls(**values)

    @property
    def secrets(self) -> tuple[str, ...]:
        """The secrets whose signatures are accepted. The first one signs."""
        return (self.better_auth_secret, *filter(None, [self.better_auth_secret_previous]))

    @property
    def public_url(self) -> str:
        """The URL under which clients reach the service, without a trailing slash."""
        return self.better_auth_url or f"http://localhost:{self.port}"

    @property
    def public_path(self) -> str:
        """The path of `public_url`, which a reverse proxy strips: the prefix of every path in a response, or empty."""
        return urlsplit(self.public_url).path

    @property
    def public_origin(self) -> str:
        """The origin of `public_url`: issuer and audience of the service's tokens, and a trusted origin."""
        return "://".join(urlsplit(self.public_url)[:2])

    @property
    def trusted_origins(self) -> frozenset[str]:
        """The origins whose pages may send cookies, and to which a client may be redirected."""
        return frozenset({self.public_origin, *self.cors_origins})

    @property
    def refuses_common_passwords(self) -> bool:
        """Whether common passwords are rejected: as set, else in every environment but development."""
        if self.refuse_common_passwords is None:
            return self.environment != DEVELOPMENT
        return self.refuse_common_passwords


def conflicts(values: Mapping[str, Any]) -> Iterator[str]:
    """Yield an error for each combination of valid settings that is invalid."""
    in_production = values.get("environment", DEVELOPMENT) != DEVELOPMENT
    if in_production and values.get("better_auth_secret") == PLACEHOLDER_SECRET:
        yield f"BETTER_AUTH_SECRET: is the placeholder of .env.example ({SECRET_HINT})"
    if len({"jwt_issuer", "jwt_audience", "jwt_jwks_url"} & values.keys()) in {1, 2}:
        yield "JWT_ISSUER: goes with JWT_AUDIENCE and JWT_JWKS_URL; set all three or none"


class ConfigError(SystemExit):
    """All errors of a configuration, one line each. Uncaught, it prints them to standard error; the exit code is 1."""

    def __init__(self, errors: list[str]) -> None:
        """Take the errors, each as `NAME: reason`."""
        super().__init__("\n".join(["The configuration cannot be used:", *(f"  {error}" for error in errors)]))
        self.errors = errors
