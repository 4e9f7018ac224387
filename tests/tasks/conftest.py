from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.support.actors import Actor


@pytest.fixture
def task(alice: Actor) -> dict[str, Any]:
    """Return a task of Alice in which no field has its default."""
    return alice.create_task(
        title="File taxes",
        description="Form 1040",
        completed=True,
        due="2026-10-01",
        priority="high",
        tags=["home", "money"],
        order=7,
    )
