"""Metrics for Prometheus at /metrics, if the setting METRICS is on.

Labels have few values: the route instead of the path, and one value for all unknown paths or methods. Under gunicorn
each process writes its metrics to files of a shared directory, and any process adds up all of them.
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
    """The metrics of this process."""

    def __init__(self) -> None:
        """Register the metrics."""
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "http_requests", "HTTP requests.", ["method", "route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "http_request_duration_seconds", "Time until the response starts.", ["route"], registry=self.registry
        )
        self.sign_ins = Counter("sign_ins", "Sign-ins by outcome.", ["outcome"], registry=self.registry)
        self.connections = Gauge(
            "database_connections_in_use",
            "Database connections in use at the end of the last request.",
            ["kind"],
            registry=self.registry,
            multiprocess_mode="livesum",
        )
        self.lock = Lock()

    def count(self, response: Response) -> Response:
        """Count the request at its end."""
        req = current_request()
        rule = route(req) or UNMATCHED
        self.requests.labels(method(req), rule, response.status_code).inc()
        self.seconds.labels(rule).observe(elapsed())
        if auth_event(req) == "sign_in":
            self.sign_ins.labels(outcome()).inc()
        # Under a lock, so that a thread does not overwrite the gauges with older values.
        with self.lock:
            for bind, engine in db.engines.items():
                self.connections.labels(bind or "transaction").set(in_use(engine.pool))
        return response

    def render(self) -> bytes:
        """Return the metrics of all processes, or of this one if there is no shared directory."""
        shared = CollectorRegistry()
        try:
            MultiProcessCollector(shared)  # type: ignore[no-untyped-call]
        except ValueError:
            return generate_latest(self.registry)
        return generate_latest(shared)


def init_app(app: Flask, config: Config) -> None:
    """Collect and publish metrics, if the setting is on."""
    if config.metrics:
        app.extensions[KEY] = Metrics()
        app.after_request(app.extensions[KEY].count)
        app.add_url_rule("/metrics", view_func=show_metrics)


def show_metrics() -> Response:
    """Return the metrics in Prometheus' text format. The OpenAPI document, which is for clients, omits this route."""
    return Response(current_app.extensions[KEY].render(), content_type=CONTENT_TYPE_LATEST)


def in_use(pool: Pool) -> int:
    """Return how many connections of the pool are checked out."""
    number: int = pool.checkedout()  # type: ignore[attr-defined]  # both pools are a QueuePool
    return number
