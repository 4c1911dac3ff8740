"""params.yaml as a whole: valid as committed; each mistake is reported by its key."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from reproducible_ml.core.errors import UserError
from reproducible_ml.core.project import Project

from ..conftest import ROOT, make_params


def check(
    folder: Path, task: str = "binary", /, **sections: dict[str, Any]
) -> list[str]:
    """Return the errors in a params.yaml where some keys are changed."""
    path = folder / "params.yaml"
    path.write_text(yaml.safe_dump(make_params(task, **sections)), "utf-8")
    try:
        Project(ROOT).check(path)
    except UserError as error:
        return str(error).splitlines()
    return []


def named(path: str, **arguments: Any) -> dict[str, Any]:
    return {"estimator": {"path": f"sklearn.{path}", "arguments": arguments}}


def test_committed_parameters_are_valid() -> None:
    Project(ROOT).check()


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_parameters_of_each_task_are_valid(tmp_path: Path, task: str) -> None:
    assert check(tmp_path, task) == []


@pytest.mark.parametrize(
    ("section", "keys", "facts"),
    [
        ("clean", {"missing": "fill"}, ["clean.missing", "fill", "keep"]),
        ("clean", {"outliers": {"tail": 0.9}}, ["clean.outliers.tail", "0.9"]),
        ("split", {"test_size": 2}, ["split.test_size", "less than 1"]),
        ("split", {"method": "time"}, ["split", "cutoff"]),
        ("split", {"method": "group"}, ["split.method group", "data.group"]),
        ("features", {"word": 3}, ["features.word", "3"]),
        ("features", {"words": 0}, ["features.words", "0"]),
        ("train", {"sed": 1}, ["train.sed"]),
        ("train", {"seed": -1}, ["train.seed", "-1"]),
        ("train", named("svm.Nothing"), ["Nothing"]),
        ("train", named("linear_model.Ridge"), ["linear_model.Ridge", "binary"]),
        ("train", named("svm.SVC", trees=3), ["estimator.arguments", "trees"]),
        ("train", {"search": {"metric": "gini"}}, ["train.search.metric", "gini"]),
        ("evaluate", {"metrics": ["rmse"]}, ["evaluate.metrics", "rmse", "binary"]),
        ("evaluate", {"metrics": []}, ["evaluate.metrics"]),
        ("evaluate", {"replicates": 99}, ["evaluate.replicates", "99"]),
        ("gate", {"metric": "rmse"}, ["gate", "rmse", "evaluate.metrics"]),
        (
            "gate",
            {"slice_floors": {"town": {"roc_auc": 0.5}}},
            ["gate.slice_floors", "town"],
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_mistake_is_one_line_that_names_key_and_value(
    tmp_path: Path, section: str, keys: dict[str, Any], facts: list[str]
) -> None:
    (line,) = check(tmp_path, **{section: keys})
    assert line.startswith(("params.yaml", str(tmp_path / "params.yaml")))
    for fact in facts:
        assert fact in line


def test_all_mistakes_are_reported_at_once(tmp_path: Path) -> None:
    lines = check(tmp_path, clean={"missing": "fill"}, split={"test_size": 2})
    assert len(lines) == 2


def test_mistakes_of_all_sections_are_reported_at_once(tmp_path: Path) -> None:
    wrong: dict[str, Any] = {
        "split": {"method": "group"},
        "train": {"seed": -1},
        "gate": {"metric": "x"},
    }
    assert len(check(tmp_path, **wrong)) == 3
