"""The routes that let a user take all tasks along, and bring them."""

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
from todo_api.tasks.errors import TaskLimitReached
from todo_api.tasks.examples import EXPORT, IMPORTED, header
from todo_api.tasks.sync.idempotency import idempotent
from todo_api.tasks.transfer import exporter, importer
from todo_api.tasks.transfer.document_reader import export_size_max
from todo_api.tasks.transfer.formats import FORMATS, ExportParameters
from todo_api.tasks.transfer.schemas import ExportSchema, ImportedSchema, ImportParameters

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask.typing import ResponseReturnValue

    from todo_api.http.documentation import View

CHUNK_SIZE = 64 * 1024


def returns_file(view: View) -> View:
    """Document the files that an export is."""
    answer = {
        "description": "OK",
        "headers": {"Content-Disposition": header("What to call the file.", "attachment; filename=todo-export.json")},
        "content": {form.media_type: form.shown for form in FORMATS.values()},
    }
    return document(view, responses={200: answer})


def accepts_export(view: View) -> View:
    """Read an export from the body and pass it on as `draft`, checked; the session is asked for before that."""

    @wraps(view)
    def drafting(*args: Any, owner: Owner, **kwargs: Any) -> ResponseReturnValue:
        require_live_session(owner)
        limit = settings().max_tasks_per_user
        with spooled_file() as file, spooled_file() as rows:
            draft = importer.Draft(rows, limit, spool_body(request, file, export_size_max(limit)))
            importer.read_document(file, draft)
            timeouts.set_deadline(timeouts.TRANSFER_TIMEOUT)
            answer: ResponseReturnValue = view(*args, owner=owner, draft=draft, **kwargs)
            return answer

    content = {JSON: {"schema": ExportSchema, "example": EXPORT}}
    problems = (MalformedJSON, ContentTooLarge, UnsupportedMediaType, InvalidInput)
    return document(drafting, *problems, requestBody={"required": True, "content": content})  # type: ignore[return-value]


@tasks.get("/export", tags=["transfer"])
@owner_required
@tasks.query(ExportParameters)
@returns_file
def export_tasks(parameters: dict[str, Any], owner: Owner) -> Response:
    """Export all tasks.

    Returns your tasks as they are at one moment. `json` has every field and the trash, and can be imported here or
    elsewhere. `csv` is for spreadsheets, `ics` for calendars (RFC 5545); both leave out the trash. A cell that a
    spreadsheet would compute begins with an apostrophe.
    """
    name = parameters["format"]
    form = FORMATS[name]
    file = exporter.export(owner, form)
    headers = {"Content-Disposition": f"attachment; filename=todo-export.{name}", "Content-Length": str(file.tell())}
    response = Response(file_content(file), 200, headers, mimetype=form.media_type)
    response.call_on_close(file.close)  # after HEAD, or where the client leaves early, nobody reads to the end
    return response


def file_content(file: IO[bytes]) -> Iterator[bytes]:
    """Yield what is in the file, and close it."""
    with file:
        file.seek(0)
        yield from iter(partial(file.read, CHUNK_SIZE), b"")


@tasks.post("/import", tags=["transfer"])
@owner_required
@tasks.query(ImportParameters)
@accepts_export
@idempotent
@tasks.response(200, ImportedSchema(), example=IMPORTED)
@raises(TaskLimitReached, TooManyRequests)
def import_tasks(parameters: dict[str, Any], owner: Owner, draft: importer.Draft) -> dict[str, Any]:
    """Import tasks.

    Imports the tasks of a JSON export, all of them or none. A task whose `uid` you already have, in the trash too, is
    skipped, so that the same file can be imported again. Times, order and trash are kept; a task needs only a `title`.
    With `dry_run=true` nothing is written: the response tells what would be created, and `errors` what would be
    refused. The body may be as large as an export of as many tasks as you may have.
    """
    return importer.run_import(owner, draft, dry_run=parameters["dry_run"])
