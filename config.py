"""The service's configuration: every setting, its default and its checks.

A setting is one field of `Config`; what the environment calls it and how its text is read stand beside its default.
"""

from __future__ import annotations

from dataclasses import MISSING, Field, dataclass, field, fields
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from server.setting_parsers.mail import mail_from, mail_url
from server.setting_parsers.rates import Rate, RateLimits, factor, rate, rate_limits, redis_url
from server.setting_parsers.scalars import (
    DATABASE_HINT,
    PORT_MAX,
    SECRET_HINT,
    algorithms,
    boolean,
    choice,
    database_url,
    days,
    integer,
    minutes,
    origins,
    seconds,
    secret,
    url,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

THREADS = 12
"""Requests that one worker process has in hand at a time. Most of them may wait for their turn to hash a password."""

MINUTE, QUARTER = timedelta(minutes=1), timedelta(minutes=15)
MINUTELY = Rate(60, MINUTE)
GUESSES = Rate(10, QUARTER)
"""Wrong passwords that an account takes (NIST SP 800-63B-4 has 100 as the most)."""

PLACEHOLDER_SECRET = "your-secret-key-here-generate-with-openssl-rand-hex-32"  # noqa: S105 - the one everybody knows


class ConfigError(SystemExit):
    """All faults of a configuration, one line each; uncaught, it ends the process with them on standard error."""

    def __init__(self, faults: list[str]) -> None:
        """Take the faults, each as `NAME: what is wrong`."""
        super().__init__("\n".join(["The configuration cannot be used:", *(f"  {fault}" for fault in faults)]))
        self.faults = faults


def setting(name: str, read: Callable[[str], Any], hint: str = "", **default: Any) -> Any:
    """Declare a field that is read from the environment variable `name`; the hint is for one that must be set."""
    return field(metadata={"name": name, "read": read, "hint": hint}, **default)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What the service is told from outside. Durations are `timedelta`; `database_url` is SQLAlchemy's."""

    better_auth_secret: str = setting("BETTER_AUTH_SECRET", secret, SECRET_HINT, repr=False)
    better_auth_secret_previous: str | None = setting("BETTER_AUTH_SECRET_PREVIOUS", secret, default=None, repr=False)
    database_url: str = setting("DATABASE_URL", database_url, DATABASE_HINT, repr=False)
    app_name: str = setting("APP_NAME", str, default="Todo API")
    environment: str = setting("ENVIRONMENT", str, default="development")
    access_token_ttl: timedelta = setting("ACCESS_TOKEN_EXPIRE_MINUTES", minutes, default=timedelta(minutes=60))
    refresh_token_ttl: timedelta = setting("REFRESH_TOKEN_EXPIRE_DAYS", days, default=timedelta(days=30))
    refresh_token_grace: timedelta = setting("REFRESH_TOKEN_GRACE_SECONDS", seconds, default=timedelta(seconds=10))
    better_auth_url: str | None = setting("BETTER_AUTH_URL", url, default=None)
    cors_origins: tuple[str, ...] = setting("CORS_ORIGINS", origins, default=("http://localhost:3000",))
    jwt_issuer: str | None = setting("JWT_ISSUER", str, default=None)
    jwt_audience: str | None = setting("JWT_AUDIENCE", str, default=None)
    jwt_jwks_url: str | None = setting("JWT_JWKS_URL", url, default=None)
    jwt_algorithms: tuple[str, ...] = setting("JWT_ALGORITHMS", algorithms, default=("EdDSA",))
    refuse_common_passwords: bool | None = setting("REFUSE_COMMON_PASSWORDS", boolean, default=None)
    mail_url: str | None = setting("MAIL_URL", mail_url, default=None, repr=False)
    mail_from: str = setting("MAIL_FROM", mail_from, default="Todo API <no-reply@localhost>")
    max_tasks_per_user: int = setting("MAX_TASKS_PER_USER", integer(1, 10_000_000), default=50_000)
    trusted_proxies: int = setting("TRUSTED_PROXIES", integer(0, 10), default=0)
    rate_limit_sign_in: RateLimits = setting("RATE_LIMIT_SIGN_IN", rate_limits, default=RateLimits(MINUTELY, GUESSES))
    rate_limit_sign_up: RateLimits = setting(
        "RATE_LIMIT_SIGN_UP", rate_limits, default=RateLimits(MINUTELY, Rate(20, QUARTER))
    )
    rate_limit_refresh: RateLimits = setting(
        "RATE_LIMIT_REFRESH", rate_limits, default=RateLimits(Rate(300, MINUTE), Rate(300, QUARTER))
    )
    rate_limit_reset: RateLimits = setting(
        "RATE_LIMIT_RESET", rate_limits, default=RateLimits(Rate(20, MINUTE), Rate(5, QUARTER))
    )
    rate_limit_change_password: RateLimits = setting(
        "RATE_LIMIT_CHANGE_PASSWORD", rate_limits, default=RateLimits(MINUTELY, GUESSES)
    )
    rate_limit_writes: Rate = setting("RATE_LIMIT_WRITES", rate, default=Rate(12_000, MINUTE))
    rate_limit_address_scale: float = setting("RATE_LIMIT_ADDRESS_SCALE", factor, default=1.0)
    rate_limit_user_scale: float = setting("RATE_LIMIT_USER_SCALE", factor, default=1.0)
    rate_limit_redis_url: str | None = setting("RATE_LIMIT_REDIS_URL", redis_url, default=None, repr=False)
    bcrypt_cost: int = setting("BCRYPT_COST", integer(4, 16), default=12)
    log_format: str = setting("LOG_FORMAT", choice("json", "text"), default="json")
    metrics: bool = setting("METRICS", boolean, default=False)
    host: str = setting("HOST", str, default="127.0.0.1")
    port: int = setting("PORT", integer(1, PORT_MAX), default=8000)
    web_concurrency: int | None = setting("WEB_CONCURRENCY", integer(1, 1_000), default=None)
    shutdown_delay: timedelta = setting("SHUTDOWN_DELAY_SECONDS", seconds, default=timedelta(0))

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Config:
        """Read every setting; an empty variable counts as absent.

        Raises:
            ConfigError: naming every fault at once.

        """
        values: dict[str, Any] = {}
        faults: list[str] = []
        for declared in fields(cls):
            try:
                values |= read_setting(declared, environ)
            except ValueError as error:
                faults.append(f"{declared.metadata['name']}: {error}")
        placeholder = values.get("better_auth_secret") == PLACEHOLDER_SECRET
        if placeholder and values.get("environment", "development") != "development":
            faults.append(f"BETTER_AUTH_SECRET: is the example's placeholder ({SECRET_HINT})")
        issuer = [name for name in ("jwt_issuer", "jwt_audience", "jwt_jwks_url") if values.get(name)]
        if len(issuer) in {1, 2}:
            faults.append("JWT_ISSUER: goes with JWT_AUDIENCE and JWT_JWKS_URL; set all three or none")
        if faults:
            raise ConfigError(faults)
        return cls(**values)

    @property
    def secrets(self) -> tuple[str, ...]:
        """The secrets whose signatures are accepted; the first one signs."""
        return (self.better_auth_secret, *filter(None, [self.better_auth_secret_previous]))

    @property
    def public_url(self) -> str:
        """The address under which clients reach the service, without a closing slash."""
        return self.better_auth_url or f"http://localhost:{self.port}"

    @property
    def public_origin(self) -> str:
        """Its origin: issuer and audience of our tokens, and trusted as the CORS origins are."""
        return "://".join(urlsplit(self.public_url)[:2])

    @property
    def trusted_origins(self) -> frozenset[str]:
        """The origins whose pages may act with cookies and be gone on to."""
        return frozenset({self.public_origin, *self.cors_origins})

    @property
    def refuses_common_passwords(self) -> bool:
        """Whether a new password is compared with the list: outside development, unless told otherwise."""
        told = self.refuse_common_passwords
        return self.environment != "development" if told is None else told


def read_setting(declared: Field[Any], environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the field's name and value where the environment sets it.

    Raises:
        ValueError: saying what is wrong with the text, or that a setting without default is absent.

    """
    text = environ.get(declared.metadata["name"], "").strip()
    if text:
        return {declared.name: declared.metadata["read"](text)}
    if declared.default is MISSING:
        message = f"is not set ({declared.metadata['hint']})"
        raise ValueError(message)
    return {}
