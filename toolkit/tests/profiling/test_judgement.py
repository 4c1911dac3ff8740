"""Tests of reproducible_ml.profiling.values."""

from pathlib import Path

import pyarrow as pa
import pytest

from reproducible_ml.contract.findings import MAX_LISTED
from reproducible_ml.contract.schema import Column, ColumnMetadata
from reproducible_ml.profiling.column_types import TypeCandidate
from reproducible_ml.profiling.inferred import ColumnFinding, FindingFactory
from reproducible_ml.profiling.profile import profile_columns
from reproducible_ml.profiling.values import (
    check_values,
    exceeds_int64,
    measure_columns,
)

FILE = Path("a.csv")
WHOLE = Column(dtype="Int64", nullable=True)
NUMBER = Column(dtype="float64", nullable=True)
DAYS = Column(dtype="datetime64[ns]", metadata=ColumnMetadata(format="%d.%m.%Y"))
DATE = Column(dtype="datetime64[ns]", nullable=True)


def found(
    texts: list[str], column: Column, *, is_target: bool = False
) -> tuple[TypeCandidate, list[ColumnFinding]]:
    batch = pa.RecordBatch.from_pydict({"x": pa.array(texts)})
    profiles = profile_columns([FILE], lambda _: [batch])
    measured = measure_columns([FILE], lambda _: [batch], profiles, {"x": column})["x"]
    kind = "date" if column.dtype == "datetime64[ns]" else "number"
    candidate = TypeCandidate(kind, column, "")  # type: ignore[arg-type]
    make_finding = FindingFactory([FILE], "x")
    return check_values(
        candidate,
        measured,
        profiles["x"],
        is_target=is_target,
        make_finding=make_finding,
    )


@pytest.mark.parametrize(
    ("texts", "column", "line"),
    [
        (["1", "forty", "forty"], WHOLE, '"forty" is not a whole number (2 rows). '),
        (["1", "12abc"], NUMBER, '"12abc" is not a number (1 row). Correct it'),
        (["1", "inf"], NUMBER, '"inf" is not finite (1 row). Fix the export'),
        (["2024-01-31", "soon"], DATE, '"soon" is not a date like 2026-01-31'),
        (["2024-01-31", "2024-02-30"], DATE, '"2024-02-30" is a date that does not'),
        (["1", "9" * 20, "2"], WHOLE, "is not a whole number of 64 bits (1 row)"),
        (["31.12.2024", "12.31.2024"], DAYS, "after 2261, read as %d.%m.%Y (1 row)"),
    ],
)
def test_what_does_not_fit_is_rejected_with_its_row(
    texts: list[str], column: Column, line: str
) -> None:
    _, findings = found(texts, column)
    assert [(one.severity, one.record) for one in findings] == [("reject", 1)]
    assert line in str(findings[0].finding)


def test_code_is_missing_and_told() -> None:
    candidate, findings = found([*map(str, range(50)), "-999", "-999", "-999"], WHOLE)
    assert candidate.column.metadata.missing == ("-999",)
    assert candidate.missing == 3
    assert [(one.severity, one.record) for one in findings] == [("warn", 50)]
    assert '"-999" stands far from all other values (0 to 49)' in str(
        findings[0].finding
    )


# Where the table is judged as a whole, it is findings.
def test_code_in_a_target_is_kept() -> None:
    texts = [*map(str, range(50)), "-999", "-999", "-999"]
    candidate, findings = found(texts, WHOLE, is_target=True)
    assert candidate.missing == 0
    assert findings == []


def test_more_misfits_than_are_named_are_counted() -> None:
    texts = [*map(str, range(3000)), *(f"x{n % 130}" for n in range(140))]
    _, findings = found(texts, WHOLE)
    assert len(findings) == MAX_LISTED + 1
    assert str(findings[-1].finding) == (
        'a.csv, column "x": has more texts like the 100 that are listed, from here on'
        " (30 rows). Look for what they have in common, and correct it in the source."
    )
    assert findings[-1].record == 3100
    assert sum(one.finding.rows or 0 for one in findings) == 140


@pytest.mark.parametrize(
    ("text", "form"),
    [("9999-12-31", None), ("0000-00-00", None), ("31.12.9999", "%d.%m.%Y")],
)
def test_date_that_means_none_is_missing_and_told(text: str, form: str | None) -> None:
    column = DATE.model_copy(update={"metadata": ColumnMetadata(format=form)})
    good = "2024-01-31" if form is None else "31.01.2024"
    candidate, findings = found([good, text, text], column)
    assert candidate.column.metadata.missing == (text,)
    assert candidate.missing == 2
    assert [one.severity for one in findings] == ["warn"]


def test_number_with_more_digits_than_a_float_is_told() -> None:
    _, findings = found(["1.5", "12345678901234567"], NUMBER)
    assert [one.finding.kind for one in findings] == ["rounding"]


def test_whole_numbers_beyond_64_bits_are_too_long() -> None:
    long = "9223372036854775808"
    for texts, expected in (
        (["1", long, long], True),
        (["1", long], False),
        (["1", "forty", "forty"], False),
    ):
        batch = pa.RecordBatch.from_pydict({"x": pa.array(texts)})
        read = {FILE: [batch]}.__getitem__
        profiles = profile_columns([FILE], read)
        measures = measure_columns([FILE], read, profiles, {"x": WHOLE})
        assert exceeds_int64(measures["x"]) is expected
