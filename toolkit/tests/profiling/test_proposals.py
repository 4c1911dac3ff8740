"""The proposed use of columns of numbers, dates, booleans and text."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from reproducible_ml.contract.schema import Column, Length
from reproducible_ml.profiling.column_types import TypeCandidate
from reproducible_ml.profiling.inferred import FindingFactory, Hints
from reproducible_ml.profiling.profile import profile_columns
from reproducible_ml.profiling.proposals import (
    ColumnProposal,
    inconsistent_spellings,
    propose_boolean_column,
    propose_date_column,
    propose_number_column,
    propose_text_column,
    summarise_texts,
)
from reproducible_ml.profiling.values import measure_columns

FILE = Path("a.csv")
NONE = Hints()
TARGET = Hints(target="x")


def proposed(
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
    known = summarise_texts(profiles[name], column, 0)
    candidate = TypeCandidate("number", column, "")
    if dtype == "boolean":
        return propose_boolean_column(candidate, known, full=full)
    found = measure_columns([FILE], lambda _: [batch], profiles, {name: column})[name]
    if dtype == "datetime64[ns]":
        return propose_date_column(candidate, known, found, full=full)
    return propose_number_column(
        name, candidate, known, found, hints, full=full, typed=typed
    )


@pytest.mark.parametrize(
    ("values", "dtype", "full", "expected"),
    [
        (range(50), "Int64", True, "int64"),
        (range(50), "Int64", False, "Int64"),
        (["yes", "no"], "boolean", True, "bool"),
        (["yes", "no"], "boolean", False, "boolean"),
    ],
)
def test_type_is_nullable_only_if_values_are_missing(
    values: Any, dtype: str, full: bool, expected: str
) -> None:
    assert proposed(values, dtype=dtype, full=full).column.dtype == expected


def test_quantities_and_dates_have_bounds_and_evidence() -> None:
    found = proposed([5, 5, 70], dtype="float64")
    assert (found.kind, found.evidence) == ("number", "numbers from 5.0 to 70.0")
    assert found.column.in_range is not None
    assert found.column.in_range.max_value == 500.0
    dates = proposed(["2024-01-31", "2020-02-29"], dtype="datetime64[ns]")
    assert dates.evidence == "dates, from 2020-02-29 to 2024-01-31"
    assert str(dates.column.greater_than_or_equal_to) == "1900-01-01"


@pytest.mark.parametrize(
    ("values", "name", "kind", "treatment"),
    [
        *((range(n, n + 50), "", "row number", "exclude") for n in (0, 1)),
        (range(50), "Unnamed: 0", "row number", "exclude"),
        (range(1, 51), "index", "row number", "exclude"),
        (range(100, 1000, 7), "PassengerId", "identifier", "exclude"),
        (range(1, 51), "customer", "identifier", "exclude"),
        (range(10001, 10051), "customer", "identifier", "exclude"),
        (range(2**60, 2**60 + 500, 9), "account", "identifier", "exclude"),
        (range(1950, 2020), "year", "whole number", None),
        (range(1950, 2020), "price", "whole number", None),
        ([n % 20 for n in range(100)], "store_id", "code", "target_encoding"),
        ([1, 1, 1], "x", "constant", "exclude"),
    ],
)
def test_use_of_whole_numbers_depends_on_name_and_values(
    values: Any, name: str, kind: str, treatment: str | None
) -> None:
    found = proposed(values, name)
    assert (found.kind, found.column.metadata.treatment) == (kind, treatment)
    if kind == "identifier":
        assert found.column.unique
        assert found.column.in_range is None


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([f"{100_000 + n}.0" for n in range(50)], "identifier"),
        ([f"{n % 20}.0" for n in range(100)], "code"),
        ([f"{n}.5" for n in range(50)], "number"),
        ([f"{2.0**60 + n * 2.0**40:.1f}" for n in range(50)], "number"),
    ],
)
def test_identifiers_and_codes_may_be_written_as_floats(
    values: list[str], kind: str
) -> None:
    assert proposed(values, "customer_id", "float64").kind == kind


def test_identifiers_of_which_some_repeat_are_described_as_such() -> None:
    found = proposed([*range(100, 150), 110, 120], name="customer_id")
    assert (found.kind, found.column.unique) == ("identifier", False)
    assert found.column.metadata.reason == "nearly each row has its own value"
    expected = "whole numbers from 100 to 149; 50 different in 52 rows"
    assert found.evidence == expected


def test_constant_with_missing_values_is_a_number() -> None:
    assert proposed([1, 1, 1], full=False).kind == "whole number"


@pytest.mark.parametrize(
    ("values", "dtype", "hints", "typed", "classes"),
    [
        ([10, 9, 2] * 10, "Int64", TARGET, False, (2, 9, 10)),
        ([10, 9, 2] * 10, "Int64", NONE, False, None),
        ([10, 9, 2] * 10, "Int64", Hints("x", "regression"), False, None),
        (list(range(40)) * 3, "Int64", Hints("x", "multiclass"), False, (*range(40),)),
        (list(range(40)) * 3, "Int64", TARGET, False, None),
        (["0.0", "1.0"] * 20, "float64", TARGET, False, ("0.0", "1.0")),
        (["0.0", "1.0"] * 20, "float64", TARGET, True, (0, 1)),
        ([0.5, 1.5, 2.5] * 20, "float64", TARGET, False, None),
        ([1.0, 2.0, 3.0] * 20, "float64", TARGET, False, ("1.0", "2.0", "3.0")),
        ([1.0, 2.0, 3.0] * 20, "float64", TARGET, True, (1, 2, 3)),
        ([1, 2, "two"] * 20, "Int64", TARGET, False, (1, 2)),
    ],
)
def test_numbers_of_a_target_are_classes_if_they_are_few_or_the_task_says_so(
    values: Any, dtype: str, hints: Hints, typed: bool, classes: Any
) -> None:
    found = proposed(values, dtype=dtype, hints=hints, typed=typed)
    assert found.column.isin == classes
    assert (found.column.dtype == "category") == (classes is not None)


COLUMN = Column(dtype="str", nullable=True)
V50 = [f"V{n}" for n in range(50)]
CITIES = [f"city {n % 60}" for n in range(600)]


def proposed_text(
    texts: list[str], *, full: bool = True, target: bool = False
) -> ColumnProposal:
    batch = pa.RecordBatch.from_pydict({"x": pa.array(texts)})
    found = profile_columns([FILE], lambda _: [batch])["x"]
    known = summarise_texts(found, COLUMN, 0)
    return propose_text_column(COLUMN, known, full=full, target=target)


@pytest.mark.parametrize(
    ("texts", "kind", "treatment", "reason"),
    [
        (["b", "a", "b", "a"], "category", None, None),
        (CITIES, "category", None, None),
        (
            [*CITIES, *(f"town {n}" for n in range(9))],
            "many categories",
            "target_encoding",
            None,
        ),
        ([f"it was nice {n}" for n in range(50)], "text", "bag_of_words", None),
        (V50, "identifier", "exclude", "each row has its own value"),
        ([*V50, "V0"], "identifier", "exclude", "nearly each row has its own value"),
        (
            [f"x{n * 3 // 4}" for n in range(100)],
            "text",
            "exclude",
            "hardly any value repeats",
        ),
        (["x"] * 9, "constant", "exclude", "the same value in every row"),
    ],
)
def test_use_of_text_depends_on_how_values_repeat(
    texts: list[str], kind: str, treatment: str | None, reason: str | None
) -> None:
    found = proposed_text(texts)
    notes = found.column.metadata
    assert (found.kind, notes.treatment, notes.reason) == (kind, treatment, reason)


def test_categories_are_sorted_and_other_texts_bounded() -> None:
    assert proposed_text(["b", "a", "b", "a"]).column.isin == ("a", "b")
    many = proposed_text([*CITIES, *(f"town {n}" for n in range(9))])
    assert many.column.str_length == Length(max_value=50)


@pytest.mark.parametrize(
    ("texts", "full", "unique"),
    [
        (V50, True, True),
        (V50, False, False),
        ([*V50, "V0"], True, False),
        ([f"Ann B{n}" for n in range(50)], True, False),
    ],
)
def test_only_complete_identifiers_are_declared_unique(
    texts: list[str], full: bool, unique: bool
) -> None:
    assert proposed_text(texts, full=full).column.unique is unique


def test_constant_with_missing_values_is_a_category() -> None:
    assert proposed_text(["x"] * 9, full=False).kind == "category"


def test_target_may_have_more_categories() -> None:
    texts = [f"class {n % 100}" for n in range(300)]
    assert proposed_text(texts, target=True).kind == "category"
    assert proposed_text(texts).kind == "many categories"


@pytest.mark.parametrize(
    ("texts", "problem"),
    [
        (["Bonn", "Bonn", "bonn"], 'differs from "Bonn" (2 rows) only in case'),
        (["Bonn", "Bonn", "Bonn "], 'differs from "Bonn" (2 rows) only in blanks'),
        (["é", "é", "e\u0301"], 'from "é" (2 rows) only in how accents are stored'),
        (["Köln", "KÃ¶ln", "KÃ¶ln"], 'from "Köln" (1 row) only in its encoding'),
        (["Bonn", "Bonn", "B\u043enn"], r"in letters that look alike (B\u043enn)"),
        (["рим", "рим", "Рим"], "only in case"),
        (["KÃ¶ln"], 'looks like "Köln" in a wrong encoding'),
    ],
)
def test_inconsistent_spelling_is_a_warning(texts: list[str], problem: str) -> None:
    batch = pa.RecordBatch.from_pydict({"x": pa.array(texts)})
    profile = profile_columns([FILE], lambda _: [batch])["x"]
    make_finding = FindingFactory([FILE], "x")
    (found,) = inconsistent_spellings(profile, COLUMN, make_finding)
    assert problem in str(found.finding)
    assert (found.severity, found.finding.value) == ("warn", texts[-1])
