"""A result as a tracking server is told of it."""

import getpass
import hashlib
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from reproducible_ml.errors import UserError
from reproducible_ml.experiments.names import find_experiments
from reproducible_ml.review.results import LOCK, read_results
from reproducible_ml.review.revisions import (
    Revision,
    ask_git,
    changed_files,
    find_commit,
)
from reproducible_ml.tracking import facts

# Names to which MLflow gives a place of their own.
COMMIT = "mlflow.source.git.commit"
BRANCH = "mlflow.source.git.branch"
DIRTY = "mlflow.source.git.dirty"

FROM_HERE = {"mlflow.source.name": "dvc.yaml", "mlflow.source.type": "LOCAL"}

LOCK_HASH = "dvc.lock.sha256"


class Record(NamedTuple):
    """A title for people, and what there is to compare and to find it by."""

    title: str
    params: dict[str, str]
    metrics: dict[str, float]
    tags: dict[str, str]


def read_record(root: Path, name: str = "") -> Record:
    """Return the result in the working tree, or that of a commit or experiment.

    Args:
        root: Of the repository.
        name: A commit, by any name of it, or an experiment of DVC's; empty: neither.

    Raises:
        UserError: There is no such commit, or it has no results.
    """
    revision = Revision(root, _find(root, name) if name else None)
    lock = revision.text(LOCK)
    if lock is None:
        where = f"{name}: has no {LOCK}" if name else f"{LOCK}: is not there"
        raise UserError(f"{where}, so there is no result. Run `make repro`.")
    results = read_results(revision)
    source = _git(root) if revision.commit is None else {COMMIT: revision.commit}
    tags = {
        **source,
        **FROM_HERE,
        **facts.model_hashes(revision, results),
        LOCK_HASH: hashlib.sha256(lock.encode()).hexdigest(),
        "undefined_metrics": facts.undefined(results),
        "mlflow.user": _user(),
    }
    tags = {key: value for key, value in tags.items() if value}
    title = name or _title(source)
    return Record(title, facts.params(results), facts.metrics(results), tags)


def _find(root: Path, name: str) -> str:
    """Return the hash of a commit by its name, or by that of an experiment."""
    found = find_experiments(root).get(name) or find_commit(root, name)
    if found is None:
        raise UserError(
            f"{name}: no such commit or experiment here. `git log` and `dvc exp show`"
            " list those there are."
        )
    return found


def _git(root: Path) -> dict[str, str]:
    """Return what Git says of the working tree; empty texts where it says nothing."""
    commit = find_commit(root, "HEAD") or ""
    branch = ask_git(root, "symbolic-ref", "--quiet", "--short", "HEAD") or b""
    clean = commit and not changed_files(root)
    return {
        COMMIT: commit,
        BRANCH: branch.decode("utf-8", "replace").strip(),
        DIRTY: "false" if clean else "true",
    }


def _title(source: dict[str, str]) -> str:
    """Return words as "main 1a2b3c4 + changes"."""
    words = [source[BRANCH], source[COMMIT][:7] or "without a commit"]
    if source[DIRTY] == "true" and source[COMMIT]:
        words.append("+ changes")
    return " ".join(filter(None, words))


def _user() -> str:
    # In a container, the user may have no name.
    with suppress(OSError, KeyError, ImportError):
        return getpass.getuser()
    return ""
