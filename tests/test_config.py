"""The configuration: read whole, refused with every fault at once."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields
from datetime import timedelta
from typing import Any

import pytest

from config import PLACEHOLDER_SECRET, Config, ConfigError
from tests.support.processes import ROOT, environment

SECRET = "0123456789abcdef0123456789abcdef"
SECOND = timedelta(seconds=1)
DATABASE_URL = "postgresql://user:password@localhost:5432/todo_db"
REQUIRED = {"BETTER_AUTH_SECRET": SECRET, "DATABASE_URL": DATABASE_URL}


def faults(**settings: str) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        Config.from_env({**REQUIRED, **settings})
    return refused.value.faults


def test_defaults_are_the_seeds() -> None:
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
def test_a_setting_is_read(name: str, text: str, field: str, value: Any) -> None:
    assert getattr(Config.from_env({**REQUIRED, name: text}), field) == value


@pytest.mark.parametrize(
    ("name", "text", "said"),
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
        ("DATABASE_URL", "postgresql://u:p@h:abc/d", "must name one host"),
        ("DATABASE_URL", "postgresql://h1:5432,h2:5433/d", "must name one host"),
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
        ("CORS_ORIGINS", '["*"]', "no origin"),
        ("CORS_ORIGINS", '["http://localhost:3000/"]', "no origin"),
        ("CORS_ORIGINS", "[" * 100_000, "must be a JSON list"),
        ("CORS_ORIGINS", '["http://localhost:99999"]', "no origin"),
        ("CORS_ORIGINS", '["http://localhost:"]', "no origin"),
        ("CORS_ORIGINS", '["https://example.com:443"]', "no origin"),
        ("CORS_ORIGINS", '["https://b\u00fccher.example"]', "no origin"),
        ("CORS_ORIGINS", '["https://a,b"]', "no origin"),
        ("CORS_ORIGINS", '["https://a..b"]', "no origin"),
        ("CORS_ORIGINS", '["https://-"]', "no origin"),
        ("CORS_ORIGINS", '["https://user@example.com"]', "no origin"),
        ("CORS_ORIGINS", '["ftp://example.com"]', "no origin"),
        ("CORS_ORIGINS", '["example.com"]', "no origin"),
        ("CORS_ORIGINS", "[1]", "no origin"),
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
def test_a_fault_names_its_setting(name: str, text: str, said: str) -> None:
    (fault,) = faults(**{name: text})
    assert fault.startswith(f"{name}: ")
    assert said in fault
    assert "geheim" not in fault


def test_all_faults_are_told_at_once() -> None:
    told = faults(BETTER_AUTH_SECRET="short", CORS_ORIGINS="no", PORT="x", DATABASE_URL="")
    assert [fault.split(":")[0] for fault in told] == ["BETTER_AUTH_SECRET", "DATABASE_URL", "CORS_ORIGINS", "PORT"]


def test_the_seeds_placeholder_secret_is_for_development_only() -> None:
    config = Config.from_env({**REQUIRED, "BETTER_AUTH_SECRET": PLACEHOLDER_SECRET})
    assert config.better_auth_secret == PLACEHOLDER_SECRET
    (fault,) = faults(BETTER_AUTH_SECRET=PLACEHOLDER_SECRET, ENVIRONMENT="production")
    assert "openssl rand -hex 32" in fault


def test_secrets_are_not_shown_with_the_configuration() -> None:
    shown = repr(Config.from_env({**REQUIRED, "MAIL_URL": "smtp://user:password@mail.example.com"}))
    assert SECRET not in shown
    assert "password@" not in shown


@pytest.mark.parametrize("command", [["gunicorn", "--config", "gunicorn.conf.py"], ["flask", "routes"]])
def test_a_faulty_configuration_does_not_start(command: list[str]) -> None:
    settings = environment(BETTER_AUTH_SECRET="short", CORS_ORIGINS="no", DATABASE_URL=DATABASE_URL)
    run = [sys.executable, "-m", *command]
    ended = subprocess.run(run, cwd=ROOT, env=settings, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 1
    assert len(ended.stderr.splitlines()) == 3, ended.stderr
    assert "BETTER_AUTH_SECRET: is 5 bytes long" in ended.stderr
    assert "CORS_ORIGINS: must be a JSON list" in ended.stderr


def test_env_example_shows_every_setting_with_its_default() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    shown = dict(line.removeprefix("#").split("=", 1) for line in lines if "=" in line and not line.startswith("# "))
    assert list(shown) == [field.metadata["name"] for field in fields(Config)]
    assert all(line.startswith("#") or not line for line in lines), "a copied file must change nothing"
    example, default = Config.from_env(shown), Config.from_env(REQUIRED)
    for field in fields(Config):
        if field.name not in {"better_auth_secret", "database_url"}:
            assert getattr(example, field.name) == getattr(default, field.name), field.name
