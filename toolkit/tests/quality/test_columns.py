"""Tests of reproducible_ml.quality.columns."""

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


def judged(frame: pd.DataFrame) -> list[Finding]:
    names = list(frame.columns)
    return list(check_columns(frame, names, names, RAW))


@pytest.mark.parametrize("rows", [100, 1000, 5000])
@pytest.mark.parametrize("seed", range(5))
def test_clean_columns_are_not_strange(
    rows: int, seed: int, clean_table: CleanTable
) -> None:
    assert judged(clean_table("regression", rows, seed)) == []


@pytest.mark.parametrize("value", [1, 2.5, "DE", True, pd.Timestamp("2024-01-01")])
def test_constant_column_is_told(value: Any, clean_table: CleanTable) -> None:
    (finding,) = judged(clean_table().assign(more=value))
    assert str(finding) == (
        f'data/raw/people.csv, column "more": "{value}" is what every row says.'
        " Set its treatment to exclude in data/schema.yaml."
    )


def test_value_that_is_there_or_not_is_not_constant(clean_table: CleanTable) -> None:
    frame = clean_table()
    frame["more"] = np.where(frame["member"], 1.0, np.nan)
    assert judged(frame) == []


@pytest.mark.parametrize("dtype", ["float64", "Int64", "str", "datetime64[ns]"])
def test_column_without_values_is_told(dtype: str, clean_table: CleanTable) -> None:
    frame = clean_table()
    frame["more"] = pd.Series([None] * len(frame), dtype=dtype)
    (finding,) = judged(frame)
    assert (finding.column, finding.problem) == ("more", "has no value in any row")


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("age", -999),
        ("age", 999),
        ("score", -99.0),
        ("income", 9999999.0),
        ("score", 1e20),
    ],
)
def test_code_for_no_value_is_told_with_its_rows(
    name: str, code: float, clean_table: CleanTable
) -> None:
    frame = clean_table()
    frame.loc[::30, name] = code
    (finding,) = judged(frame)
    assert str(finding) == (
        f'data/raw/people.csv, column "{name}": "{code:.12g}" lies far from all other'
        " numbers and repeats, so it may mean that there is no value (10 rows). If so,"
        " add it to the column's metadata.missing in data/schema.yaml and set"
        " nullable: true; where it is the target, remove the rows."
    )


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
def test_codes_lie_far_from_what_the_others_lead_up_to(
    values: list[int], codes: list[int]
) -> None:
    levels = np.array(sorted(values), dtype=float)
    found = find_missing_codes(levels, np.full(len(levels), 3))
    assert sorted(found) == [(code, 3) for code in codes]


def test_outlier_that_does_not_repeat_is_no_code() -> None:
    levels = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 999.0])
    assert find_missing_codes(levels, np.array([50, 50, 50, 50, 50, 2])) == []


def test_column_that_repeats_another_is_told(clean_table: CleanTable) -> None:
    frame = clean_table()
    copies = {
        "years": frame["age"].astype(float),
        "visits2": frame["visits"],
        "town": frame["city"].astype("str"),
        "entry": frame["joined"],
    }
    found = [(f.column, f.problem) for f in judged(frame.assign(**copies))]
    assert found == [
        ("years", 'repeats column "age" in all rows'),
        ("visits2", 'repeats column "visits" in all rows'),
        ("town", 'repeats column "city" in all rows'),
        ("entry", 'repeats column "joined" in all rows'),
    ]


def test_column_that_differs_in_one_row_does_not_repeat(
    clean_table: CleanTable,
) -> None:
    frame = clean_table()
    frame["years"] = frame["age"].where(frame.index != 5, 17)
    assert judged(frame) == []


def test_sparse_columns_are_the_same_by_chance() -> None:
    values = np.zeros((100, 3))
    values[[5, 6], :2] = 1
    values[9, 2] = 1
    assert judged(pd.DataFrame(values, columns=list("abc"))) == []
