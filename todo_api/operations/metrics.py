"""Numbers for Prometheus at /metrics, where METRICS asks for them.

Labels have few values: routes rather than paths, and one name for whatever method or path nobody knows. Under gunicorn
each process keeps its numbers in files of a folder that all of them share, and any of them adds up all files.
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from flask import Response, current_app
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from todo_api.extensions import db
from todo_api.http.current_request import current_request
from todo_api.operations.request_log import auth_event, elapsed, method, outcome, route

if TYPE_CHECKING:
    from flask import Flask
    from sqlalchemy import Pool

    from config import Config

KEY = "todo_api.metrics"
UNMATCHED = "unmatched"


class Metrics:
    """What is counted."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "http_requests", "Requests answered.", ["method", "route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "http_request_duration_seconds", "Time until the answer began.", ["route"], registry=self.registry
        )
        self.sign_ins = Counter("sign_ins", "Sign-ins by outcome.", ["outcome"], registry=self.registry)
        self.connections = Gauge(
            "database_connections_in_use",
            "Connections to the database that a request holds, as the last request to end saw them.",
            ["kind"],
            registry=self.registry,
            multiprocess_mode="livesum",
        )
        self.lock = Lock()

    def count(self, response: Response) -> Response:
        """Count the request that ends."""
        req = current_request()
        rule = route(req) or UNMATCHED
        self.requests.labels(method(req), rule, response.status_code).inc()
        self.seconds.labels(rule).observe(elapsed())
        if auth_event(req) == "sign_in":
            self.sign_ins.labels(outcome(response)).inc()
        # Under a lock, so that the last one to look is the last one to tell.
        with self.lock:
            for bind, engine in db.engines.items():
                self.connections.labels(bind or "transaction").set(in_use(engine.pool))
        return response

    def render(self) -> bytes:
        """Return the numbers of all processes, or of this one where it is the only one."""
        shared = CollectorRegistry()
        try:
            MultiProcessCollector(shared)  # type: ignore[no-untyped-call]
        except ValueError:  # nobody has made a folder
            return generate_latest(self.registry)
        return generate_latest(shared)


def init_app(app: Flask, config: Config) -> None:
    """Count, and show what was counted, if that is asked for."""
    if config.metrics:
        app.extensions[KEY] = Metrics()
        app.after_request(app.extensions[KEY].count)
        app.add_url_rule("/metrics", view_func=show_metrics)


def show_metrics() -> Response:
    """Return the numbers as Prometheus reads them. The OpenAPI document, which is about JSON, leaves them out."""
    return Response(current_app.extensions[KEY].render(), content_type=CONTENT_TYPE_LATEST)


def in_use(pool: Pool) -> int:
    """Return how many of the pool's connections are out."""
    number: int = pool.checkedout()  # type: ignore[attr-defined]  # ours are queues
    return number
