"""What is logged of a result: parameters, metrics, tags and their valid names."""

import datetime
import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from reproducible_ml.core.errors import UserError
from reproducible_ml.report.results import (
    NO_RESULTS,
    Evaluation,
    Results,
    model_hashes,
)
from reproducible_ml.tracking.mlflow import LENGTH, unique_names
from reproducible_ml.tracking.record import (
    BRANCH,
    COMMIT,
    DIRTY,
    LOCK_HASH,
    as_text,
    metrics,
    read_record,
    undefined,
)
from reproducible_ml.versioning.git import Revision

from .conftest import LOCK


def results(**parts: Any) -> Results:
    return NO_RESULTS._replace(**parts)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (datetime.date(2024, 1, 31), '"2024-01-31"'),
        ("", ""),
        ("mlflow", "mlflow"),
        (["f1"], '["f1"]'),
        (None, "null"),
        ({}, "{}"),
    ],
)
def test_what_is_no_text_is_json(value: Any, text: str) -> None:
    assert as_text(value) == text


def test_metrics_are_finite_and_have_the_ends_of_their_intervals() -> None:
    evaluation = Evaluation.model_validate(
        {"metrics": {"f1": {"value": 0.5, "low": 0.25, "high": None}}}
    )
    written = {"f1": 0.5, "auc": None, "loss": float("inf"), "n": 3, "word": "x"}
    found = results(metrics=written, evaluation=evaluation)
    assert metrics(found) == {"f1": 0.5, "f1_low": 0.25, "n": 3.0}
    assert undefined(found) == "auc, loss, word"


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("train.seed", "train.seed"),
        ("evaluate.slices.Größe (cm)", "evaluate.slices.Größe _cm_"),
        ("evaluate.slices.a/../b", "evaluate.slices.a_.._b"),
        ("x" * 300, "x" * LENGTH),
    ],
)
def test_names_have_only_characters_that_mlflow_allows(name: str, clean: str) -> None:
    assert unique_names([(name, 1)]) == {clean: 1}


def test_names_are_unique() -> None:
    assert unique_names([("a(", 1), ("a)", 2), ("a_", 3)]) == {
        "a_": 1,
        "a_ 2": 2,
        "a_ 3": 3,
    }
    long = [(f"{'x' * LENGTH}{i}", i) for i in range(3)]
    assert sorted(unique_names(long).values()) == [0, 1, 2]
    assert all(len(name) <= LENGTH for name in unique_names(long))


def test_model_is_known_by_its_hashes(result: Path) -> None:
    assert model_hashes(Revision(result), results(lock=LOCK)) == {
        "model.md5": "5678",
        "model.sha256": "abcd",
    }


def test_manifest_that_is_not_in_the_working_tree_is_read_from_the_cache(
    result: Path,
) -> None:
    (result / "models/model.json").unlink()
    assert model_hashes(Revision(result), results(lock=LOCK))["model.sha256"] == ""
    cache = result / ".dvc/cache/files/md5/12/34"
    cache.parent.mkdir(parents=True)
    cache.write_text(json.dumps({"sha256": "cached"}))
    assert model_hashes(Revision(result), results(lock=LOCK))["model.sha256"] == (
        "cached"
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
    assert record.facts.pop("user")
    assert record.facts == {
        COMMIT: commit,
        BRANCH: "main",
        DIRTY: "false",
        LOCK_HASH: hashlib.sha256(lock).hexdigest(),
        "model.md5": "5678",
        "model.sha256": "abcd",
        "undefined_metrics": "f1",
    }


@pytest.mark.parametrize("name", ["params.yaml", "new.txt"])
def test_changes_since_the_commit_are_marked(
    result: Path, commit: str, name: str
) -> None:
    with (result / name).open("a") as file:
        file.write("# changed\n")
    record = read_record(result)
    assert record.title == f"main {commit[:7]} + changes"
    assert record.facts[DIRTY] == "true"


def test_detached_head_has_no_branch(result: Path, commit: str) -> None:
    git("checkout", "--quiet", "--detach")
    record = read_record(result)
    assert record.title == commit[:7]
    assert BRANCH not in record.facts


@pytest.mark.parametrize("initialised", [True, False])
def test_result_without_a_commit_is_marked(result: Path, initialised: bool) -> None:
    if initialised:
        git("init", "--quiet", "--initial-branch", "main")
    record = read_record(result)
    assert record.title.endswith("without a commit")
    assert record.facts[DIRTY] == "true"
    assert COMMIT not in record.facts


def test_commit_is_read_as_it_was(result: Path, commit: str) -> None:
    (result / "reports/metrics.json").write_text('{"roc_auc": 0.25}')
    (result / "dvc.lock").unlink()
    record = read_record(result, "HEAD")
    assert record.title == "HEAD"
    assert record.metrics["roc_auc"] == 0.75
    assert record.facts[COMMIT] == commit
    assert DIRTY not in record.facts


def test_experiment_is_found_by_its_name(result: Path, commit: str) -> None:
    git("update-ref", f"refs/exps/{commit[:2]}/{commit[2:]}/quick-fox", commit)
    assert read_record(result, "quick-fox").facts[COMMIT] == commit


def test_unknown_commit_is_an_error(result: Path, commit: str) -> None:
    with pytest.raises(UserError, match=r"^slow-fox: no such commit or experiment"):
        read_record(result, "slow-fox")


def test_missing_lock_is_an_error(result: Path) -> None:
    (result / "dvc.lock").unlink()
    with pytest.raises(UserError, match=r"dvc.lock: does not exist.* Run `make repro`"):
        read_record(result)


def test_removed_stages_are_not_missed(result: Path) -> None:
    for name in ("reports/metrics.json", "reports/evaluation.json"):
        (result / name).unlink()
    (result / "dvc.lock").write_text("schema: '2.0'\nstages: {}\n")
    record = read_record(result)
    assert record.metrics == {}
    assert "model.md5" not in record.facts
