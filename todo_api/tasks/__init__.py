"""Tasks: the blueprints and their views."""

from todo_api.tasks.blueprint import calendar_feeds, tasks
from todo_api.tasks.routes import collection, feeds, item, sync, transfer

__all__ = ["calendar_feeds", "collection", "feeds", "item", "sync", "tasks", "transfer"]
