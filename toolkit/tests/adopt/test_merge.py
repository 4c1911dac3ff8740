"""Tests of reproducible_ml.adopt.merge."""

import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from reproducible_ml.adopt.merge import as_inferred, merge, reads_alike, widen
from reproducible_ml.contract.checks import broken_rules, cast
from reproducible_ml.contract.findings import Finding, TableRejected
from reproducible_ml.contract.schema import (
    Column,
    ColumnMetadata,
    Contract,
    CsvDialect,
    Data,
    Length,
    Range,
)
from reproducible_ml.core.params import Compute
from reproducible_ml.quality.validation import validate_table

DATA = Data(target="y", task="regression")
AGE = Column(
    dtype="int64", description="In years", in_range=Range(min_value=0, max_value=99)
)
CITY = Column(dtype="category", isin=("Rome", "Bonn"))
TEXT = Column(dtype="str")


def contract(**columns: Column) -> Contract:
    return Contract(columns=columns)


# Columns that come and go.


def test_edits_stay_whatever_the_table_looks_like() -> None:
    existing = contract(age=AGE)
    assert merge(existing, contract(age=Column(dtype="float64"))) == existing


def test_new_columns_come_last_and_gone_ones_go() -> None:
    existing = contract(age=AGE, gone=CITY)
    merged = merge(existing, contract(new=CITY, age=AGE))
    assert list(merged.columns) == ["age", "new"]


def test_columns_keep_the_order_that_people_gave_them() -> None:
    existing = contract(city=CITY, age=AGE)
    assert list(merge(existing, contract(age=AGE, city=CITY)).columns) == [
        "city",
        "age",
    ]


def test_dialect_is_that_of_the_table_and_words_are_those_of_people() -> None:
    inferred = Contract(metadata=CsvDialect(delimiter=";"), columns={"age": AGE})
    existing = Contract(name="visits", description="Ours", columns={"age": AGE})
    merged = merge(existing, inferred)
    assert merged.metadata.delimiter == ";"
    assert (merged.name, merged.description) == ("visits", "Ours")


def test_other_table_begins_anew() -> None:
    inferred = Contract(name="other", columns={"city": CITY})
    assert merge(Contract(name="visits", columns={"age": AGE}), inferred) == inferred


# Columns that the table does not honour.


def widened(
    column: Column, inferred: Column, values: list[Any], tmp_path: Path
) -> Column:
    """Return what becomes of a column when a real table with these values breaks it."""
    file = tmp_path / "table.csv"
    pd.DataFrame({"x": pd.Series(values, dtype=object), "y": 1.5}).to_csv(
        file, index=False
    )
    other = Column(dtype="float64")
    before = contract(x=column, y=other)
    (tmp_path / "parts").mkdir()
    with pytest.raises(TableRejected) as error:
        validate_table(
            [file],
            before,
            DATA,
            Compute(),
            tmp_path / "parts",
            tmp_path / "problems.csv",
        )
    after = widen(before, contract(x=inferred, y=other), error.value.findings)
    assert after.columns["y"] == other
    return after.columns["x"]


def changed(column: Column, **update: Any) -> Column:
    return column.model_copy(update=update)


def test_new_categories_are_added_to_those_there_are(tmp_path: Path) -> None:
    inferred = Column(dtype="category", isin=("Bonn", "Kiel", "Oslo", "Rome"))
    column = widened(CITY, inferred, ["Oslo", "Rome", "Kiel"], tmp_path)
    assert column == changed(CITY, isin=("Rome", "Bonn", "Kiel", "Oslo"))


def test_numbers_that_people_made_categories_stay_so(tmp_path: Path) -> None:
    grade = Column(dtype="category", isin=(1, 2, 3))
    inferred = Column(dtype="int64", in_range=Range(min_value=0, max_value=20))
    assert widened(grade, inferred, [1, 2, 4], tmp_path).isin == (1, 2, 3, 4)


def test_categories_without_end_become_what_they_look_like(tmp_path: Path) -> None:
    inferred = Column(dtype="str", metadata=ColumnMetadata(treatment="target_encoding"))
    values = [f"city {number}" for number in range(200)]
    assert widened(CITY, inferred, values, tmp_path) == inferred


def test_forbidden_value_that_occurs_is_no_longer_forbidden(tmp_path: Path) -> None:
    column = Column(dtype="str", notin=("x", "y"))
    assert widened(column, TEXT, ["x", "z"], tmp_path).notin == ("y",)


@pytest.mark.parametrize(
    ("values", "low", "high"),
    [([50, 120], 0, 500), ([-3, 50], -500, 99), ([-3, 120], -500, 500)],
)
def test_range_gets_wider_where_values_lie_beyond(
    values: list[int], low: int, high: int, tmp_path: Path
) -> None:
    inferred = Column(dtype="int64", in_range=Range(min_value=-500, max_value=500))
    column = widened(AGE, inferred, values, tmp_path)
    assert column == changed(AGE, in_range=Range(min_value=low, max_value=high))


def test_range_reaches_the_values_if_the_table_suggests_none(tmp_path: Path) -> None:
    column = widened(AGE, Column(dtype="int64"), [120, 5], tmp_path)
    assert column.in_range == Range(min_value=0, max_value=120)


def test_range_that_excludes_its_end_includes_it_if_it_occurs(tmp_path: Path) -> None:
    bounds = Range(min_value=0, max_value=10, include_max=False)
    column = Column(dtype="int64", in_range=bounds)
    wide = widened(column, Column(dtype="int64"), [10, 5], tmp_path)
    assert wide.in_range == Range(min_value=0, max_value=10)


def test_range_of_dates_gets_wider(tmp_path: Path) -> None:
    bounds = Range(
        min_value=datetime.date(2020, 1, 1), max_value=datetime.date(2020, 12, 31)
    )
    column = Column(dtype="datetime64[ns]", in_range=bounds)
    days = ["2020-05-05", "2021-03-01 12:30:00", "2019-03-01 12:30:00"]
    wide = widened(column, Column(dtype="datetime64[ns]"), days, tmp_path)
    assert wide.in_range == Range(
        min_value=datetime.date(2019, 3, 1), max_value=datetime.date(2021, 3, 2)
    )


def test_one_sided_bound_becomes_that_of_the_table(tmp_path: Path) -> None:
    day = datetime.date
    column = Column(
        dtype="datetime64[ns]",
        less_than=day(2024, 1, 1),
        greater_than=day(2000, 1, 1),
    )
    inferred = Column(dtype="datetime64[ns]", less_than=day(2100, 1, 1))
    wide = widened(column, inferred, ["2024-05-05", "2020-05-05"], tmp_path)
    assert wide == changed(column, less_than=day(2100, 1, 1))


def test_rule_that_cannot_be_widened_goes(tmp_path: Path) -> None:
    column = Column(dtype="str", str_matches="A", str_length=Length(max_value=9))
    wide = widened(column, TEXT, ["B", "A"], tmp_path)
    assert wide == changed(column, str_matches=None)


@pytest.mark.parametrize(
    ("inferred", "longest"),
    [(TEXT, 5), (changed(TEXT, str_length=Length(max_value=20)), 20)],
)
def test_longer_texts_may_be_longer(
    inferred: Column, longest: int, tmp_path: Path
) -> None:
    column = Column(dtype="str", str_length=Length(min_value=2, max_value=3))
    wide = widened(column, inferred, ["abcde", "abc"], tmp_path)
    assert wide.str_length == Length(min_value=2, max_value=longest)


def test_shorter_texts_may_be_shorter(tmp_path: Path) -> None:
    column = Column(dtype="str", str_length=Length(min_value=2, max_value=3))
    assert widened(column, TEXT, ["a", "abc"], tmp_path).str_length == Length(
        min_value=1, max_value=3
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [("int64", "Int64"), ("float64", "float64")],
)
def test_value_that_is_missing_now_may_be_missing(
    before: Any, after: Any, tmp_path: Path
) -> None:
    column = changed(AGE, dtype=before)
    wide = widened(column, Column(dtype="Int64"), [5, None], tmp_path)
    assert wide == changed(AGE, dtype=after, nullable=True)


def test_truth_that_is_missing_now_may_be_missing(tmp_path: Path) -> None:
    column = Column(
        dtype="bool", metadata=ColumnMetadata(true=("ja",), false=("nein",))
    )
    wide = widened(column, Column(dtype="str"), ["ja", None], tmp_path)
    assert wide == changed(column, dtype="boolean", nullable=True)


def test_value_that_repeats_now_may_repeat(tmp_path: Path) -> None:
    column = Column(dtype="str", unique=True, str_matches="[A-Z]")
    wide = widened(column, TEXT, ["A", "A"], tmp_path)
    assert wide == changed(column, unique=False)


def test_other_type_keeps_what_people_said_of_the_column(tmp_path: Path) -> None:
    said = changed(AGE, metadata=ColumnMetadata(treatment="exclude", reason="Unfair"))
    inferred = Column(dtype="float64", metadata=ColumnMetadata(decimal=","))
    column = widened(said, inferred, ["1,5", "2"], tmp_path)
    notes = ColumnMetadata(treatment="exclude", reason="Unfair", decimal=",")
    assert column == Column(dtype="float64", description="In years", metadata=notes)


def test_whole_numbers_too_large_for_floats_become_whole(tmp_path: Path) -> None:
    inferred = Column(dtype="int64")
    column = Column(dtype="float64")
    assert widened(column, inferred, [2**53 + 1, 7], tmp_path) == inferred


def test_reading_stays_where_only_a_bound_is_broken(tmp_path: Path) -> None:
    notes = ColumnMetadata(treatment="exclude", decimal=",", missing=("?",))
    own = Column(
        dtype="float64", in_range=Range(min_value=0, max_value=9), metadata=notes
    )
    found = Column(dtype="str", metadata=ColumnMetadata(missing=("k.A.",)))
    column = widened(own, found, ["12,5", "?"], tmp_path)
    assert column.metadata == notes
    assert column.in_range == Range(min_value=0, max_value=12.5)


def test_treatment_that_suits_no_other_type_goes() -> None:
    numeric = Column(dtype="int64", metadata=ColumnMetadata(treatment="numeric"))
    assert as_inferred(numeric, TEXT) == TEXT


def test_findings_about_no_column_and_of_other_kinds_change_nothing() -> None:
    file = Path("t.csv")
    findings = [
        Finding("no rows", file, "is empty", "Fix it."),
        Finding("totals", file, "is a total", "Fix it.", 3, "age", "1"),
        Finding("unknown column", file, "is unknown", "Fix it.", 3, "gone", "1"),
    ]
    assert widen(contract(age=AGE), contract(age=TEXT), findings) == contract(age=AGE)


def test_widened_contract_is_honoured(tmp_path: Path) -> None:
    import pyarrow as pa

    inferred = Column(dtype="int64", in_range=Range(min_value=-500, max_value=500))
    column = widened(AGE, inferred, [120, -4], tmp_path)
    rows = cast(pa.table({"x": [120, -4, 500]}), contract(x=column))
    assert not list(broken_rules(rows[:2], contract(x=column)))


# How columns are read.


@pytest.mark.parametrize(
    ("other", "alike"),
    [
        (changed(AGE, dtype="Int64", nullable=True), True),
        (changed(AGE, in_range=None), True),
        (
            changed(AGE, metadata=ColumnMetadata(treatment="exclude", reason="Unfair")),
            True,
        ),
        (changed(AGE, dtype="float64"), False),
        (changed(AGE, metadata=ColumnMetadata(thousands=",")), False),
        (changed(AGE, metadata=ColumnMetadata(missing=("-1",))), False),
    ],
)
def test_columns_are_read_alike_if_texts_mean_the_same(
    other: Column, alike: bool
) -> None:
    assert reads_alike(AGE, other) == alike


def test_missing_texts_need_not_matter() -> None:
    other = changed(AGE, metadata=ColumnMetadata(missing=("-1",)))
    assert reads_alike(AGE, other, missing=False)
