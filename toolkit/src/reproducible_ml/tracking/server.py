"""`rml track`: log results to an MLflow server.

`rml repro` and `rml exp` do so if params.yaml has `tracking: mlflow`. The server is
that of MLFLOW_TRACKING_URI. If it cannot be used, that is a warning, never an error.
"""

import logging
import os
import re
import sys
import warnings
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from reproducible_ml.core.errors import first_line
from reproducible_ml.core.project import Project
from reproducible_ml.core.text import one_line
from reproducible_ml.tracking.record import COMMIT, LOCK_HASH, Record, read_record

SETTINGS = {
    # By default, MLflow tries for minutes.
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "4",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # MLflow would print the address with its password.
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}


def track(project: Project, names: Sequence[str] = ()) -> None:
    """Log results that the server does not have yet, and print a line for each.

    MLflow's experiment is MLFLOW_EXPERIMENT_NAME, else the name of the package.

    Args:
        project: The repository.
        names: Commits or experiments of DVC; none: what is in the working tree.

    Raises:
        UserError: params.yaml is wrong, or there is no such result.
    """
    if project.params().tracking == "none":
        sys.stdout.write("Nothing to log: params.yaml has `tracking: none`.\n")
        return
    uri = os.environ.get("MLFLOW_TRACKING_URI", "").strip()
    experiment = os.environ.get("MLFLOW_EXPERIMENT_NAME") or project.package
    # Messages of MLflow about itself do not help users here.
    logging.disable()
    warnings.simplefilter("ignore")
    for record in [read_record(project.root, name) for name in names or ("",)]:
        try:
            shown, new = log(record, uri, experiment)
        except Exception as error:
            # The results exist: no failure of network, server or package is an error.
            sys.stderr.write(f"warning: {explain(error, uri)}\n")
            return
        note = "" if new else "already logged for this commit and dvc.lock, "
        sys.stdout.write(f"MLflow: {note}{shown}\n")


def log(record: Record, uri: str, experiment: str) -> tuple[str, bool]:
    """Log a result; return where it is shown, and whether it is new there.

    Raises:
        Exception: Whatever MLflow raises; a started run is marked as failed.
    """
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
    same = f"tags.`{LOCK_HASH}` = '{record.tags[LOCK_HASH]}'"
    for run in client.search_runs([experiment], same):
        if run.data.tags.get(COMMIT) != record.tags.get(COMMIT):
            continue
        if run.info.status == "FINISHED":
            return str(run.info.run_id)
        if run.info.status == "RUNNING":
            # Its process was killed.
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
    return str(run.run_id)


def explain(error: BaseException, uri: str) -> str:
    """Return a line for an error, without the password in the address."""
    if isinstance(error, ModuleNotFoundError):
        return f"not logged to MLflow: {error}. Run `make setup`."
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
