"""Exports and imports of tasks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from werkzeug.test import TestResponse

    from tests.support.actors import Actor

JSON = "application/json"


def export_document(*tasks: Any, **fields: Any) -> dict[str, Any]:
    return {"format": "todo-export", "version": 1, "tasks": list(tasks), **fields}


def post_import(actor: Actor, body: Any, query: str = "", **options: Any) -> TestResponse:
    """Import a document, or bytes as they are."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return actor.post(f"/import{query}", **{"data": data, "content_type": JSON, **options})


def import_counts(response: TestResponse) -> tuple[int, int]:
    """Return the numbers of created and of skipped tasks of an import without errors."""
    assert response.status_code == 200, response.text
    body = response.get_json()
    assert body["errors"] == []
    return body["created"], body["skipped"]


def exported_tasks(actor: Actor) -> list[dict[str, Any]]:
    tasks: list[dict[str, Any]] = actor.get("/export").get_json()["tasks"]
    return tasks
