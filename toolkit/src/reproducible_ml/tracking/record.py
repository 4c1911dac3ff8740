"""A result in the form in which it is logged to MLflow."""

import getpass
import hashlib
import json
import re
from collections.abc import Iterable
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from reproducible_ml.core.errors import UserError
from reproducible_ml.report.compare import number
from reproducible_ml.report.results import Results, read_results
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
