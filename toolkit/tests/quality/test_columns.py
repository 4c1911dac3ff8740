"""Constants, codes for missing values, equal columns, and values of the target."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from reproducible_ml.contract.findings import Finding
from reproducible_ml.contract.schema import Data
from reproducible_ml.quality.columns import (
    check_classes,
    check_columns,
    check_imbalance,
    check_numbers,
    find_missing_codes,
    main_coding,
    normalized_label,
)

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
        ([-9, *range(18, 90)], [-9]),
        ([-9, -8, *range(1, 6)], [-9, -8]),
        ([-9, *range(-5, 90)], []),
        ([*range(-9, 90)], []),
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


SPELLING = "class spelled in several ways"
BINARY = Data(target="y", positive="yes")
MULTICLASS = Data(target="y", task="multiclass")


def classes(counts: dict[str, int], data: Data) -> list[tuple[str, str | None]]:
    """Return kind and value of the findings about classes."""
    return [(f.kind, f.value) for f in check_classes(counts, data, RAW)]


@pytest.mark.parametrize(
    "labels",
    [
        ["no", "yes"],
        list("abcdefghijklmnopqrstuvwxyz"),
        [str(number) for number in range(12)],
        ["10", "1_0", "1e1", "010", "1234567", "1234568"],
        ["Bonn", "Köln", "Koln", "new", "renew"],
    ],
)
def test_different_classes_have_no_findings(labels: list[str]) -> None:
    assert classes(dict.fromkeys(labels, 20), MULTICLASS) == []


@pytest.mark.parametrize(
    ("counts", "found"),
    [
        ({"no": 80, "yes": 0}, [("constant target", "no")]),
        ({"no": 80, "perhaps": 50}, [("no positive class", None)]),
        ({"no": 20, "yes": 9}, [("rare class", "yes")]),
        ({"no": 20, "yes": 10}, []),
        ({"no": 10, "yes": 10, "x": 1}, [("single row of a class", "x")]),
        ({"no": 50, "yes": 50, "Yes": 1}, [(SPELLING, "Yes")]),
    ],
)
def test_classes_that_cannot_be_learned_are_reported(
    counts: dict[str, int], found: list[Any]
) -> None:
    assert classes(counts, BINARY) == found


@pytest.mark.parametrize(
    ("labels", "others"),
    [
        (["yes", "no", "Yes"], ["Yes"]),
        (["yes", "no", "yes "], ["yes "]),
        (["new york", "new  York", "Rome"], ["new  York"]),
        (["1", "0", "1.0"], ["1.0"]),
        (["yes", "no", "y", "n"], ["n", "y"]),
        (["yes", "no", "1", "0"], ["0", "1"]),
        (["true", "false", "T"], ["T"]),
    ],
)
def test_rarer_spelling_of_a_class_is_reported(
    labels: list[str], others: list[str]
) -> None:
    counts = {label: 100 - place for place, label in enumerate(labels)}
    assert classes(counts, MULTICLASS) == [(SPELLING, label) for label in others]


def test_mixed_labels_become_two_that_belong_together() -> None:
    counts = {"yes": 30, "1": 40, "no": 50, "0": 20}
    assert [f.problem for f in check_classes(counts, BINARY, RAW)] == [
        'looks like another spelling of "no"',
        'looks like another spelling of "yes"',
    ]


def test_letters_that_differ_by_case_may_be_classes() -> None:
    counts = {"A": 90, "a": 80, "b": 70}
    assert classes(counts, MULTICLASS) == [("letters alike", "a")]


@pytest.mark.parametrize(
    ("counts", "coding"),
    [
        ({"yes": 5, "no": 1, "1": 2, "0": 3}, ("yes", "no")),
        ({"yes": 1, "no": 1, "1": 2, "0": 3}, ("1", "0")),
        ({"yes": 50, "1": 2, "0": 3}, ("1", "0")),
        ({"yes": 1, "no": 1, "true": 2, "false": 1}, ("true", "false")),
        ({"yes": 2, "no": 2, "1": 2, "0": 2}, ("yes", "no")),
        ({"yes": 50, "0": 3}, ()),
    ],
)
def test_main_coding_is_the_complete_pair_of_most_rows(
    counts: dict[str, int], coding: tuple[str, ...]
) -> None:
    assert main_coding({label: label for label in counts}, counts) == coding


@pytest.mark.parametrize(
    ("label", "text"),
    [
        ("  New\tYork ", "new york"),
        ("5.", "5"),
        ("-5.00", "-5"),
        ("5.5", "5.5"),
        ("v1.0", "v1.0"),
        ("Y", "yes"),
    ],
)
def test_labels_are_normalized(label: str, text: str) -> None:
    assert normalized_label(label) == text


@pytest.mark.parametrize(
    ("counts", "rarer"),
    [
        ({"no": 911, "yes": 89}, "yes"),
        ({"no": 99, "yes": 901}, "no"),
        ({"no": 270, "yes": 30}, None),
        # These have findings of their own.
        ({"no": 500, "yes": 500, "maybe": 9}, None),
    ],
)
def test_imbalance_names_parameter_and_metrics(
    counts: dict[str, int], rarer: str | None
) -> None:
    found = list(check_imbalance(counts, BINARY, RAW))
    assert [f.value for f in found] == ([rarer] if rarer else [])
    for finding in found:
        assert "train.class_weight: balanced in params.yaml" in finding.fix
        assert "average_precision and balanced_accuracy" in finding.fix


@pytest.mark.parametrize(
    ("values", "kinds"),
    [
        ([3.5] * 100, ["constant target"]),
        ([0.0, 1.0] * 50, ["two numbers"]),
        ([0.0] * 60 + list(range(40)), ["common number"]),
        ([0.0] * 40 + list(range(60)), []),
        (list(range(100)), []),
    ],
)
def test_numbers_of_which_one_dominates_are_reported(
    values: list[float], kinds: list[str]
) -> None:
    found = check_numbers(pd.Series(values), "y", RAW)
    assert [finding.kind for finding in found] == kinds
