"""Log results to an MLflow server, that of MLFLOW_TRACKING_URI."""

import os
import re
from collections.abc import Iterable
from contextlib import suppress
from itertools import count
from typing import Any, TypeVar

from reproducible_ml.core.errors import first_line, one_line
from reproducible_ml.tracking.record import (
    BRANCH,
    COMMIT,
    DIRTY,
    LOCK_HASH,
    USER,
    Record,
    as_text,
)

NAME = "MLflow"

# What MLflow shows in a place of its own.
TAGS = {
    COMMIT: "mlflow.source.git.commit",
    BRANCH: "mlflow.source.git.branch",
    DIRTY: "mlflow.source.git.dirty",
    USER: "mlflow.user",
}
SOURCE = {"mlflow.source.name": "dvc.yaml", "mlflow.source.type": "LOCAL"}

# Characters that MLflow does not allow in names, and the maximal length of a name.
FORBIDDEN = re.compile(r"[^\w.\- ]")
LENGTH = 250

Value = TypeVar("Value")

SETTINGS = {
    # By default, MLflow tries for minutes.
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "4",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # MLflow would print the address with its password.
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}


def unique_names(items: Iterable[tuple[str, Value]]) -> dict[str, Value]:
    """Return the values by names that MLflow allows; each name is unique."""
    found: dict[str, Value] = {}
    for name, value in items:
        clean = FORBIDDEN.sub("_", name)
        endings = (f" {number}" if number > 1 else "" for number in count(1))
        names = (f"{clean[: LENGTH - len(ending)]}{ending}" for ending in endings)
        found[next(name for name in names if name not in found)] = value
    return found


def log(record: Record, package: str) -> tuple[str, bool]:
    """Log a result; return where it is shown, and whether it is new there.

    MLflow's experiment is MLFLOW_EXPERIMENT_NAME, else the name of the package.

    Raises:
        Exception: Whatever MLflow raises; a started run is marked as failed.
    """
    uri, experiment = _uri(), os.environ.get("MLFLOW_EXPERIMENT_NAME") or package
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    if not uri:
        raise ValueError("MLFLOW_TRACKING_URI is not set")
    from mlflow import MlflowClient

    client = MlflowClient(uri)
    found = client.get_experiment_by_name(experiment)
    known = found.experiment_id if found else client.create_experiment(experiment)
    run, new = _find_run(client, known, record), False
    if run is None:
        run, new = _write(client, known, record), True
    if not (known and run):
        raise ValueError("the answer is not that of an MLflow server")
    return link(uri, known, run), new


def _find_run(client: Any, experiment: str, record: Record) -> str | None:
    """Return the run of the same commit and lock, if there is one that is complete."""
    same = f"tags.`{LOCK_HASH}` = '{record.facts[LOCK_HASH]}'"
    for run in client.search_runs([experiment], same):
        if run.data.tags.get(TAGS[COMMIT]) != record.facts.get(COMMIT):
            continue
        if run.info.status == "FINISHED":
            return str(run.info.run_id)
        if run.info.status == "RUNNING":
            # Its process was killed.
            client.set_terminated(run.info.run_id, "FAILED")
    return None


def _write(client: Any, experiment: str, record: Record) -> str:
    from mlflow.entities import Metric, Param

    tags = {TAGS.get(name, name): text for name, text in record.facts.items()} | SOURCE
    run = client.create_run(experiment, tags=tags, run_name=record.title).info
    try:
        values = unique_names(record.metrics.items())
        metrics = [Metric(name, v, run.start_time, 0) for name, v in values.items()]
        texts = unique_names((n, as_text(value)) for n, value in record.params.items())
        params = [Param(name, text) for name, text in texts.items()]
        client.log_batch(run.run_id, metrics, params)
        client.set_terminated(run.run_id, "FINISHED")
    except BaseException:
        with suppress(Exception):
            client.set_terminated(run.run_id, "FAILED")
        raise
    return str(run.run_id)


def _uri() -> str:
    return os.environ.get("MLFLOW_TRACKING_URI", "").strip()


def explain(error: BaseException) -> str:
    """Return a line for an error, without the password in the address."""
    uri = _uri()
    where = without_password(uri)
    reason = first_line(error).replace(uri, where) if uri else first_line(error)
    # Of a malformed address, an error may name a part that belongs to the password.
    for secret in re.split(r"[:/@]+", re.sub(r"^[\w+.-]+://", "", _user_info(uri))):
        reason = reason.replace(secret, "***") if len(secret) > 1 else reason
    return one_line(
        f"not logged to MLflow{f' at {where}' if uri else ''}: {reason}. Check the"
        " server and MLFLOW_TRACKING_URI, or set a longer MLFLOW_HTTP_REQUEST_TIMEOUT."
    )


def without_password(address: str) -> str:
    """Return an address without user and password, even if it is malformed."""
    return re.sub(r"^([\w+.-]+://)?.*@", r"\1", address)


def _user_info(address: str) -> str:
    """Return the part of an address that holds user and password."""
    return address.rpartition("@")[0]


def link(uri: str, experiment: str, run: str) -> str:
    """Return the address of the page of a run."""
    shown = without_password(uri).rstrip("/")
    if not shown.startswith(("http://", "https://")):
        return f"run {run} at {shown}"
    # By default, MLflow 3 shows the run among those of language models.
    page = f"experiments/{experiment}/runs/{run}?workflowType=machine_learning"
    return f"{shown}/#/{page}"
