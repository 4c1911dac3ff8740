"""What the service counts, for Prometheus: `GET /metrics`.

With several workers, set PROMETHEUS_MULTIPROC_DIR to an empty folder; `rml serve` does.
"""

import os
from collections.abc import Iterable
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

from reproducible_ml.serving.rows import RowProblem
from reproducible_ml.serving.service.settings import FOLDER

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
ROWS = (1, 2, 4, 8, 16, 32, 64, 256, 1024, 4096, 16384)


class Metrics:
    """Counters of one application."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
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
        self.rows = Counter(
            "rml_rows", "Rows, by what they got", ["result"], registry=own
        )
        self.problems = Counter(
            "rml_row_problems",
            "Values that break a rule of the contract",
            ["column", "rule"],
            registry=own,
        )
        self.batch = Histogram(
            "rml_batch_rows", "Rows answered together", buckets=ROWS, registry=own
        )
        self.reloads = Counter(
            "rml_model_reloads",
            "Other models found, by what became of them",
            ["result"],
            registry=own,
        )
        self.model = Gauge(
            "rml_model_info",
            "1 for the model that answers, 0 for earlier ones",
            ["name", "version"],
            multiprocess_mode="livemax",
            registry=own,
        )
        self.logged = Counter(
            "rml_prediction_log_rows",
            "Rows for the prediction log, by what became of them",
            ["result"],
            registry=own,
        )
        self.shadow_rows = Counter(
            "rml_shadow_rows",
            "Rows that a second version answered in shadow, by what came of it",
            ["result"],
            registry=own,
        )
        for result in ("answered", "refused"):
            self.rows.labels(result)
        for result in ("loaded", "refused"):
            self.reloads.labels(result)
        for result in ("written", "dropped"):
            self.logged.labels(result)
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

    def count_rows(self, count: int, problems: Iterable[RowProblem]) -> int:
        """Count the rows of a request; return how many were refused."""
        refused = set()
        for problem in problems:
            refused.add(problem.row)
            # The name of a rule without its bounds: they may be long lists.
            rule = problem.rule.partition("(")[0]
            self.problems.labels(problem.column or "", rule).inc()
        self.rows.labels("answered").inc(count - len(refused))
        if refused:
            self.rows.labels("refused").inc(len(refused))
        return len(refused)

    def set_model(self, name: str, version: str, earlier: str | None = None) -> None:
        """Record which model answers."""
        if earlier and earlier != version:
            self.model.labels(name, earlier).set(0)
        self.model.labels(name, version).set(1)

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
        registry = self.registry
        if FOLDER in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry), CONTENT_TYPE_LATEST
