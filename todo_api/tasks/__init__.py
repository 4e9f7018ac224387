"""Tasks: the blueprint and its views."""

from todo_api.tasks.blueprint import tasks
from todo_api.tasks.routes import collection, item, sync, transfer

__all__ = ["collection", "item", "sync", "tasks", "transfer"]
