"""What a worker counts, for Prometheus, and where that is served."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from prometheus_client import Counter, Gauge, Histogram, start_http_server

from reproducible_ml.core.errors import UserError
from reproducible_ml.serving.logs import log_event
from reproducible_ml.serving.metrics import SECONDS, ModelMetrics
from reproducible_ml.serving.worker.settings import Settings

# A message may wait for its answer for minutes.
LONG = (*SECONDS, 30, 60, 300)

# What becomes of a message.
RESULTS = ("answered", "retried", "dead letter")


class WorkerMetrics(ModelMetrics):
    """Counts of one worker: also its messages."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings.prediction_buckets)
        own = self.registry
        self.messages = Counter(
            "rml_messages", "Messages, by what became of them", ["result"], registry=own
        )
        self.seconds = Histogram(
            "rml_message_seconds",
            "Time from a message to its reply, a later try or a dead letter",
            buckets=LONG,
            registry=own,
        )
        self.active = Gauge(
            "rml_messages_active", "Messages being answered", registry=own
        )
        self.waiting = Gauge(
            "rml_messages_waiting",
            "Messages of the queue that no worker has acknowledged; of all workers",
            registry=own,
        )
        for result in RESULTS:
            self.messages.labels(result)


def serve_metrics(
    metrics: WorkerMetrics, settings: Settings
) -> AbstractContextManager[None]:
    """Answer GET /metrics in this block, if the settings name a port.

    Raises:
        UserError: Nothing can listen there.
    """
    if settings.metrics_port is None:
        return nullcontext()
    return _served(metrics, settings.metrics_host, settings.metrics_port)


@contextmanager
def _served(metrics: WorkerMetrics, host: str, port: int) -> Iterator[None]:
    try:
        server, thread = start_http_server(port, host, metrics.registry)
    except OSError as error:
        raise UserError(
            f"metrics: cannot listen at {host}:{port}: {error.strerror}. Fix: choose"
            " another port: --metrics-port"
        ) from None
    log_event("metrics ready", host=host, port=server.server_port)
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
