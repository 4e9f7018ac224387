"""Examples and response headers of the task routes, for the OpenAPI document."""

from typing import Any

USER_ID = "5b0e6c0f-3f0a-4a3c-9d55-0c9e5e8f2f11"

NEW_TASK = {
    "title": "File taxes",
    "description": "Form 1040",
    "due": "2026-10-01",
    "priority": "high",
    "tags": ["home"],
    "recurrence": "FREQ=YEARLY",
    "timezone": "Europe/Berlin",
}

TASK: dict[str, Any] = {
    "id": 7,
    "user_id": USER_ID,
    "title": "File taxes",
    "description": "Form 1040",
    "completed": False,
    "due": "2026-10-01",
    "priority": "high",
    "tags": ["home"],
    "order": 7168,
    "recurrence": "FREQ=YEARLY",
    "repeat_from": None,
    "timezone": "Europe/Berlin",
    "next_id": None,
    "completed_at": None,
    "created_at": "2026-09-20T08:00:00.000Z",
    "updated_at": "2026-09-20T08:00:00.000Z",
}


def header(description: str, example: str, *, required: bool = True) -> dict[str, Any]:
    """Return the OpenAPI header object of a string."""
    return {"description": description, "schema": {"type": "string"}, "required": required, "example": example}


LOCATION = {"Location": header("The path of the new task.", f"/api/{USER_ID}/tasks/7")}
ETAG = {"ETag": header("The version, for If-Match and If-None-Match.", '"42"', required=False)}
PAGE_HEADERS = {
    **ETAG,
    "X-Total-Count": {
        "description": "With `limit`: the number of tasks on all pages.",
        "schema": {"type": "string"},
        "example": "50000",
    },
    "Link": header(
        "With `limit`: the URLs of the next page, if any, and of the first page.",
        '</api/me/tasks?limit=50&cursor=…>; rel="next", </api/me/tasks?limit=50>; rel="first"',
        required=False,
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
        {"status": 201, "etag": '"43"', "task": TASK},
        {"status": 200, "etag": '"44"', "task": {**TASK, "id": 8}},
        {"status": 204, "etag": '"45"'},
    ]
}
OCCURRENCES = {"occurrences": ["2027-10-01", "2028-10-01", "2029-10-01"]}
CHANGES = {"tasks": [TASK], "deleted": [3], "sync_token": "WzQyLDcsMF0.c2lnbmF0dXJl", "has_more": False}
EXPORTED_TASK: dict[str, Any] = {
    **{name: value for name, value in TASK.items() if name not in {"id", "user_id", "next_id"}},
    "uid": "0c6f7d2e-6f0e-4d0b-9a52-6a4f0c1f6a10",
}
EXPORT = {
    "format": "todo-export",
    "version": 1,
    "exported_at": "2026-09-21T08:00:00.000Z",
    "user": {"id": USER_ID, "email": "ada@example.com", "name": "Ada"},
    "tasks": [EXPORTED_TASK],
}
IMPORT = {name: EXPORT[name] for name in ("format", "version", "tasks")}
EXPORT_CSV = ",".join(name for name in TASK if name != "user_id") + "\r\n"
EXPORT_ICS = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//todo-api//todo-api//EN\r\nEND:VCALENDAR\r\n"
IMPORT_ICS = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//example//EN\r\nBEGIN:VTODO\r\nUID:1\r\n"
    "SUMMARY:File taxes\r\nDUE;VALUE=DATE:20261001\r\nRRULE:FREQ=YEARLY\r\nEND:VTODO\r\nEND:VCALENDAR\r\n"
)
IMPORTED: dict[str, Any] = {"created": 90, "skipped": 3, "errors": [], "warnings": []}
FEED: dict[str, Any] = {
    "id": 5,
    "name": "Home",
    "filter": {"completed": False, "priority": [], "tag": ["home"]},
    "as": "events",
    "created_at": "2026-09-20T08:00:00.000Z",
    "last_read_on": None,
}
NEW_FEED = {**FEED, "url": "https://todo.example.com/api/feeds/q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4kAAAAA.ics"}
FEED_ICS = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//todo-api//todo-api//EN\r\nNAME:Home\r\n"
    "BEGIN:VEVENT\r\nSUMMARY:File taxes\r\nDTSTART;VALUE=DATE:20261001\r\nDTSTAMP:20260920T080000Z\r\n"
    "UID:0c6f7d2e-6f0e-4d0b-9a52-6a4f0c1f6a10\r\nTRANSP:TRANSPARENT\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)
