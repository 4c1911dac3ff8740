"""What is checked before anything is computed: params.yaml, and the raw table."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from reproducible_ml.core.errors import UserError
from reproducible_ml.core.project import Project
from tumour_diagnosis.datasets import validate

from ..conftest import RAW, ROOT, TARGET, Workspace, make_params


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


@pytest.fixture
def workspace(copy_of: Callable[[str], Workspace]) -> Workspace:
    return copy_of("binary")


def refusal(workspace: Workspace) -> list[str]:
    """Return the lines of the error, after a look that no output changed."""
    before = workspace.contents()
    with pytest.raises(UserError) as caught:
        workspace.run("validate")
    after = workspace.contents()
    after.pop("data/interim/problems.csv", None)
    assert after == before
    return str(caught.value).splitlines()


def test_table_is_what_the_raw_file_has(finished: Workspace) -> None:
    raw = pd.read_parquet(finished.folder / RAW)
    rows = finished.rows("data/interim/validated").reset_index(drop=True)
    assert rows.index.size == len(raw)
    for name in raw.columns:
        column = raw[name].astype(object).where(raw[name].notna(), None).tolist()
        found = rows[name].astype(object).where(rows[name].notna(), None).tolist()
        assert found == column, name
    report = finished.json("reports/validation.json")
    assert report["rows"] == len(raw)
    assert report["missing"]["kind_amount"] == raw["kind_amount"].isna().sum()


@pytest.mark.parametrize(
    ("column", "value"), [("kind_channel", "telex"), (TARGET, "perhaps")]
)
def test_value_that_breaks_the_contract_is_refused_by_column_and_value(
    workspace: Workspace, column: str, value: str
) -> None:
    raw = pd.read_parquet(workspace.folder / RAW)
    raw[column] = raw[column].astype(object).where(raw.index != 40, value)
    raw.to_parquet(workspace.folder / RAW)
    (line,) = refusal(workspace)
    for fact in (RAW.name, f'"{column}"', f'"{value}"', "data/schema.yaml"):
        assert fact in line


def is_cheap(rows: pd.DataFrame) -> Any:
    """A price is below 1000.

    More words are not quoted.
    """
    return rows["kind_price"] < 1000


def test_own_check_is_quoted_with_the_lines_of_the_rows_that_fail(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validate, "CHECKS", [is_cheap])
    workspace.run("validate")
    raw = pd.read_parquet(workspace.folder / RAW)
    raw.loc[[7, 40], "kind_price"] = 2000.0
    raw.to_parquet(workspace.folder / RAW)
    (line,) = refusal(workspace)
    for fact in (RAW.name, "is_cheap", "A price is below 1000", "2 rows"):
        assert fact in line
    assert "More words" not in line
