"""A reverse proxy that turns the service into a Todo-Backend, whose to-dos have a `url` and no owner."""

from __future__ import annotations

import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

import requests

if TYPE_CHECKING:
    from collections.abc import Iterator


class TodoBackendProxy(BaseHTTPRequestHandler):
    """Adds the bearer token to requests and the `url` to tasks. DELETE of the root deletes all tasks."""

    upstream: str
    token: str

    def forward(self) -> None:
        task_id = self.path.strip("/")
        url = f"{self.upstream}/api/me/tasks{f'/{task_id}' if task_id else ''}"
        params = {"all": "true"} if self.command == "DELETE" and not task_id else {}
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": self.headers.get("Content-Type", "")}
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        response = requests.request(self.command, url, params=params, headers=headers, data=body, timeout=10)
        self.respond(response.status_code, response.content)

    def respond(self, status: int, body: bytes) -> None:
        content = json.dumps(self.with_urls(json.loads(body))).encode() if body else b""
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def with_urls(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self.with_urls(item) for item in value]
        return {**value, "url": f"http://{self.headers['Host']}/{value['id']}"} if "id" in value else value

    do_GET = do_POST = do_PATCH = do_DELETE = forward  # noqa: N815 - the library's names

    def log_message(self, *_: Any) -> None:
        """Log nothing."""


@contextmanager
def running_proxy(upstream: str, token: str) -> Iterator[str]:
    """Run a proxy with the bearer token, and yield its URL."""
    handler = type("Handler", (TodoBackendProxy,), {"upstream": upstream, "token": token})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
