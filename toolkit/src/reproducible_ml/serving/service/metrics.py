"""What the service counts, for Prometheus: `GET /metrics`.

With several workers, set PROMETHEUS_MULTIPROC_DIR to an empty folder; `rml serve` does.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from reproducible_ml.serving.metrics import SECONDS, ModelMetrics
from reproducible_ml.serving.service.settings import FOLDER


class Metrics(ModelMetrics):
    """Counts of one application: also its requests, log and models."""

    def __init__(self, buckets: Sequence[float] = ()) -> None:
        super().__init__(buckets)
        own = self.registry
        self.requests = Counter(
            "rml_requests",
            "Requests, by what they got",
            ["route", "status"],
            registry=own,
        )
        self.seconds = Histogram(
            "rml_request_seconds",
            "Time from the headers to the response",
            ["route"],
            buckets=SECONDS,
            registry=own,
        )
        self.active = Gauge(
            "rml_requests_active",
            "Requests being answered",
            multiprocess_mode="livesum",
            registry=own,
        )
        self.reloads = Counter(
            "rml_model_reloads",
            "Other models found, by what became of them",
            ["result"],
            registry=own,
        )
        self.logged = Counter(
            "rml_prediction_log_rows",
            "Rows for the prediction log, by what became of them",
            ["result"],
            registry=own,
        )
        self.feedback = Counter(
            "rml_feedback_labels",
            "Labels of POST /feedback, by what became of them",
            ["result"],
            registry=own,
        )
        self.shadow_rows = Counter(
            "rml_shadow_rows",
            "Rows that a second version answered in shadow, by what came of it",
            ["result"],
            registry=own,
        )
        for result in ("loaded", "refused"):
            self.reloads.labels(result)
        for result in ("written", "dropped"):
            self.logged.labels(result)
            self.feedback.labels(result)
        self.feedback.labels("refused")
        for result in ("same", "different", "refused by one", "dropped", "failed"):
            self.shadow_rows.labels(result)
        self._requests: dict[tuple[str, int], Counter] = {}
        self._seconds: dict[str, Histogram] = {}

    def count_request(self, route: str, status: int, seconds: float) -> None:
        """Count a request that got a response."""
        # Labels are looked up once: that takes longer than to count.
        key = route, status
        if key not in self._requests:
            self._requests[key] = self.requests.labels(route, str(status))
            self._seconds[route] = self.seconds.labels(route)
        self._requests[key].inc()
        self._seconds[route].observe(seconds)

    def forget_dead_workers(self) -> None:
        """Remove what processes that were killed left of gauges."""
        for file in Path(os.environ.get(FOLDER, os.devnull)).glob("gauge_live*_*.db"):
            process = int(file.stem.rpartition("_")[2])
            try:
                os.kill(process, 0)
            except ProcessLookupError:
                mark_process_dead(process)  # type: ignore[no-untyped-call]
            except OSError:
                continue  # of another user, so it is alive

    def forget_this_worker(self) -> None:
        """Remove the gauges of this process, which ends."""
        if FOLDER in os.environ:
            mark_process_dead(os.getpid())  # type: ignore[no-untyped-call]

    def text(self) -> tuple[bytes, str]:
        """Return all metrics, of all workers, and their content type."""
        self.process.update()
        registry = self.registry
        if FOLDER in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry), CONTENT_TYPE_LATEST
