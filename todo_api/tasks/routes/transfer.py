"""The routes for the export and the import of all tasks."""

from __future__ import annotations

from functools import partial, wraps
from typing import IO, TYPE_CHECKING, Any

from flask import Response, request

from todo_api.auth.guard import Owner, owner_required, require_live_session
from todo_api.database import timeouts
from todo_api.http.documentation import document, raises
from todo_api.http.errors import ContentTooLarge, InvalidInput, MalformedJSON, TooManyRequests, UnsupportedMediaType
from todo_api.http.media_types import JSON
from todo_api.http.spooled_upload import spool_body, spooled_file
from todo_api.settings import settings
from todo_api.tasks.blueprint import tasks
from todo_api.tasks.errors import MalformedCalendar, TaskLimitReached
from todo_api.tasks.examples import IMPORT, IMPORT_ICS, IMPORTED, header
from todo_api.tasks.icalendar import MEDIA_TYPE
from todo_api.tasks.sync.idempotency import idempotent
from todo_api.tasks.transfer import exporter, importer
from todo_api.tasks.transfer.calendar_reader import CALENDAR_SIZE_MAX
from todo_api.tasks.transfer.document_reader import export_size_max
from todo_api.tasks.transfer.formats import FORMATS, ExportParameters
from todo_api.tasks.transfer.schemas import ImportedSchema, ImportParameters, ImportSchema
from todo_api.tasks.transfer.staging import StagedImport

if TYPE_CHECKING:
    from collections.abc import Iterator

    from todo_api.http.documentation import View

CHUNK_SIZE = 64 * 1024


def returns_file(view: View) -> View:
    """Document the file that an export returns, in each format."""
    response = {
        "description": "OK",
        "headers": {"Content-Disposition": header("The file name.", "attachment; filename=todo-export.json")},
        "content": {export_format.media_type: export_format.documentation for export_format in FORMATS.values()},
    }
    return document(view, responses={200: response})


def accepts_file(view: View) -> View:
    """Stage the tasks of the body and pass them on as `staged`. The session is checked before the body is read."""

    @wraps(view)
    def wrapper(*args: Any, owner: Owner, **kwargs: Any) -> Any:
        require_live_session(owner)
        limit = settings().max_tasks_per_user
        with spooled_file() as body, spooled_file() as rows:
            limits = {JSON: export_size_max(limit), MEDIA_TYPE: CALENDAR_SIZE_MAX}
            staged = StagedImport(rows, limit, digest=spool_body(request, body, limits))
            (staged.read_calendar if request.mimetype == MEDIA_TYPE else staged.read_export)(body)
            timeouts.set_deadline(timeouts.TRANSFER_TIMEOUT)
            return view(*args, owner=owner, staged=staged, **kwargs)

    calendar = {"schema": {"type": "string"}, "example": IMPORT_ICS}
    content = {JSON: {"schema": ImportSchema, "example": IMPORT}, MEDIA_TYPE: calendar}
    problems = (MalformedJSON, MalformedCalendar, ContentTooLarge, UnsupportedMediaType, InvalidInput)
    return document(wrapper, *problems, requestBody={"required": True, "content": content})  # type: ignore[return-value]


@tasks.get("/export", tags=["transfer"])
@owner_required("tasks:read")
@tasks.query(ExportParameters)
@returns_file
def export_tasks(parameters: dict[str, Any], owner: Owner) -> Response:
    """Export all tasks.

    Returns a consistent snapshot of your tasks. `json` has every field and the trash, and can be imported here or
    elsewhere. `csv` is for spreadsheets, `ics` for calendars (RFC 5545); both leave the trash out. In `csv`, an
    apostrophe precedes a text that would be read as a formula.
    """
    name = parameters["format"]
    export_format = FORMATS[name]
    file = exporter.export(owner, export_format)
    headers = {"Content-Disposition": f"attachment; filename=todo-export.{name}", "Content-Length": str(file.tell())}
    response = Response(file_content(file), 200, headers, mimetype=export_format.media_type)
    response.call_on_close(file.close)  # for HEAD and for clients that disconnect: the content is not read to its end
    return response


def file_content(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the content of the file, and close it."""
    with file:
        file.seek(0)
        yield from iter(partial(file.read, CHUNK_SIZE), b"")


@tasks.post("/import", tags=["transfer"])
@owner_required("tasks:write")
@tasks.query(ImportParameters)
@accepts_file
@idempotent
@tasks.response(200, ImportedSchema(), example=IMPORTED)
@raises(TaskLimitReached, TooManyRequests)
def import_tasks(parameters: dict[str, Any], owner: Owner, staged: StagedImport) -> dict[str, Any]:
    """Import tasks.

    Imports the tasks of a JSON export or of an iCalendar file (RFC 5545), all of them or none. A task whose `uid` you
    already have, in the trash too, is skipped, so that the same file can be imported again. Timestamps, order and trash
    are kept. Only the title of a task is required. With `dry_run=true` nothing is written: the response has the number
    of tasks that would be created, and the `errors`. The JSON may be as large as an export of as many tasks as you may
    have, a calendar 16 MiB. `warnings` has what of a calendar is lost, such as a rule that tasks cannot have.
    """
    return importer.run_import(owner, staged, dry_run=parameters["dry_run"])
