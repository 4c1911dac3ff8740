"""Tests of reproducible_ml.profiling.values."""

from pathlib import Path

import pyarrow as pa
import pytest

from reproducible_ml.contract.findings import LISTED
from reproducible_ml.contract.schema import Column, Notes
from reproducible_ml.profiling.column_types import TypeCandidate
from reproducible_ml.profiling.evidence import FindingFactory, Found
from reproducible_ml.profiling.profile import profile
from reproducible_ml.profiling.values import check_values, measure, too_long

FILE = Path("a.csv")
WHOLE = Column(dtype="Int64", nullable=True)
NUMBER = Column(dtype="float64", nullable=True)
DAYS = Column(dtype="datetime64[ns]", metadata=Notes(format="%d.%m.%Y"))
DATE = Column(dtype="datetime64[ns]", nullable=True)


def found(
    texts: list[str], column: Column, *, is_target: bool = False
) -> tuple[TypeCandidate, list[Found]]:
    batch = pa.RecordBatch.from_pydict({"x": pa.array(texts)})
    profiles = profile([FILE], lambda _: [batch])
    measured = measure([FILE], lambda _: [batch], profiles, {"x": column})["x"]
    kind = "date" if column.dtype == "datetime64[ns]" else "number"
    draft = TypeCandidate(kind, column, "")  # type: ignore[arg-type]
    tell = FindingFactory([FILE], "x")
    return check_values(draft, measured, profiles["x"], is_target=is_target, tell=tell)


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
    _, told = found(texts, column)
    assert [(one.severity, one.record) for one in told] == [("reject", 1)]
    assert line in str(told[0].finding)


def test_code_is_missing_and_told() -> None:
    draft, told = found([*map(str, range(50)), "-999", "-999", "-999"], WHOLE)
    assert draft.column.metadata.missing == ("-999",)
    assert draft.missing == 3
    assert [(one.severity, one.record) for one in told] == [("warn", 50)]
    assert '"-999" stands far from all other values (0 to 49)' in str(told[0].finding)


# Where the table is judged as a whole, it is told.
def test_code_in_a_target_is_kept() -> None:
    texts = [*map(str, range(50)), "-999", "-999", "-999"]
    draft, told = found(texts, WHOLE, is_target=True)
    assert draft.missing == 0
    assert told == []


def test_more_misfits_than_are_named_are_counted() -> None:
    texts = [*map(str, range(3000)), *(f"x{n % 130}" for n in range(140))]
    _, told = found(texts, WHOLE)
    assert len(told) == LISTED + 1
    assert str(told[-1].finding) == (
        'a.csv, column "x": has more texts like the 100 that are listed, from here on'
        " (30 rows). Look for what they have in common, and correct it in the source."
    )
    assert told[-1].record == 3100
    assert sum(one.finding.rows or 0 for one in told) == 140


@pytest.mark.parametrize(
    ("text", "form"),
    [("9999-12-31", None), ("0000-00-00", None), ("31.12.9999", "%d.%m.%Y")],
)
def test_date_that_means_none_is_missing_and_told(text: str, form: str | None) -> None:
    column = DATE.model_copy(update={"metadata": Notes(format=form)})
    good = "2024-01-31" if form is None else "31.01.2024"
    draft, told = found([good, text, text], column)
    assert draft.column.metadata.missing == (text,)
    assert draft.missing == 2
    assert [one.severity for one in told] == ["warn"]


def test_number_with_more_digits_than_a_float_is_told() -> None:
    _, told = found(["1.5", "12345678901234567"], NUMBER)
    assert [one.finding.kind for one in told] == ["rounding"]


def test_whole_numbers_beyond_64_bits_are_too_long() -> None:
    long = "9223372036854775808"
    for texts, expected in (
        (["1", long, long], True),
        (["1", long], False),
        (["1", "forty", "forty"], False),
    ):
        batch = pa.RecordBatch.from_pydict({"x": pa.array(texts)})
        read = {FILE: [batch]}.__getitem__
        profiles = profile([FILE], read)
        measures = measure([FILE], read, profiles, {"x": WHOLE})
        assert too_long(measures["x"]) is expected
