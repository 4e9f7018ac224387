"""Fixtures of the database tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.databases import application

if TYPE_CHECKING:
    from flask import Flask


@pytest.fixture
def app(fresh_database: str) -> Flask:
    """Return an application whose pools and database no other test uses."""
    return application(fresh_database)
