"""What is logged of a result: its parameters, metrics and where it comes from."""

import getpass
import hashlib
import json
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from reproducible_ml.core.errors import UserError
from reproducible_ml.report.results import (
    Results,
    model_hashes,
    number,
    read_results,
)
from reproducible_ml.versioning.git import (
    Revision,
    changed_files,
    find_commit,
    find_experiments,
    run_git,
)
from reproducible_ml.versioning.lock import LOCK, flatten

# Names of facts that trackers show in a place of their own.
COMMIT, BRANCH, DIRTY, USER = "commit", "branch", "dirty", "user"
LOCK_HASH = "dvc.lock.sha256"


class Record(NamedTuple):
    """What is logged of a result.

    Attributes:
        title: As "main 1a2b3c4 + changes".
        params: All parameters, by dotted name.
        metrics: Those that are finite numbers, and the ends of their intervals.
        facts: Where it comes from: `commit`, `branch`, whether it is `dirty`, `user`,
            hashes of dvc.lock and of the model; none that is unknown.
    """

    title: str
    params: dict[str, Any]
    metrics: dict[str, float]
    facts: dict[str, str]

    @property
    def identity(self) -> tuple[str, str]:
        """Hash of dvc.lock and commit: a result is logged once for both."""
        return self.facts[LOCK_HASH], self.facts.get(COMMIT, "")


def as_text(value: Any) -> str:
    """Return a parameter as text; everything but text as JSON."""
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
    return {name: value for name, value in finite if value is not None}


def undefined(results: Results) -> str:
    """Return the names of metrics that are not finite numbers."""
    found = flatten(results.metrics)
    return ", ".join(sorted(name for name, value in found if number(value) is None))


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
    facts = {
        **source,
        **model_hashes(revision, results),
        LOCK_HASH: hashlib.sha256(lock.encode()).hexdigest(),
        "undefined_metrics": undefined(results),
        USER: _user(),
    }
    facts = {key: value for key, value in facts.items() if value}
    params = dict(flatten(results.params))
    return Record(name or _title(source), params, metrics(results), facts)


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
