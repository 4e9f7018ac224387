"""The configuration: every setting, all errors at once, and the documents that list the settings."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import fields
from datetime import timedelta
from typing import Any

import pytest

from config import PLACEHOLDER_SECRET, Config, ConfigError
from tests.support.processes import COMMANDS, ROOT, clean_environ

SECRET = "0123456789abcdef0123456789abcdef"
SECOND = timedelta(seconds=1)
DATABASE_URL = "postgresql://user:password@localhost:5432/todo_db"
REQUIRED = {"BETTER_AUTH_SECRET": SECRET, "DATABASE_URL": DATABASE_URL}


def errors_of(**settings: str) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        Config.from_env({**REQUIRED, **settings})
    return raised.value.errors


def test_the_defaults() -> None:
    config = Config.from_env(REQUIRED)
    assert config.app_name == "Todo API"
    assert config.environment == "development"
    assert config.access_token_ttl == timedelta(minutes=60)
    assert config.refresh_token_ttl == timedelta(days=30)
    assert config.cors_origins == ("http://localhost:3000",)
    assert (config.mail_url, config.mail_from) == (None, "Todo API <no-reply@localhost>")
    assert (config.log_format, config.metrics) == ("json", False)
    assert (config.host, config.port, config.bcrypt_cost, config.web_concurrency) == ("127.0.0.1", 8000, 12, None)


@pytest.mark.parametrize(
    ("name", "text", "field", "value"),
    [
        ("APP_NAME", "My to-dos", "app_name", "My to-dos"),
        ("ENVIRONMENT", "production", "environment", "production"),
        ("BETTER_AUTH_SECRET", "x" * 32, "better_auth_secret", "x" * 32),
        ("BETTER_AUTH_SECRET", "ü" * 16, "better_auth_secret", "ü" * 16),
        ("ACCESS_TOKEN_EXPIRE_MINUTES", "15", "access_token_ttl", timedelta(minutes=15)),
        ("REFRESH_TOKEN_EXPIRE_DAYS", "7", "refresh_token_ttl", timedelta(days=7)),
        ("CORS_ORIGINS", "[]", "cors_origins", ()),
        (
            "CORS_ORIGINS",
            '["https://App.example.com", "http://[::1]:3000"]',
            "cors_origins",
            ("https://app.example.com", "http://[::1]:3000"),
        ),
        ("BETTER_AUTH_SECRET_PREVIOUS", "y" * 32, "secrets", (SECRET, "y" * 32)),
        ("BETTER_AUTH_URL", "https://todo.example.com/", "public_url", "https://todo.example.com"),
        ("BETTER_AUTH_URL", "https://example.com:8443/todo", "public_origin", "https://example.com:8443"),
        ("PORT", "9000", "public_url", "http://localhost:9000"),
        ("REFRESH_TOKEN_GRACE_SECONDS", "0", "refresh_token_grace", timedelta(0)),
        ("JWT_ALGORITHMS", '["ES256", "RS256"]', "jwt_algorithms", ("ES256", "RS256")),
        ("REFUSE_COMMON_PASSWORDS", "true", "refuses_common_passwords", True),
        ("REQUIRE_EMAIL_VERIFICATION", "true", "require_email_verification", True),
        ("ENVIRONMENT", "development", "refuses_common_passwords", False),
        ("ENVIRONMENT", "production", "refuses_common_passwords", True),
        ("BCRYPT_COST", "10", "bcrypt_cost", 10),
        ("TRUSTED_PROXIES", "2", "trusted_proxies", 2),
        ("RATE_LIMIT_SIGN_IN", "5/10s  20/2h", "rate_limit_sign_in", ((5, 10 * SECOND), (20, 7200 * SECOND))),
        ("RATE_LIMIT_WRITES", "100000/1d", "rate_limit_writes", (100_000, 86_400 * SECOND)),
        ("RATE_LIMIT_USER_SCALE", "0.5", "rate_limit_user_scale", 0.5),
        ("RATE_LIMIT_ADDRESS_SCALE", "1000000", "rate_limit_address_scale", 1e6),
        ("RATE_LIMIT_REDIS_URL", "rediss://u:p@h:6380/1", "rate_limit_redis_url", "rediss://u:p@h:6380/1"),
        ("RATE_LIMIT_REDIS_URL", "unix:///run/redis.sock", "rate_limit_redis_url", "unix:///run/redis.sock"),
        ("LOG_FORMAT", "TEXT", "log_format", "text"),
        ("METRICS", "true", "metrics", True),
        ("HOST", "0.0.0.0", "host", "0.0.0.0"),
        ("PORT", "9000", "port", 9000),
        ("SHUTDOWN_DELAY_SECONDS", "10", "shutdown_delay", timedelta(seconds=10)),
        ("WEB_CONCURRENCY", "4", "web_concurrency", 4),
        ("WEB_CONCURRENCY", "", "web_concurrency", None),
        ("DATABASE_URL", "postgres://u:p@h/d", "database_url", "postgresql+psycopg2://u:p@h/d"),
        ("DATABASE_URL", "postgresql:///d", "database_url", "postgresql+psycopg2:///d"),
        ("DATABASE_URL", "postgresql+psycopg2://h/d", "database_url", "postgresql+psycopg2://h/d"),
        (
            "DATABASE_URL",
            "postgresql://u:p%40x@h:5433/d?sslmode=require",
            "database_url",
            "postgresql+psycopg2://u:p%40x@h:5433/d?sslmode=require",
        ),
        (
            "DATABASE_URL",
            "postgresql://u:p%40@a:5433,[::1]/d?target_session_attrs=read-write",
            "database_url",
            "postgresql+psycopg2://u:p%40@/d?target_session_attrs=read-write&host=a%2C%3A%3A1&port=5433%2C",
        ),
        (
            "DATABASE_URL",
            "postgresql://a,b",
            "database_url",
            "postgresql+psycopg2:///?host=a%2Cb&target_session_attrs=read-write",
        ),
        (
            "DATABASE_URL",
            "postgresql:///d?host=a,b&target_session_attrs=primary",
            "database_url",
            "postgresql+psycopg2:///d?host=a,b&target_session_attrs=primary",
        ),
        ("DATABASE_REPLICA_URL", "", "database_replica_url", None),
        ("DATABASE_REPLICA_URL", "postgres://a/d", "database_replica_url", "postgresql+psycopg2://a/d"),
        (
            "DATABASE_REPLICA_URL",
            "postgres://a,b/d",
            "database_replica_url",
            "postgresql+psycopg2:///d?host=a%2Cb&target_session_attrs=prefer-standby",
        ),
        (
            "DATABASE_REPLICA_URL",
            "postgres://a,b/d?target_session_attrs=any",
            "database_replica_url",
            "postgresql+psycopg2:///d?target_session_attrs=any&host=a%2Cb",
        ),
        ("MAIL_URL", "", "mail_url", None),
        ("MAIL_URL", "file:///var/lib/todo%20api/mails", "mail_url", "file:///var/lib/todo%20api/mails"),
        ("MAIL_URL", "smtps://u:p@h.example:465", "mail_url", "smtps://u:p@h.example:465"),
        ("MAIL_URL", "smtp://u%40h:p%2F%25@h:587", "mail_url", "smtp://u%40h:p%2F%25@h:587?starttls=required"),
        ("MAIL_URL", "smtp://h/", "mail_url", "smtp://h/?starttls=required"),
        ("MAIL_URL", "smtp://127.0.0.1.example.com", "mail_url", "smtp://127.0.0.1.example.com?starttls=required"),
        ("MAIL_URL", "smtp://[::2]:25", "mail_url", "smtp://[::2]:25?starttls=required"),
        ("MAIL_URL", "smtp://mailpit:1025?starttls=off", "mail_url", "smtp://mailpit:1025?starttls=off"),
        ("MAIL_URL", "smtp://u:p@LOCALHOST:1025", "mail_url", "smtp://u:p@LOCALHOST:1025?starttls=off"),
        ("MAIL_URL", "smtp://127.0.0.2", "mail_url", "smtp://127.0.0.2?starttls=off"),
        ("MAIL_URL", "smtp://[::1]:25", "mail_url", "smtp://[::1]:25?starttls=off"),
        ("MAIL_URL", "smtp://u:p@localhost?starttls=off", "mail_url", "smtp://u:p@localhost?starttls=off"),
        ("MAIL_URL", "smtp://localhost?starttls=required", "mail_url", "smtp://localhost?starttls=required"),
        ("MAIL_FROM", "todo@example.com", "mail_from", "todo@example.com"),
        ("MAIL_FROM", '"Zu tun, täglich" <todo@example.com>', "mail_from", '"Zu tun, täglich" <todo@example.com>'),
        (
            "MAIL_FROM",
            "Täglich zu tun <todo+no.reply@a.example.com>",
            "mail_from",
            "Täglich zu tun <todo+no.reply@a.example.com>",
        ),
    ],
)
def test_a_valid_setting_is_parsed(name: str, text: str, field: str, value: Any) -> None:
    assert getattr(Config.from_env({**REQUIRED, name: text}), field) == value


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("BETTER_AUTH_SECRET", "x" * 31, "is 31 bytes long"),
        ("BETTER_AUTH_SECRET", "", "is not set"),
        ("DATABASE_URL", "", "is not set"),
        ("DATABASE_URL", "mysql://u:p@h/d", "must be a PostgreSQL URL"),
        ("DATABASE_URL", "sqlite:///todo.db", "must be a PostgreSQL URL"),
        ("DATABASE_URL", "postgresql://", "must be a PostgreSQL URL"),
        ("DATABASE_URL", "postgresql://h/d?schema=public", "not a URL that PostgreSQL understands"),
        ("DATABASE_URL", "postgresql://u:geheim%zz@h/d", "not a URL that PostgreSQL understands"),
        ("DATABASE_URL", "postgresql://u:geheim@x@h/d", "has an @ in user or password"),
        ("DATABASE_URL", "postgresql://u:p@h:abc/d", "must name ports that are numbers from 1 to 65535"),
        ("DATABASE_URL", "postgresql://h1:5432,h2:70000/d", "must name ports that are numbers from 1 to 65535"),
        ("DATABASE_URL", "postgresql:///d?host=a,b&port=5433", "must name a port for each host, or none"),
        ("DATABASE_URL", "postgresql://a,b/d?target_session_attrs=any", "must have target_session_attrs=read-write"),
        ("RATE_LIMIT_WRITES", "60", "must be a rate such as 60/1m"),
        ("RATE_LIMIT_WRITES", "0/1m", "must be a rate such as 60/1m"),
        ("RATE_LIMIT_WRITES", "60/1w", "must be a rate such as 60/1m"),
        ("RATE_LIMIT_SIGN_IN", "60/1m", "must be two rates"),
        ("RATE_LIMIT_SIGN_IN", "60/1m 10", "must be a rate such as 60/1m"),
        ("RATE_LIMIT_USER_SCALE", "0", "must be a number above 0"),
        ("RATE_LIMIT_USER_SCALE", "inf", "must be a number above 0"),
        ("RATE_LIMIT_ADDRESS_SCALE", "many", "must be a number above 0"),
        ("RATE_LIMIT_REDIS_URL", "geheim@localhost", "must be a URL such as redis://"),
        ("RATE_LIMIT_REDIS_URL", "redis://u:geheim/x@localhost:6379/0", "must be a URL such as redis://"),
        ("RATE_LIMIT_REDIS_URL", "redis://localhost?passwort=geheim", "must be a URL such as redis://"),
        ("RATE_LIMIT_REDIS_URL", "rediss://localhost?ssl_cert_reqs=geheim", "must be a URL such as redis://"),
        ("TRUSTED_PROXIES", "-1", "whole number from 0"),
        ("ACCESS_TOKEN_EXPIRE_MINUTES", "-1", "whole number from 1"),
        ("ACCESS_TOKEN_EXPIRE_MINUTES", "0", "whole number from 1"),
        ("ACCESS_TOKEN_EXPIRE_MINUTES", "1.5", "whole number from 1"),
        ("ACCESS_TOKEN_EXPIRE_MINUTES", "9999999999999", "whole number from 1"),
        ("REFRESH_TOKEN_EXPIRE_DAYS", "-30", "whole number from 1"),
        ("CORS_ORIGINS", "http://localhost:3000", "must be a JSON list"),
        ("CORS_ORIGINS", '"http://localhost:3000"', "must be a JSON list"),
        ("CORS_ORIGINS", '["*"]', "not an origin"),
        ("CORS_ORIGINS", '["http://localhost:3000/"]', "not an origin"),
        ("CORS_ORIGINS", "[" * 100_000, "must be a JSON list"),
        ("CORS_ORIGINS", '["http://localhost:99999"]', "not an origin"),
        ("CORS_ORIGINS", '["http://localhost:"]', "not an origin"),
        ("CORS_ORIGINS", '["https://example.com:443"]', "not an origin"),
        ("CORS_ORIGINS", '["https://b\u00fccher.example"]', "not an origin"),
        ("CORS_ORIGINS", '["https://a,b"]', "not an origin"),
        ("CORS_ORIGINS", '["https://a..b"]', "not an origin"),
        ("CORS_ORIGINS", '["https://-"]', "not an origin"),
        ("CORS_ORIGINS", '["https://user@example.com"]', "not an origin"),
        ("CORS_ORIGINS", '["ftp://example.com"]', "not an origin"),
        ("CORS_ORIGINS", '["example.com"]', "not an origin"),
        ("CORS_ORIGINS", "[1]", "not an origin"),
        ("BETTER_AUTH_SECRET_PREVIOUS", "short", "is 5 bytes long"),
        ("BETTER_AUTH_URL", "todo.example.com", "must be a URL"),
        ("BETTER_AUTH_URL", "https://todo.example.com:99999", "must be a URL"),
        ("BETTER_AUTH_URL", "https://user@todo.example.com", "must be a URL"),
        ("REFRESH_TOKEN_GRACE_SECONDS", "-1", "whole number from 0"),
        ("JWT_ISSUER", "https://auth.example.com", "goes with JWT_AUDIENCE and JWT_JWKS_URL"),
        ("JWT_ALGORITHMS", '["HS256"]', "must be a list of some of"),
        ("JWT_ALGORITHMS", "[]", "must be a list of some of"),
        ("JWT_ALGORITHMS", "[[]]", "must be a list of some of"),
        ("REFUSE_COMMON_PASSWORDS", "maybe", "must be true or false"),
        ("REQUIRE_EMAIL_VERIFICATION", "maybe", "must be true or false"),
        ("BCRYPT_COST", "3", "whole number from 4"),
        ("MAIL_URL", "mail.example.com:587", "must be a URL"),
        ("MAIL_URL", "http://u:geheim@h", "must be a URL"),
        ("MAIL_URL", "smtp://", "must be a URL"),
        ("MAIL_URL", "smtp://geheim@h", "must be a URL"),
        ("MAIL_URL", "smtp://:geheim@h", "must be a URL"),
        ("MAIL_URL", "smtp://u:@h", "must be a URL"),
        ("MAIL_URL", "smtp://u:geheim/x@h", "must be a URL"),
        ("MAIL_URL", "smtp://u:geheim#x@h", "must be a URL"),
        ("MAIL_URL", "smtp://u:geheim?x@h", "must be a URL"),
        ("MAIL_URL", "smtp://u:geheim@x@h", "must be a URL"),
        ("MAIL_URL", "smtp://u:geheim%zz@h", "must be a URL"),
        ("MAIL_URL", "smtp://u:geheim%0A@h", "must be a URL"),
        ("MAIL_URL", "smtp://u:geheimnüs@h", "must be a URL"),
        ("MAIL_URL", "smtp://u:geheim@h:0", "must be a URL"),
        ("MAIL_URL", "smtp://u:geheim@h:99999", "must be a URL"),
        ("MAIL_URL", "smtp://u:geheim@[:::]", "must be a URL"),
        ("MAIL_URL", "smtp://u:geheim@h/path", "must be a URL"),
        ("MAIL_URL", "smtp://u:geheim@h?starttls=maybe", "must be a URL"),
        ("MAIL_URL", "smtps://u:geheim@h?starttls=off", "must be a URL"),
        ("MAIL_URL", "smtp://u:geheim@h?starttls=off", "must not send a password unencrypted"),
        ("MAIL_URL", "smtp://u:geheim@localhost.example.com?starttls=off", "must not send a password unencrypted"),
        ("MAIL_URL", "file:mails", "must be a URL"),
        ("MAIL_URL", "file:///", "must be a URL"),
        ("MAIL_URL", "file:///tmp/mails/", "must be a URL"),
        ("MAIL_URL", "file:///tmp/ma ils", "must be a URL"),
        ("MAIL_URL", "file:///tmp/mails%00", "must be a URL"),
        ("MAIL_URL", "file://host/tmp/mails", "must be a URL"),
        ("MAIL_FROM", "Todo API", "must be one address"),
        ("MAIL_FROM", "todo@", "must be one address"),
        ("MAIL_FROM", "@example.com", "must be one address"),
        ("MAIL_FROM", "a@example.com, b@example.com", "must be one address"),
        ("MAIL_FROM", "us: a@example.com;", "must be one address"),
        ("MAIL_FROM", "us:a@example.com", "must be one address"),
        ("MAIL_FROM", "a@example.com,b@example.com", "must be one address"),
        ("MAIL_FROM", "Zu tun, täglich <todo@example.com>", "must be one address"),
        ("MAIL_FROM", "Todo <todo@example.com", "must be one address"),
        ("MAIL_FROM", "todo@example.com>", "must be one address"),
        ("MAIL_FROM", "us:;", "must be one address"),
        ("MAIL_FROM", "a@example.com b", "must be one address"),
        ("MAIL_FROM", "a@example.com\nBcc: b@example.com", "must be one address"),
        ("MAIL_FROM", "täglich@example.com", "must be one address"),
        ("LOG_FORMAT", "xml", "must be json or text"),
        ("METRICS", "maybe", "must be true or false"),
        ("PORT", "70000", "whole number from 1"),
        ("WEB_CONCURRENCY", "many", "whole number from 1"),
    ],
)
def test_an_error_names_its_setting_and_hides_secrets(name: str, text: str, reason: str) -> None:
    (error,) = errors_of(**{name: text})
    assert error.startswith(f"{name}: ")
    assert reason in error
    assert "geheim" not in error


def test_all_errors_are_reported_at_once() -> None:
    errors = errors_of(BETTER_AUTH_SECRET="short", CORS_ORIGINS="no", PORT="x", DATABASE_URL="")
    assert [error.split(":")[0] for error in errors] == ["BETTER_AUTH_SECRET", "DATABASE_URL", "CORS_ORIGINS", "PORT"]


def test_the_placeholder_secret_is_for_development_only() -> None:
    config = Config.from_env({**REQUIRED, "BETTER_AUTH_SECRET": PLACEHOLDER_SECRET})
    assert config.better_auth_secret == PLACEHOLDER_SECRET
    (error,) = errors_of(BETTER_AUTH_SECRET=PLACEHOLDER_SECRET, ENVIRONMENT="production")
    assert "openssl rand -hex 32" in error


def test_the_repr_hides_secrets() -> None:
    text = repr(Config.from_env({**REQUIRED, "MAIL_URL": "smtp://user:password@mail.example.com"}))
    assert SECRET not in text
    assert "password@" not in text


@pytest.mark.parametrize("command", [*COMMANDS.values(), ["-m", "flask", "routes"]])
def test_nothing_starts_with_an_invalid_configuration(command: list[str]) -> None:
    environ = clean_environ(BETTER_AUTH_SECRET="short", CORS_ORIGINS="no", DATABASE_URL=DATABASE_URL)
    arguments = [sys.executable, *command]
    completed = subprocess.run(
        arguments, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=30, check=False
    )
    assert completed.returncode == 1
    assert len(completed.stderr.splitlines()) == 3, completed.stderr
    assert "BETTER_AUTH_SECRET: is 5 bytes long" in completed.stderr
    assert "CORS_ORIGINS: must be a JSON list" in completed.stderr


NAMES = [field.metadata["name"] for field in fields(Config)]


def test_env_example_has_every_setting_with_its_default() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    example = dict(line.removeprefix("#").split("=", 1) for line in lines if "=" in line and not line.startswith("# "))
    assert list(example) == NAMES
    assert all(line.startswith("#") or not line for line in lines), "a copied file must change nothing"
    config, defaults = Config.from_env(example), Config.from_env(REQUIRED)
    for field in fields(Config):
        if field.name not in {"better_auth_secret", "database_url"}:
            assert getattr(config, field.name) == getattr(defaults, field.name), field.name


def test_the_settings_page_has_a_row_for_each_setting_and_no_other() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \| (.+?) \| .+ \|$", (ROOT / "docs" / "settings.md").read_text(), re.MULTILINE)
    assert [name for name, _ in rows] == NAMES
    defaults = {name: cell.strip("`") for name, cell in rows if not cell.startswith("–")}
    assert defaults == {
        field.metadata["name"]: field.metadata["default"] for field in fields(Config) if field.metadata.get("default")
    }
