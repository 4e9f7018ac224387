"""Examples and headers of the task routes, for the OpenAPI document."""

from typing import Any

USER_ID = "5b0e6c0f-3f0a-4a3c-9d55-0c9e5e8f2f11"

NEW = {"title": "File taxes", "description": "Form 1040", "due": "2026-10-01", "priority": "high", "tags": ["home"]}

SHOWN: dict[str, Any] = {
    "id": 7,
    "user_id": USER_ID,
    "title": "File taxes",
    "description": "Form 1040",
    "completed": False,
    "due": "2026-10-01",
    "priority": "high",
    "tags": ["home"],
    "order": 7168,
    "completed_at": None,
    "created_at": "2026-09-20T08:00:00.000Z",
    "updated_at": "2026-09-20T08:00:00.000Z",
}


def header(description: str, example: str, *, always: bool = True) -> dict[str, Any]:
    """Return the OpenAPI header object of a text."""
    return {"description": description, "schema": {"type": "string"}, "required": always, "example": example}


LOCATION = {"Location": header("Path of the new task.", f"/api/{USER_ID}/tasks/7")}
ETAG = {"ETag": header("Version, for If-Match and If-None-Match.", '"42"', always=False)}
PAGE_HEADERS = {
    **ETAG,
    "X-Total-Count": {
        "description": "With `limit`: number of tasks on all pages.",
        "schema": {"type": "string"},
        "example": "50000",
    },
    "Link": header(
        "With `limit`: the next page, if there is one, and the first.",
        '</api/me/tasks?limit=50&cursor=…>; rel="next", </api/me/tasks?limit=50>; rel="first"',
        always=False,
    ),
}
BATCH = {
    "operations": [
        {"op": "create", "task": {"title": "File taxes"}},
        {"op": "update", "id": 8, "task": {"completed": True}, "if_match": '"41"'},
        {"op": "delete", "id": 9},
    ]
}
RESULTS = {
    "results": [
        {"status": 201, "etag": '"43"', "task": SHOWN},
        {"status": 200, "etag": '"44"', "task": {**SHOWN, "id": 8}},
        {"status": 204, "etag": '"45"'},
    ]
}
CHANGES = {"tasks": [SHOWN], "deleted": [3], "sync_token": "WzQyLDcsMF0.c2lnbmF0dXJl", "has_more": False}
MOVED: dict[str, Any] = {
    **{name: value for name, value in SHOWN.items() if name not in {"id", "user_id"}},
    "uid": "0c6f7d2e-6f0e-4d0b-9a52-6a4f0c1f6a10",
}
EXPORT = {
    "format": "todo-export",
    "version": 1,
    "exported_at": "2026-09-21T08:00:00.000Z",
    "user": {"id": USER_ID, "email": "ada@example.com", "name": "Ada"},
    "tasks": [MOVED],
}
EXPORT_CSV = "id,title,description,completed,due,priority,tags,order,completed_at,created_at,updated_at\r\n"
EXPORT_ICS = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//todo-api//todo-api//EN\r\nEND:VCALENDAR\r\n"
IMPORTED: dict[str, Any] = {"created": 90, "skipped": 3, "errors": []}
