"""Tests of reproducible_ml.tracking.record."""

import hashlib
import subprocess
from pathlib import Path

import pytest

from reproducible_ml.core.errors import UserError
from reproducible_ml.tracking.record import (
    BRANCH,
    COMMIT,
    DIRTY,
    LOCK_HASH,
    read_record,
)


def git(*arguments: str) -> str:
    author = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    return subprocess.check_output(["git", *author, *arguments], text=True).strip()


@pytest.fixture
def commit(result: Path) -> str:
    """Return the commit of a project in Git, with nothing changed since."""
    (result / ".gitignore").write_text("models/\n")
    git("init", "--quiet", "--initial-branch", "main")
    git("add", ".")
    git("commit", "--quiet", "--message", "x")
    return git("rev-parse", "HEAD")


def test_record_names_what_the_result_was_made_of(result: Path, commit: str) -> None:
    record = read_record(result)
    lock = (result / "dvc.lock").read_bytes()
    assert record.title == f"main {commit[:7]}"
    assert record.params["train.estimator.path"].endswith("LogisticRegression")
    assert record.metrics == {"roc_auc": 0.75, "roc_auc_low": 0.5}
    assert record.tags.pop("mlflow.user")
    assert record.tags == {
        COMMIT: commit,
        BRANCH: "main",
        DIRTY: "false",
        LOCK_HASH: hashlib.sha256(lock).hexdigest(),
        "model.md5": "5678",
        "model.sha256": "abcd",
        "undefined_metrics": "f1",
        "mlflow.source.name": "dvc.yaml",
        "mlflow.source.type": "LOCAL",
    }


@pytest.mark.parametrize("name", ["params.yaml", "new.txt"])
def test_changes_since_the_commit_are_told(
    result: Path, commit: str, name: str
) -> None:
    with (result / name).open("a") as file:
        file.write("# changed\n")
    record = read_record(result)
    assert record.title == f"main {commit[:7]} + changes"
    assert record.tags[DIRTY] == "true"


def test_detached_head_has_no_branch(result: Path, commit: str) -> None:
    git("checkout", "--quiet", "--detach")
    record = read_record(result)
    assert record.title == commit[:7]
    assert BRANCH not in record.tags


@pytest.mark.parametrize("initialised", [True, False])
def test_result_without_a_commit_is_told_as_such(
    result: Path, initialised: bool
) -> None:
    if initialised:
        git("init", "--quiet", "--initial-branch", "main")
    record = read_record(result)
    assert record.title.endswith("without a commit")
    assert record.tags[DIRTY] == "true"
    assert COMMIT not in record.tags


def test_commit_is_read_as_it_was(result: Path, commit: str) -> None:
    (result / "reports/metrics.json").write_text('{"roc_auc": 0.25}')
    (result / "dvc.lock").unlink()
    record = read_record(result, "HEAD")
    assert record.title == "HEAD"
    assert record.metrics["roc_auc"] == 0.75
    assert record.tags[COMMIT] == commit
    assert DIRTY not in record.tags


def test_experiment_is_found_by_its_name(result: Path, commit: str) -> None:
    git("update-ref", f"refs/exps/{commit[:2]}/{commit[2:]}/quick-fox", commit)
    assert read_record(result, "quick-fox").tags[COMMIT] == commit


def test_commit_that_is_not_there_is_named(result: Path, commit: str) -> None:
    with pytest.raises(UserError, match=r"^slow-fox: no such commit or experiment"):
        read_record(result, "slow-fox")


def test_project_that_was_never_run_has_no_result(result: Path) -> None:
    (result / "dvc.lock").unlink()
    with pytest.raises(UserError, match=r"dvc.lock: is not there.* Run `make repro`"):
        read_record(result)


def test_stage_that_the_user_removed_is_not_missed(result: Path) -> None:
    for name in ("reports/metrics.json", "reports/evaluation.json"):
        (result / name).unlink()
    (result / "dvc.lock").write_text("schema: '2.0'\nstages: {}\n")
    record = read_record(result)
    assert record.metrics == {}
    assert "model.md5" not in record.tags
