"""Findings about rows get the file and line of the raw table."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from reproducible_ml.contract.findings import Finding
from reproducible_ml.contract.schema import CsvDialect
from reproducible_ml.core.params import Compute
from reproducible_ml.quality.locations import with_line_numbers

COMPUTE = Compute(backend="sequential", n_jobs=1)
FRAME = pd.DataFrame(
    {
        "age": pd.array([4, 5, -99, 6, 7, -99], dtype="Int64"),
        "mass": [1.5, np.nan, 2.5, -9.9, 1.0, -9.9],
        "said": pd.Categorical(["a", "b", "a", "c", "b", "c"]),
        "size": [1, 2, 1, 3, 2, 3],
    }
)

WriteTable = Callable[[pd.DataFrame, Path, int], Path]


@pytest.fixture
def table(write_table: WriteTable, tmp_path: Path) -> Path:
    return write_table(FRAME, tmp_path / "table", 4)


def about(value: str, column: str, kind: str = "rare class") -> Finding:
    return Finding(kind, Path("raw"), "is unusual", "Fix it.", None, column, value, 2)


def located(finding: Finding, table: Path, raw: Path) -> Finding:
    (found,) = with_line_numbers([finding], table, raw, CsvDialect(), COMPUTE)
    return found


@pytest.mark.parametrize(
    ("column", "value", "line"),
    [
        ("age", "-99", 5),
        ("mass", "-9.9", 6),
        ("said", "c", 6),
        ("said", "b", 4),
        ("size", "3", 6),
    ],
)
def test_value_gets_the_line_of_its_first_row(
    table: Path, tmp_path: Path, column: str, value: str, line: int
) -> None:
    raw = tmp_path / "raw.csv"
    FRAME.assign(note=["two\nlines", *"bcdef"]).to_csv(raw, index=False)
    found = located(about(value, column), table, raw)
    assert (found.file, found.line, found.record) == (raw, line, None)


@pytest.mark.parametrize(
    ("record", "place"), [(1, "a.csv line 3"), (3, "b.parquet row 2")]
)
def test_row_gets_its_file(
    table: Path, tmp_path: Path, record: int, place: str
) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    FRAME[:2].to_csv(raw / "a.csv", index=False)
    FRAME[2:].to_parquet(raw / "b.parquet", index=False)
    finding = Finding("duplicate rows", raw, "is unusual", "Fix it.", record=record)
    found = located(finding, table, raw)
    assert str(found).startswith(f"{raw}/{place}: is unusual")


@pytest.mark.parametrize(
    "finding",
    [about("no such", "said"), about("a", "said", "imbalance"), about("3", "size")],
)
def test_finding_without_a_row_or_a_file_stays_as_it_is(
    finding: Finding, table: Path, tmp_path: Path
) -> None:
    assert located(finding, table, tmp_path / "gone.csv") == finding
