"""What a script does, with the package of openapi-python-client. It ends with an error if anything differs."""

from __future__ import annotations

import os
import re
from datetime import date

from todo_api_client import AuthenticatedClient, Client
from todo_api_client.api.auth import sign_in, sign_up
from todo_api_client.api.sync import batch_tasks
from todo_api_client.api.tasks import create_task, get_task, list_tasks, patch_task
from todo_api_client.models import (
    Batch,
    BatchResults,
    CreateOperation,
    CreateOperationOp,
    Credentials,
    DeleteOperation,
    DeleteOperationOp,
    Problem,
    SignedUp,
    SignIn,
    SignInForm,
    SignInMultipart,
    SignUp,
    Task,
    TaskPatch,
    TaskPost,
)
from todo_api_client.types import UNSET, Unset

URL, EMAIL, PASSWORD = (os.environ[name] for name in ("BASE_URL", "EMAIL", "PASSWORD"))
TITLES = ["one", "two", "three", "four", "five"]
DUE = date(2026, 10, 1)

anonymous = Client(URL)
signed_up = sign_up.sync(client=anonymous, body=SignUp(EMAIL, PASSWORD, name="Ada"))
assert isinstance(signed_up, SignedUp)
assert signed_up.token is not None
assert signed_up.user.email == EMAIL
for account in (SignIn(EMAIL, PASSWORD), SignInForm(EMAIL, PASSWORD), SignInMultipart(EMAIL, PASSWORD)):
    assert isinstance(sign_in.sync(client=anonymous, body=account), Credentials)
client = AuthenticatedClient(URL, signed_up.token)

for title in TITLES:
    created = create_task.sync("me", client=client, body=TaskPost(title, due=DUE, tags=["home"]))
    assert isinstance(created, Task)
    assert created.due == DUE


def tasks_from(cursor: str | Unset) -> list[Task]:
    """Return the tasks from the cursor on, page by page."""
    page = list_tasks.sync_detailed("me", client=client, limit=2, sort="-id", tag=["home"], cursor=cursor)
    assert isinstance(page.parsed, list)
    assert page.headers["X-Total-Count"] == "5"
    following = re.search(r'[?&]cursor=([^&>]+)[^>]*>; rel="next"', page.headers["Link"])
    return page.parsed + (tasks_from(following[1]) if following else [])


tasks = tasks_from(UNSET)
assert [task.title for task in tasks] == TITLES[::-1]

task_id = tasks[0].id
etag = get_task.sync_detailed("me", task_id, client=client).headers["ETag"]
patch = TaskPatch(due=None, description="cleared")
patched = patch_task.sync("me", task_id, client=client, body=patch, if_match=etag)
assert isinstance(patched, Task)
assert patched.due is None

stale = patch_task.sync_detailed("me", task_id, client=client, body=patch, if_match=etag)
assert stale.status_code == 412
assert isinstance(stale.parsed, Problem)
assert stale.parsed.code == "PRECONDITION_FAILED"

refused = create_task.sync_detailed("me", client=client, body=TaskPost(""))
assert refused.status_code == 422
assert isinstance(refused.parsed, Problem)
assert refused.parsed.errors
assert refused.parsed.errors[0].pointer == "#/title"

create = CreateOperation(op=CreateOperationOp.CREATE, task=TaskPost("six"))
delete = DeleteOperation(op=DeleteOperationOp.DELETE, id=task_id)
batch = batch_tasks.sync("me", client=client, body=Batch([create, delete]))
assert isinstance(batch, BatchResults)
assert [result.status for result in batch.results] == [201, 204]
