"""The flask-smorest API, which makes the OpenAPI document when it is requested."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any

import flask_smorest

if TYPE_CHECKING:
    from collections.abc import Callable

    import flask


class Api(flask_smorest.Api):  # type: ignore[misc]
    """The flask-smorest API. It registers blueprints and makes the document.

    The first request for the document makes it, because that takes as long as the rest of `create_app`.
    """

    def __init__(self, app: flask.Flask, **options: Any) -> None:
        """Take the arguments of flask-smorest's API."""
        self.deferred: list[Callable[[], None]] = []
        self.lock = Lock()
        self.serialized: str | None = None
        super().__init__(app, **options)

    def defer(self, document_views: Callable[[], None]) -> None:
        """Call the function when the document is made."""
        self.deferred.append(document_views)

    def text(self) -> str:
        """Return the document as JSON."""
        with self.lock:
            if self.serialized is None:
                for document_views in self.deferred:
                    document_views()
                self.serialized = self._app.json.dumps(self.spec.to_dict())
        return self.serialized
