"""The raw table against its contract, and against own checks of rows."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from reproducible_ml.core.errors import UserError
from tumour_diagnosis.datasets import validate

from ..conftest import RAW, TARGET, Workspace


@pytest.fixture
def workspace(copy_of: Callable[[str], Workspace]) -> Workspace:
    return copy_of("binary")


def change(workspace: Workspace, **columns: Any) -> None:
    """Give some columns of the raw table other values, by the place of the row."""
    rows = pd.read_parquet(workspace.folder / RAW)
    for name, values in columns.items():
        for place, value in values.items():
            rows[name] = rows[name].mask(rows.index == place, value)
    rows.to_parquet(workspace.folder / RAW)


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


def test_target_of_a_single_class_is_refused(workspace: Workspace) -> None:
    raw = pd.read_parquet(workspace.folder / RAW).assign(**{TARGET: "yes"})
    raw.to_parquet(workspace.folder / RAW)
    assert any(f'"{TARGET}"' in line for line in refusal(workspace))


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
    change(workspace, kind_price={7: 2000.0, 40: 3000.0})
    (line,) = refusal(workspace)
    for fact in (RAW.name, "is_cheap", "A price is below 1000", "2 rows"):
        assert fact in line
    assert "More words" not in line


def names_no_column(rows: pd.DataFrame) -> Any:
    """A column that there is not."""
    return rows["no such column"] > 0


def is_one_value(rows: pd.DataFrame) -> Any:
    """All rows at once."""
    return [bool(rows["kind_price"].gt(0).all())]


@pytest.mark.parametrize(
    ("check", "fact"),
    [(names_no_column, "no such column"), (is_one_value, "100 rows")],
)
def test_own_check_that_cannot_work_is_an_error_that_names_it(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, check: Any, fact: str
) -> None:
    monkeypatch.setattr(validate, "CHECKS", [check])
    (line,) = refusal(workspace)
    assert check.__name__ in line
    assert fact in line


def test_problems_are_listed_in_a_file_until_they_are_fixed(
    workspace: Workspace,
) -> None:
    raw = pd.read_parquet(workspace.folder / RAW)
    broken = raw["kind_channel"].astype(object).where(raw.index != 40, "telex")
    raw.assign(kind_channel=broken).to_parquet(workspace.folder / RAW)
    refusal(workspace)
    problems = pd.read_csv(workspace.folder / "data/interim/problems.csv")
    assert problems["value"].tolist() == ["telex"]
    raw.to_parquet(workspace.folder / RAW)
    workspace.run("validate")
    assert not (workspace.folder / "data/interim/problems.csv").exists()
