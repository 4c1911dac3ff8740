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
