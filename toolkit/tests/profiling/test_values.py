"""Values of columns of numbers and dates: extremes, codes, invalid texts."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from reproducible_ml.contract.findings import MAX_LISTED
from reproducible_ml.contract.schema import Column, ColumnMetadata
from reproducible_ml.profiling.column_types import TypeCandidate
from reproducible_ml.profiling.distinct import occurrences
from reproducible_ml.profiling.inferred import ColumnFinding, FindingFactory
from reproducible_ml.profiling.measurements import Measurements
from reproducible_ml.profiling.profile import ColumnProfile, profile_columns
from reproducible_ml.profiling.values import (
    check_values,
    exceeds_int64,
    is_missing_code,
    measure_columns,
)

FILE = Path("a.csv")


def measured(
    texts: list[str], dtype: Any = "Int64", seen: int = 10_000, form: str | None = None
) -> tuple[Measurements, ColumnProfile]:
    """Measure a column of which at most so many different texts are remembered."""
    batch = pa.RecordBatch.from_pydict({"x": pa.array(texts)})
    profiles = profile_columns([FILE], lambda _: [batch])
    if len(profiles["x"].seen) > seen:
        profiles["x"] = ColumnProfile("x", 10**6 // seen)
        profiles["x"].add(batch["x"], 0)
    column = Column(dtype=dtype, nullable=True, metadata=ColumnMetadata(format=form))
    found = measure_columns([FILE], lambda _: [batch], profiles, {"x": column})
    return found["x"], profiles["x"]


def checked(
    texts: list[str],
    dtype: Any = "Int64",
    form: str | None = None,
    *,
    is_target: bool = False,
) -> tuple[TypeCandidate, list[ColumnFinding]]:
    found, profile = measured(texts, dtype, form=form)
    kind: Any = "date" if dtype == "datetime64[ns]" else "number"
    return check_values(
        TypeCandidate(kind, found.column, ""),
        found,
        profile,
        is_target=is_target,
        make_finding=FindingFactory([FILE], "x"),
    )


@pytest.mark.parametrize("seen", [10_000, 2])
def test_extremes_and_invalid_texts_are_measured(seen: int) -> None:
    found, _ = measured(["5", "3", "forty", "12", "forty", ""], seen=seen)
    assert found.extremes() == (3, 12)
    assert found.misfits.counts() == {"forty": 2}
    assert found.misfits.content.places.tolist() == [2]
    assert found.rows == 3


@pytest.mark.parametrize(
    ("texts", "dtype", "extremes"),
    [
        (
            ["9007199254740993", "9223372036854775807"],
            "Int64",
            (9007199254740993, 9223372036854775807),
        ),
        (["1.5", "inf", "2.5"], "float64", (1.5, 2.5)),
        (["5", "-999", " -999", "7"], "Int64", (-999, 7)),
    ],
)
def test_extremes_are_exact_and_finite(
    texts: list[str], dtype: str, extremes: tuple[float, float]
) -> None:
    assert measured(texts, dtype)[0].extremes() == extremes


@pytest.mark.parametrize(
    ("code", "times", "others", "expected"),
    [
        (-999, 3, range(100), True),
        (-999, 3, range(-50, 50), True),
        (-99, 3, range(0, 2000, 20), True),
        (9999, 3, range(1000), True),
        (-1, 3, range(18, 90), True),
        (-999, 2, range(100), False),
        (-999, 3, range(-5000, 5000), False),
        (999, 3, range(900), False),
        (-1, 3, range(5), False),
        (99, 3, range(100), False),
        (99, 50, range(1), False),
        (999, 3, range(150, 200), True),
        (99_999, 3, range(0, 41_310, 10), False),
        (99, 3, range(30), False),
    ],
)
def test_code_repeats_far_from_all_other_numbers(
    code: int, times: int, others: range, expected: bool
) -> None:
    texts = [str(number) for number in [*others, *[code] * times]]
    found, _ = measured(texts)
    assert is_missing_code(code, found, len(texts)) is expected


def test_cap_of_amounts_that_are_mostly_zero_is_a_value() -> None:
    texts = [*["0"] * 900, *map(str, range(0, 7000, 100)), *["99999"] * 30]
    candidate, findings = checked(texts)
    assert (candidate.missing, findings) == (0, [])


@pytest.mark.parametrize("size", [7, 1000])
@pytest.mark.parametrize("text", ["-5000000000", "999999999", "1e12"])
def test_value_far_beyond_all_others_is_read_as_missing(text: str, size: int) -> None:
    texts = [*(f"{n % 300 + 1}.5" for n in range(1000)), text]
    batches = [
        pa.RecordBatch.from_pydict({"x": pa.array(texts[n : n + size])})
        for n in range(0, len(texts), size)
    ]
    profiles = profile_columns([FILE], lambda _: batches)
    column = Column(dtype="float64", nullable=True)
    found = Measurements(column)
    for number, batch in enumerate(batches):
        found.add(occurrences(batch["x"], number * size))
    candidate, (finding,) = check_values(
        TypeCandidate("number", column, ""),
        found,
        profiles["x"],
        is_target=False,
        make_finding=FindingFactory([FILE], "x"),
    )
    assert candidate.column.metadata.missing == (text,)
    assert (finding.severity, finding.record, finding.finding.rows) == ("warn", 1000, 1)
    assert "as large as all other values (1.5 to 300.5)" in finding.finding.problem
    assert found.extremes() == (1.5, 300.5)


def test_value_far_beyond_all_others_stays_in_a_target() -> None:
    candidate, (found,) = checked([*map(str, range(50)), "10000000"], is_target=True)
    assert (candidate.missing, found.severity) == (0, "warn")
    assert "missing" not in str(found.finding)


@pytest.mark.parametrize(
    ("texts", "dtype", "form", "line"),
    [
        (["1", "forty", "forty"], "Int64", None, '"forty" is not a whole number (2'),
        (["1", "12abc"], "float64", None, '"12abc" is not a number (1 row). Fix:'),
        (["1", "inf"], "float64", None, '"inf" is not finite (1 row). Fix: Corr'),
        (
            ["2024-01-31", "soon"],
            "datetime64[ns]",
            None,
            '"soon" is not a date like 2026-01-31 or 2026-01-31 23:59:59 (1 row).',
        ),
        (
            ["2024-01-31", "2024-02-30"],
            "datetime64[ns]",
            None,
            '"2024-02-30" is a date that does not exist',
        ),
        (["1", "9" * 20, "2"], "Int64", None, "is not a whole number of 64 bits (1"),
        (
            ["31.12.2024", "12.31.2024"],
            "datetime64[ns]",
            "%d.%m.%Y",
            "after 2261, read as %d.%m.%Y (1 row)",
        ),
    ],
)
def test_invalid_text_is_rejected_with_its_row(
    texts: list[str], dtype: str, form: str | None, line: str
) -> None:
    _, (found,) = checked(texts, dtype, form)
    assert (found.severity, found.record) == ("reject", 1)
    assert line in str(found.finding)


def test_code_is_read_as_missing_except_in_a_target() -> None:
    texts = [*map(str, range(50)), "-999", "-999", "-999"]
    candidate, (found,) = checked(texts)
    assert candidate.column.metadata.missing == ("-999",)
    assert candidate.missing == 3
    assert (found.severity, found.record) == ("warn", 50)
    assert '"-999" is far from all other values (0 to 49)' in str(found.finding)
    candidate, findings = checked(texts, is_target=True)
    assert (candidate.missing, findings) == (0, [])


def test_a_hundred_invalid_texts_are_listed_and_the_others_counted() -> None:
    texts = [*map(str, range(3000)), *(f"x{n % 130}" for n in range(140))]
    _, found = checked(texts)
    assert len(found) == MAX_LISTED + 1
    assert found[-1].finding.rows == 30
    assert found[-1].record == 3100
    assert sum(one.finding.rows or 0 for one in found) == 140


@pytest.mark.parametrize(
    ("text", "form"),
    [("9999-12-31", None), ("0000-00-00", None), ("31.12.9999", "%d.%m.%Y")],
)
def test_date_that_stands_for_no_date_is_read_as_missing(
    text: str, form: str | None
) -> None:
    good = "2024-01-31" if form is None else "31.01.2024"
    candidate, (found,) = checked([good, text, text], "datetime64[ns]", form)
    assert candidate.column.metadata.missing == (text,)
    assert (candidate.missing, found.severity) == (2, "warn")


def test_number_with_more_digits_than_a_float_is_a_warning() -> None:
    _, (found,) = checked(["1.5", "12345678901234567"], "float64")
    assert (found.severity, found.finding.kind) == ("warn", "rounding")


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([str(2**63 + n) for n in range(30)], True),
        ([*map(str, range(30)), "9" * 20], False),
        ([*map(str, range(30)), *["x"] * 9], False),
    ],
)
def test_numbers_beyond_64_bits_are_no_mistakes_if_they_are_many(
    texts: list[str], expected: bool
) -> None:
    assert exceeds_int64(measured(texts)[0]) is expected
