"""The configuration: read whole, refused with every fault at once."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields
from datetime import timedelta
from typing import Any

import pytest

from config import PLACEHOLDER_SECRET, Config, ConfigError
from tests.processes import ROOT, environment

SECRET = "0123456789abcdef0123456789abcdef"
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
        ("BCRYPT_COST", "10", "bcrypt_cost", 10),
        ("HOST", "0.0.0.0", "host", "0.0.0.0"),
        ("PORT", "9000", "port", 9000),
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
        ("DATABASE_URL", "postgresql://u:p@h:abc/d", "must name one host"),
        ("DATABASE_URL", "postgresql://h1:5432,h2:5433/d", "must name one host"),
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
        ("BCRYPT_COST", "3", "whole number from 4"),
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
    shown = repr(Config.from_env(REQUIRED))
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
    example, default = Config.from_env(shown), Config.from_env(REQUIRED)
    for field in fields(Config):
        if field.name not in {"better_auth_secret", "database_url"}:
            assert getattr(example, field.name) == getattr(default, field.name), field.name
