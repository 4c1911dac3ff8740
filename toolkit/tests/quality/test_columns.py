"""Constants, codes for missing values, and columns that equal others."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from reproducible_ml.contract.findings import Finding
from reproducible_ml.quality.columns import check_columns, find_missing_codes

RAW = Path("data/raw/people.csv")
CleanTable = Callable[..., pd.DataFrame]


def findings(frame: pd.DataFrame) -> list[Finding]:
    names = list(frame.columns)
    return list(check_columns(frame, names, names, RAW))


@pytest.mark.parametrize("rows", [100, 1000, 5000])
@pytest.mark.parametrize("seed", range(3))
def test_clean_columns_have_no_findings(
    rows: int, seed: int, clean_table: CleanTable
) -> None:
    assert findings(clean_table("regression", rows, seed)) == []


@pytest.mark.parametrize("value", [1, 2.5, "DE", True, pd.Timestamp("2024-01-01")])
def test_constant_column_is_to_be_excluded(value: Any, clean_table: CleanTable) -> None:
    (finding,) = findings(clean_table().assign(more=value))
    assert (finding.kind, finding.column) == ("constant column", "more")
    assert finding.value == str(value)
    assert "treatment to exclude in data/schema.yaml" in finding.fix


@pytest.mark.parametrize("dtype", ["float64", "Int64", "str", "datetime64[ns]"])
def test_empty_column_is_reported(dtype: str, clean_table: CleanTable) -> None:
    frame = clean_table()
    frame["more"] = pd.Series([None] * len(frame), dtype=dtype)
    (finding,) = findings(frame)
    assert (finding.kind, finding.column) == ("empty column", "more")


def test_one_value_and_missing_values_are_not_constant(clean_table: CleanTable) -> None:
    frame = clean_table()
    frame["more"] = np.where(frame["member"], 1.0, np.nan)
    assert findings(frame) == []


@pytest.mark.parametrize(
    ("name", "code"),
    [("age", -999), ("age", 999), ("score", -99.0), ("income", 1e7), ("score", 1e20)],
)
def test_code_for_a_missing_value_is_reported_with_its_rows(
    name: str, code: float, clean_table: CleanTable
) -> None:
    frame = clean_table()
    frame.loc[::30, name] = code
    (finding,) = findings(frame)
    assert (finding.column, finding.value) == (name, f"{code:.12g}")
    assert finding.rows == 10
    assert "metadata.missing of the column in data/schema.yaml" in finding.fix


@pytest.mark.parametrize(
    ("values", "codes"),
    [
        ([-999, -99, *range(10)], [-999, -99]),
        ([-999, *range(10), 999], [-999, 999]),
        ([*range(18, 80), 99], [99]),
        ([*range(18, 97), 99], []),
        ([0, *range(5000, 5100)], []),
        ([0, *range(1900, 2025)], [0]),
        ([1, 2, 3, 4, 5, 6, 7, 9], []),
        ([*range(400), -99], [-99]),
        ([*range(-50, 400), -99], []),
        ([0, 1], []),
        ([0, 1, 99], []),
        (list(range(101)), []),
    ],
)
def test_codes_are_far_from_all_other_numbers(
    values: list[int], codes: list[int]
) -> None:
    levels = np.array(sorted(values), dtype=float)
    found = find_missing_codes(levels, np.full(len(levels), 3))
    assert sorted(found) == [(code, 3) for code in codes]


def test_outlier_that_does_not_repeat_is_not_a_code() -> None:
    levels = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 999.0])
    assert find_missing_codes(levels, np.array([50, 50, 50, 50, 50, 2])) == []


def test_column_that_equals_another_is_reported(clean_table: CleanTable) -> None:
    frame = clean_table()
    copies = {
        "years": frame["age"].astype(float),
        "visits2": frame["visits"],
        "town": frame["city"].astype("str"),
        "entry": frame["joined"],
        "other": frame["age"].where(frame.index != 5, 17),
    }
    found = [(f.column, f.problem) for f in findings(frame.assign(**copies))]
    assert found == [
        ("years", 'equals column "age" in all rows'),
        ("visits2", 'equals column "visits" in all rows'),
        ("town", 'equals column "city" in all rows'),
        ("entry", 'equals column "joined" in all rows'),
    ]


def test_sparse_columns_may_be_equal_by_chance() -> None:
    values = np.zeros((100, 3))
    values[[5, 6], :2] = 1
    values[9, 2] = 1
    assert findings(pd.DataFrame(values, columns=list("abc"))) == []
