"""Tests of reproducible_ml.tracking.record."""

import datetime
import json
from pathlib import Path
from typing import Any

import pytest

from reproducible_ml.report.results import NO_RESULTS, Evaluation, Results
from reproducible_ml.tracking.record import (
    LENGTH,
    metrics,
    model_hashes,
    params,
    undefined,
    unique_names,
)
from reproducible_ml.versioning.git import Revision

from .conftest import LOCK


def results(**parts: Any) -> Results:
    return NO_RESULTS._replace(**parts)


def test_parameters_have_dotted_names_and_lists_are_json() -> None:
    given = {
        "split": {"cutoff": datetime.date(2024, 1, 31), "salt": ""},
        "evaluate": {"metrics": ["f1"], "slices": {"age": [1.5]}},
        "gate": {"metric": None, "floors": {}},
        "tracking": "mlflow",
    }
    assert params(results(params=given)) == {
        "split.cutoff": '"2024-01-31"',
        "split.salt": "",
        "evaluate.metrics": '["f1"]',
        "evaluate.slices.age": "[1.5]",
        "gate.metric": "null",
        "gate.floors": "{}",
        "tracking": "mlflow",
    }


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
def test_name_has_the_letters_that_mlflow_takes(name: str, clean: str) -> None:
    assert unique_names([(name, 1)]) == {clean: 1}


def test_no_name_hides_another() -> None:
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
