"""What is checked: params.yaml, the contract, the raw table, those of the last run."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pandera.pandas as pa
import pytest
import yaml
from pandera.engines.pandas_engine import Engine

from reproducible_ml.contract.checks import broken_rules
from reproducible_ml.contract.schema import Data
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.params import load_section
from reproducible_ml.core.parts import parts, read_part, read_table
from reproducible_ml.core.project import Project
from tumour_diagnosis.datasets import validate
from tumour_diagnosis.datasets.split import Split, is_test

from ..conftest import (
    RAW,
    ROOT,
    TARGET,
    Workspace,
    make_params,
    project_contract,
    project_params,
)

VALIDATED = ROOT / "data/interim/validated"
CLEAN = ROOT / "data/interim/clean"
TRAIN, TEST = ROOT / "data/processed/train", ROOT / "data/processed/test"
DATA = Data.model_validate(project_params()["data"])


def test_pandera_reads_the_contract_alike() -> None:
    schema = pa.DataFrameSchema.from_yaml(ROOT / "data" / "schema.yaml")
    columns = project_contract().columns
    assert schema.strict
    # By pandera's own reading of a type: to it, `str` is text that pyarrow holds.
    assert {name: column.dtype for name, column in schema.columns.items()} == {
        name: Engine.dtype(column.dtype) for name, column in columns.items()
    }
    assert {name: column.nullable for name, column in schema.columns.items()} == {
        name: column.nullable for name, column in columns.items()
    }


def test_target_can_be_predicted_from_some_feature() -> None:
    contract = project_contract()
    features = contract.features(DATA)
    assert features
    assert not {DATA.target, *DATA.id, DATA.group} & {*features}


def require(*tables: Path) -> None:
    if missing := [table.name for table in tables if not [*table.glob("part-*")]]:
        pytest.skip(f"no table {', '.join(missing)}: run `make repro` or `dvc pull`")


def portions(table: Path) -> Iterator[pd.DataFrame]:
    return map(read_part, parts(table))


@pytest.mark.parametrize("table", [VALIDATED, CLEAN, TRAIN, TEST], ids=lambda p: p.name)
def test_rows_have_the_columns_and_types_of_the_contract(table: Path) -> None:
    require(table)
    contract = project_contract()
    for rows in portions(table):
        assert list(rows.columns) == list(contract.columns)
        for name, column in contract.columns.items():
            if column.dtype != "category":
                assert str(rows[name].dtype) == column.dtype, name
            assert column.nullable or not rows[name].isna().any(), name


def test_validated_rows_meet_the_contract() -> None:
    require(VALIDATED)
    for rows in portions(VALIDATED):
        assert [
            (n, rule) for n, rule, _ in broken_rules(rows, project_contract())
        ] == []


def test_training_and_test_rows_are_the_clean_rows_and_do_not_overlap() -> None:
    require(CLEAN, TRAIN, TEST)
    sides = [read_table(table, []).index for table in (TRAIN, TEST)]
    assert not {*sides[0]} & {*sides[1]}
    every = sorted([*sides[0], *sides[1]])
    assert every == sorted(read_table(CLEAN, []).index)


def test_each_row_is_on_its_side_of_the_split() -> None:
    require(TRAIN, TEST)
    split = load_section(Split, ROOT / "params.yaml")
    for table, expected in ((TRAIN, False), (TEST, True)):
        for rows in portions(table):
            assert (is_test(rows, DATA, split) == expected).all()


def test_groups_are_whole_and_training_rows_are_earlier() -> None:
    require(TRAIN, TEST)
    method = project_params().get("split", {}).get("method", "hash")
    if method == "group":
        sides = [{*read_table(table)[DATA.group]} for table in (TRAIN, TEST)]
        assert not sides[0] & sides[1]
    elif method == "time":
        train, test = (read_table(table)[DATA.time] for table in (TRAIN, TEST))
        assert train.max() < test.min()
    else:
        pytest.skip(f"split.method is {method}")


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
        ("gate", {"max_group_gap": {"mae": 1}}, ["max_group_gap", "mae", "accuracy"]),
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
