"""Settings of the service: defaults, those of the project, and of the environment."""

import os
from pathlib import Path
from typing import ClassVar

from reproducible_ml.core.errors import UserError
from reproducible_ml.serving.environment import (
    Buckets,
    FromEnvironment,
    Name,
    NotNegative,
    Positive,
    Seconds,
    Share,
)

# RML_SERVE_MAX_ROWS sets max_rows, and so on.
PREFIX = "RML_SERVE_"

# The key that clients must send, or several with commas between them.
KEY = "RML_API_KEY"

# Where prometheus_client keeps the counts of several workers.
FOLDER = "PROMETHEUS_MULTIPROC_DIR"


class Settings(FromEnvironment):
    """What the service loads, and how much it takes.

    Attributes:
        model: Folder with model.skops and model.json.
        candidate: Folder with a second version of the model; None for none.
        candidate_share: Of the requests that the second version answers; 0: it runs in
            shadow, and its answers are compared and logged only.
        name: Name of the model in addresses.
        grpc_address: Host and port for gRPC, as 0.0.0.0:8001; None for none.
        max_rows: Most rows of a request.
        explain_rows: Most rows of a request to POST /explain; 0: there is none.
        max_bytes: Most bytes of the body of a request.
        max_waiting_rows: Most rows that wait; then requests are answered with 503.
        batch_rows: How many rows of small requests are answered together.
        header_seconds: How long a client may take for the headers of a request.
        body_seconds: How long a client may take for the body of a request.
        answer_seconds: How long a request may wait for its answer.
        drain_seconds: How long requests are taken after SIGTERM, while the service
            says that it is not ready.
        reload_seconds: How often to look for another model; 0 for never.
        prediction_buckets: Upper bounds for the histogram of predicted numbers; by
            default 20 equal parts of the target's range in the contract.
        log_folder: Where answers are logged; None for nowhere.
        feedback_folder: Where labels of POST /feedback are written; None: there is no
            such route.
        log_without: Columns that are not logged.
        log_days: How long logged answers and labels are kept.
        log_seconds: After how long the rows that came are written.
        log_rows: After how many rows they are written before that.
        log_waiting: Most rows that wait to be logged; further ones are dropped.
    """

    prefix: ClassVar[str] = PREFIX

    model: Path = Path("models")
    candidate: Path | None = None
    candidate_share: Share = 0
    name: Name = "model"
    grpc_address: str | None = None
    max_rows: Positive = 10_000
    explain_rows: NotNegative = 0
    max_bytes: Positive = 16_000_000
    max_waiting_rows: Positive = 20_000
    batch_rows: Positive = 64
    header_seconds: Seconds = 10
    body_seconds: Seconds = 10
    answer_seconds: Seconds = 30
    drain_seconds: Seconds = 1
    reload_seconds: Seconds = 1
    prediction_buckets: Buckets = ()
    log_folder: Path | None = None
    feedback_folder: Path | None = None
    log_without: tuple[str, ...] = ()
    log_days: Positive = 190
    log_seconds: Seconds = 60
    log_rows: Positive = 25_000
    log_waiting: Positive = 50_000


def api_keys() -> list[str]:
    """Return the keys that are accepted; none if the service is open to all.

    Raises:
        UserError: The variable is set, but has no key: its secret may be missing.
    """
    text = os.environ.get(KEY)
    keys = [key.strip() for key in (text or "").split(",") if key.strip()]
    if text is not None and not keys:
        raise UserError(f"{KEY}: is set, but has no key. Fix: unset it to serve all")
    return keys
