"""Settings of the queue worker: subjects, limits, and how often a message is tried."""

from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field

from reproducible_ml.serving.environment import (
    Buckets,
    FromEnvironment,
    Name,
    Port,
    Positive,
    Seconds,
)

# RML_WORK_MAX_ROWS sets max_rows, and so on.
PREFIX = "RML_WORK_"

Subject = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$")]
Label = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,100}$")]


class Settings(FromEnvironment):
    """What the worker loads, takes and sends.

    Attributes:
        model: Folder with model.skops and model.json.
        name: Name of the model in replies.
        server: URL of the NATS server; several with commas between them.
        requests: Subject of the requests.
        replies: Subject of the replies.
        dead_letters: Subject of the requests that cannot be answered.
        stream: Begins the names of the streams that are made.
        consumer: Durable consumer of the requests; workers that share the load have
            the same.
        messages: How many messages a worker has at once.
        max_rows: Most rows of a message.
        max_bytes: Most bytes of a message; a NATS server has its own limit, max_payload
            (1 MB), which also holds for replies.
        batch_rows: How many rows of small messages are answered together.
        max_deliver: How often a message is tried before it becomes a dead letter.
        retry_seconds: How long to wait before the second, third, ... try; the last one
            repeats.
        answer_seconds: How long an answer may take.
        ack_seconds: After how long without a sign of life of the worker that has a
            message, the server gives it to another one.
        duplicate_seconds: How long the server drops a reply that was sent before.
        reply_days: How long replies are kept.
        dead_days: How long dead letters are kept.
        reload_seconds: How often to look for another model; 0 for never.
        stop_seconds: How long messages may take to be finished after SIGTERM.
        metrics_port: Where metrics are served for Prometheus; None for nowhere, 0
            for any port that is free.
        metrics_host: The address for it.
        prediction_buckets: Upper bounds for the histogram of predicted numbers; by
            default 20 equal parts of the target's range in the contract.
        connect_seconds: How long to wait for the server at the start.
    """

    prefix: ClassVar[str] = PREFIX

    model: Path = Path("models")
    name: Name = "model"
    server: str = "nats://127.0.0.1:4222"
    requests: Subject = "model.requests"
    replies: Subject = "model.replies"
    dead_letters: Subject = "model.dead"
    stream: Label = "model"
    consumer: Label = "worker"
    messages: Positive = 16
    max_rows: Positive = 10_000
    max_bytes: Positive = 1_000_000
    batch_rows: Positive = 1_000
    max_deliver: Positive = 5
    retry_seconds: tuple[Seconds, ...] = (1, 10, 60)
    answer_seconds: Seconds = 300
    ack_seconds: Positive = 10
    duplicate_seconds: Positive = 3600
    reply_days: Positive = 7
    dead_days: Positive = 30
    reload_seconds: Seconds = 1
    stop_seconds: Seconds = 25
    metrics_port: Port | None = None
    metrics_host: str = "127.0.0.1"
    prediction_buckets: Buckets = ()
    connect_seconds: Positive = 10
