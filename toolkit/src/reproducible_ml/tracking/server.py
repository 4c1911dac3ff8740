"""`rml track`: log results to an MLflow server.

`rml repro` and `rml exp` do so if params.yaml has `tracking: mlflow`. The server is
that of MLFLOW_TRACKING_URI. If it cannot be used, that is a warning, never an error.
"""

import getpass
import hashlib
import json
import logging
import os
import re
import sys
import warnings
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from reproducible_ml.core.errors import UserError, first_line, one_line
from reproducible_ml.core.project import Project
from reproducible_ml.report.results import Results, number, read_results
from reproducible_ml.versioning.git import (
    Revision,
    changed_files,
    find_commit,
    find_experiments,
    run_git,
)
from reproducible_ml.versioning.lock import LOCK, flatten, locked_outputs

MODEL = "models/model.skops"
MANIFEST = "models/model.json"

# Tags that MLflow knows.
COMMIT = "mlflow.source.git.commit"
BRANCH = "mlflow.source.git.branch"
DIRTY = "mlflow.source.git.dirty"

SOURCE = {"mlflow.source.name": "dvc.yaml", "mlflow.source.type": "LOCAL"}

LOCK_HASH = "dvc.lock.sha256"

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


def params(results: Results) -> dict[str, str]:
    """Return each parameter by its dotted key; everything but text as JSON."""
    return unique_names((key, _text(value)) for key, value in flatten(results.params))


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)


def metrics(results: Results) -> dict[str, float]:
    """Return each metric that is a finite number, and the ends of its interval."""
    found = dict(flatten(results.metrics))
    if results.evaluation:
        for name, value in results.evaluation.metrics.items():
            found |= {f"{name}_low": value.low, f"{name}_high": value.high}
    finite = ((name, number(value)) for name, value in found.items())
    return unique_names((name, value) for name, value in finite if value is not None)


def undefined(results: Results) -> str:
    """Return the names of metrics that are not finite numbers."""
    found = flatten(results.metrics)
    return ", ".join(sorted(name for name, value in found if number(value) is None))


def unique_names(items: Iterable[tuple[str, Value]]) -> dict[str, Value]:
    """Return the values by names that MLflow allows; each name is unique."""
    found: dict[str, Value] = {}
    for name, value in items:
        clean = FORBIDDEN.sub("_", name)
        endings = (f" {number}" if number > 1 else "" for number in count(1))
        names = (f"{clean[: LENGTH - len(ending)]}{ending}" for ending in endings)
        found[next(name for name in names if name not in found)] = value
    return found


def model_hashes(revision: Revision, results: Results) -> dict[str, str]:
    """Return DVC's MD5 of the model, and the SHA-256 in its manifest."""
    known = locked_outputs(results.lock)
    manifest = revision.json(MANIFEST) or _cached(revision, known.get(MANIFEST, ""))
    sha256 = manifest.get("sha256", "") if isinstance(manifest, dict) else ""
    return {"model.md5": known.get(MODEL, ""), "model.sha256": sha256}


def _cached(revision: Revision, md5: str) -> Any:
    """Return a JSON file from DVC's cache."""
    path = f".dvc/cache/files/md5/{md5[:2]}/{md5[2:]}"
    return Revision(revision.root).json(path)


class Record(NamedTuple):
    """What is logged of a result: its title, parameters, metrics and tags."""

    title: str
    params: dict[str, str]
    metrics: dict[str, float]
    tags: dict[str, str]


def read_record(root: Path, name: str = "") -> Record:
    """Return the result in the working tree, or that of a commit or experiment.

    Args:
        root: Of the repository.
        name: A commit, by any name of it, or an experiment of DVC's; empty: the
            working tree.

    Raises:
        UserError: There is no such commit, or it has no results.
    """
    revision = Revision(root, _find(root, name) if name else None)
    lock = revision.text(LOCK)
    if lock is None:
        where = f"{name}: has no {LOCK}" if name else f"{LOCK}: does not exist"
        raise UserError(f"{where}, so there is no result. Run `make repro`.")
    results = read_results(revision)
    source = _git(root) if revision.commit is None else {COMMIT: revision.commit}
    tags = {
        **source,
        **SOURCE,
        **model_hashes(revision, results),
        LOCK_HASH: hashlib.sha256(lock.encode()).hexdigest(),
        "undefined_metrics": undefined(results),
        "mlflow.user": _user(),
    }
    tags = {key: value for key, value in tags.items() if value}
    title = name or _title(source)
    return Record(title, params(results), metrics(results), tags)


def _find(root: Path, name: str) -> str:
    """Return the hash of a commit by its name, or by that of an experiment."""
    found = find_experiments(root).get(name) or find_commit(root, name)
    if found is None:
        raise UserError(
            f"{name}: no such commit or experiment here. See `git log` and `rml exps`."
        )
    return found


def _git(root: Path) -> dict[str, str]:
    """Return commit, branch and state of the working tree; empty where unknown."""
    commit = find_commit(root, "HEAD") or ""
    branch = run_git(root, "symbolic-ref", "--quiet", "--short", "HEAD") or b""
    clean = commit and not changed_files(root)
    return {
        COMMIT: commit,
        BRANCH: branch.decode("utf-8", "replace").strip(),
        DIRTY: "false" if clean else "true",
    }


def _title(source: dict[str, str]) -> str:
    """Return a title as "main 1a2b3c4 + changes"."""
    words = [source[BRANCH], source[COMMIT][:7] or "without a commit"]
    if source[DIRTY] == "true" and source[COMMIT]:
        words.append("+ changes")
    return " ".join(filter(None, words))


def _user() -> str:
    # In a container, the user may have no name.
    with suppress(OSError, KeyError, ImportError):
        return getpass.getuser()
    return ""


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
