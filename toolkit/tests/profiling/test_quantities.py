"""Tests of reproducible_ml.profiling.treatments."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from reproducible_ml.contract.schema import Column
from reproducible_ml.profiling.column_types import TypeCandidate
from reproducible_ml.profiling.inferred import Hints
from reproducible_ml.profiling.profile import profile_columns
from reproducible_ml.profiling.texts import ColumnProposal, summarise_texts
from reproducible_ml.profiling.treatments import (
    propose_boolean_column,
    propose_date_column,
    propose_number_column,
)
from reproducible_ml.profiling.values import measure_columns

FILE = Path("a.csv")
NONE = Hints()
TARGET = Hints(target="x")


def use(
    values: Any,
    name: str = "x",
    dtype: Any = "Int64",
    hints: Hints = NONE,
    *,
    full: bool = True,
    typed: bool = False,
) -> ColumnProposal:
    batch = pa.RecordBatch.from_pydict({name: pa.array(map(str, values))})
    profiles = profile_columns([FILE], lambda _: [batch])
    column = Column(dtype=dtype, nullable=True)
    found = measure_columns([FILE], lambda _: [batch], profiles, {name: column})[name]
    known = summarise_texts(profiles[name], column, 0)
    candidate = TypeCandidate("number", column, "")
    if dtype == "datetime64[ns]":
        return propose_date_column(candidate, known, found, full=full)
    return propose_number_column(
        name, candidate, known, found, hints, full=full, typed=typed
    )


def test_whole_numbers_are_nullable_only_if_one_is_missing() -> None:
    assert use(range(50)).column.dtype == "int64"
    assert use(range(50), full=False).column.dtype == "Int64"


def test_amounts_have_bounds() -> None:
    found = use([5, 5, 70], dtype="float64")
    assert found.kind == "number"
    assert found.column.in_range is not None
    assert found.column.in_range.max_value == 500.0
    assert found.evidence == "numbers from 5.0 to 70.0"


def test_numbers_of_rows_of_which_some_repeat_are_told_as_such() -> None:
    found = use([*range(100, 150), 110, 120], name="customer_id")
    assert (found.kind, found.column.unique) == ("identifier", False)
    assert found.column.metadata.reason == "nearly each row has its own value"
    expected = "whole numbers from 100 to 149; 50 different in 52 rows"
    assert found.evidence == expected


@pytest.mark.parametrize("name", ["", "Unnamed: 0", "index"])
@pytest.mark.parametrize("first", [0, 1])
def test_row_numbers_are_excluded(name: str, first: int) -> None:
    found = use(range(first, first + 50), name)
    assert found.kind == "row number"
    assert found.column.treatment == "exclude"


@pytest.mark.parametrize(
    ("values", "name"),
    [
        (range(100, 1000, 7), "PassengerId"),
        (range(1, 51), "customer"),
        (range(10001, 10051), "customer"),
        (range(2**60, 2**60 + 500, 9), "account"),
    ],
)
def test_numbers_that_tell_rows_apart_are_excluded(values: range, name: str) -> None:
    found = use(values, name)
    assert found.kind == "identifier"
    assert found.column.unique
    assert found.column.in_range is None


@pytest.mark.parametrize("name", ["year", "price"])
def test_other_numbers_that_do_not_repeat_are_amounts(name: str) -> None:
    assert use(range(1950, 2020), name).kind == "whole number"


def test_codes_that_repeat_are_encoded() -> None:
    found = use([n % 20 for n in range(100)], "store_id")
    assert (found.kind, found.column.treatment) == ("code", "target_encoding")


def test_constant_is_excluded() -> None:
    assert use([1, 1, 1]).kind == "constant"
    assert use([1, 1, 1], full=False).kind == "whole number"


def test_few_whole_numbers_of_a_target_are_classes() -> None:
    found = use([10, 9, 2] * 10, hints=TARGET)
    assert found.column.dtype == "category"
    assert found.column.isin == (2, 9, 10)
    assert use([10, 9, 2] * 10).column.dtype == "int64"


def test_task_overrules_that() -> None:
    regression, classes = (Hints("x", task) for task in ("regression", "multiclass"))
    assert use([10, 9, 2] * 10, hints=regression).column.dtype == "int64"
    many = [n % 40 for n in range(120)]
    assert use(many, hints=classes).column.dtype == "category"
    assert use(many, hints=TARGET).column.dtype == "int64"


def test_two_decimals_of_a_target_are_classes() -> None:
    texts = ["0.0", "1.0"] * 20
    assert use(texts, dtype="float64", hints=TARGET).column.isin == ("0.0", "1.0")
    typed = use(texts, dtype="float64", hints=TARGET, typed=True)
    assert typed.column.isin == (0, 1)


def test_other_decimals_of_a_target_are_amounts() -> None:
    found = use([0.5, 1.5, 2.5] * 20, dtype="float64", hints=TARGET)
    assert found.column.dtype == "float64"


def test_dates_say_from_when_to_when() -> None:
    found = use(["2024-01-31", "2020-02-29"], dtype="datetime64[ns]")
    assert found.evidence == "dates, from 2020-02-29 to 2024-01-31"
    assert str(found.column.greater_than_or_equal_to) == "1900-01-01"


def test_booleans_are_nullable_only_if_one_is_missing() -> None:
    batch = pa.RecordBatch.from_pydict({"x": pa.array(["yes", "no"])})
    column = Column(dtype="boolean", nullable=True)
    known = summarise_texts(profile_columns([FILE], lambda _: [batch])["x"], column, 0)
    candidate = TypeCandidate("boolean", column, "")
    assert propose_boolean_column(candidate, known, full=True).column.dtype == "bool"
    assert (
        propose_boolean_column(candidate, known, full=False).column.dtype == "boolean"
    )
