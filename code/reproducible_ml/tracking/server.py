"""Show a result on an MLflow server, once."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, NoReturn

from reproducible_ml.tracking.record import COMMIT, LOCK_HASH, Record
from reproducible_ml.tracking.troubles import (
    AddressError,
    AnswerError,
    LateError,
    NoAddressError,
    without_password,
)

# MLflow would try for minutes.
IMPATIENT = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "4",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
}
DISCREET = {
    # It would tell its makers how it is used.
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # It would print the password of an address.
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}

# Seconds for all requests together, and then for telling that it failed.
TOGETHER, AFTERWARDS = 7, 2


def log(record: Record, uri: str, experiment: str) -> tuple[str, bool]:
    """Return where the result is shown, and whether it is new there.

    Raises:
        Exception: Whatever MLflow raises; a run that was begun is marked as failed.
    """
    settings = {
        name: os.environ.setdefault(name, value)
        for name, value in {**IMPATIENT, **DISCREET}.items()
    }
    client = _connect(uri)
    # Who sets one of these is ready to wait.
    with _deadline(TOGETHER if settings.items() >= IMPATIENT.items() else None):
        identifier = _find_experiment(client, experiment)
        run, new = _find_run(client, identifier, record), False
        if run is None:
            run, new = _write(client, identifier, record), True
    return link(uri, identifier, run), new


def _connect(uri: str) -> Any:
    if not uri:
        raise NoAddressError
    from mlflow import MlflowClient

    try:
        return MlflowClient(uri)
    except Exception as error:
        raise AddressError from error


def _find_experiment(client: Any, name: str) -> str:
    found = client.get_experiment_by_name(name)
    return _known(found.experiment_id if found else client.create_experiment(name))


def _known(identifier: str) -> str:
    """Refuse the answer of something that says yes to everything."""
    if not identifier:
        raise AnswerError("neither an experiment nor an error")
    return identifier


def _find_run(client: Any, experiment: str, record: Record) -> str | None:
    """Return the run of the same commit and lock, if there is one that is complete."""
    same = f"tags.`{LOCK_HASH}` = '{record.tags[LOCK_HASH]}'"
    for run in client.search_runs([experiment], same):
        if run.data.tags.get(COMMIT) != record.tags.get(COMMIT):
            continue
        if run.info.status == "FINISHED":
            return _known(run.info.run_id)
        if run.info.status == "RUNNING":
            # Whoever began it was cut off, and could not say so any more.
            client.set_terminated(run.info.run_id, "FAILED")
    return None


def _write(client: Any, experiment: str, record: Record) -> str:
    from mlflow.entities import Metric, Param

    run = client.create_run(experiment, tags=record.tags, run_name=record.title).info
    try:
        metrics = [Metric(n, v, run.start_time, 0) for n, v in record.metrics.items()]
        params = [Param(name, value) for name, value in record.params.items()]
        client.log_batch(run.run_id, metrics, params)
        client.set_terminated(run.run_id, "FINISHED")
    except BaseException:
        with suppress(Exception):
            client.set_terminated(run.run_id, "FAILED")
        raise
    return _known(run.run_id)


@contextmanager
def _deadline(seconds: float | None) -> Iterator[None]:
    """Raise LateError after some seconds, and again if that is not heard."""
    if seconds is None or not hasattr(signal, "setitimer"):
        yield
        return
    before = signal.signal(signal.SIGALRM, _late)
    signal.setitimer(signal.ITIMER_REAL, seconds, AFTERWARDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _late(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise LateError


def link(uri: str, experiment: str, run: str) -> str:
    """Return where people see the run."""
    shown = without_password(uri).rstrip("/")
    if not shown.startswith(("http://", "https://")):
        return f"run {run} at {shown}"
    # Else MLflow 3 shows the run among those of language models.
    page = f"experiments/{experiment}/runs/{run}?workflowType=machine_learning"
    return f"{shown}/#/{page}"
