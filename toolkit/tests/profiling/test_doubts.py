"""Tests of reproducible_ml.profiling.column_types."""

from pathlib import Path

import pyarrow as pa
import pytest

from reproducible_ml.profiling.column_types import date_ambiguities, mixed_formats
from reproducible_ml.profiling.dates import choose_date_format
from reproducible_ml.profiling.inferred import ColumnFinding, FindingFactory
from reproducible_ml.profiling.profile import profile_columns

FILE = Path("a.csv")


def found(texts: list[str]) -> list[ColumnFinding]:
    batch = pa.RecordBatch.from_pydict({"x": pa.array(texts)})
    known = profile_columns([FILE], lambda _: [batch])["x"]
    return list(mixed_formats(known, known.present, FindingFactory([FILE], "x")))


@pytest.mark.parametrize(
    ("texts", "kind", "problem"),
    [
        (
            ["2024-12-31", "31.12.2024"],
            "mixed dates",
            '"31.12.2024" is a date in another form than "2024-12-31" (20 rows)',
        ),
        (
            ["2024-01-01T10:00", "2024-01-01T10:00Z"],
            "mixed dates",
            '"2024-01-01T10:00Z" is a date in another form than "2024-01-01T10:00"',
        ),
        (
            ["5 kg", "5 g"],
            "units",
            '"5 g" has one of several units: "kg" 20 times, "g" 20 times (20 rows)',
        ),
        (
            ["1.5", "1,5"],
            "decimal",
            '"1.5" has a decimal point, and "1,5" a decimal comma (20 rows)',
        ),
        (
            ["$1,446.08", "($446.08)"],
            "negative",
            '"($446.08)" is a number below zero, written without a minus before it (20',
        ),
        (["446.08", "12.50-"], "negative", '"12.50-" is a number below zero'),
    ],
)
def test_mixtures_are_rejected(texts: list[str], kind: str, problem: str) -> None:
    findings = found(texts * 20)
    assert [(one.severity, one.finding.kind) for one in findings] == [("reject", kind)]
    assert problem in str(findings[0].finding)
    assert findings[0].record == texts.index(findings[0].finding.value or "")


def test_dates_that_may_be_of_either_of_two_mixed_forms_are_counted() -> None:
    texts = ["03/04/2024", "31/12/2024", "30/12/2024", "12/31/2024"]
    (one,) = found(texts * 20)
    assert str(one.finding) == (
        'a.csv, column "x": "12/31/2024" is a date in another form than "31/12/2024"'
        " (20 rows). Export all dates in one form, best 2026-01-31; of the"
        ' others, 20 may be in either form, as "03/04/2024".'
    )


@pytest.mark.parametrize("wrong", [10, 1])
def test_too_much_text_among_numbers_is_told(wrong: int) -> None:
    findings = found([str(number) for number in range(40)] + ["x"] * wrong)
    assert [one.severity for one in findings] == ["warn"]
    assert findings[0].finding.rows == wrong
    words = f'"x" is no number, as 40 of {40 + wrong} rows are ('
    assert words in str(findings[0].finding)


def test_marks_behind_some_numbers_are_told() -> None:
    (one,) = found([f"{n}.5" for n in range(90)] + [f"{n}.5*" for n in range(10)])
    assert (one.severity, one.finding.value, one.finding.rows) == ("warn", "0.5*", 10)


def test_several_offsets_from_utc_are_told_with_the_first_other_one() -> None:
    texts = ["2024-01-01T10:00Z", "2024-01-02T10:00+00:00", "2024-01-03T10:00+01:00"]
    batch = pa.RecordBatch.from_pydict({"x": pa.array(texts)})
    tally = profile_columns([FILE], lambda _: [batch])["x"].dates
    form = choose_date_format(tally, None)
    assert form is not None
    (one,) = date_ambiguities(form, texts[0], tally, FindingFactory([FILE], "x"))
    assert (one.finding.value, one.record) == (texts[2], 2)
    assert "offsets from UTC (+00:00, +01:00, Z): all become UTC" in str(one.finding)


@pytest.mark.parametrize(
    "texts",
    [["12A", "13B", "14C"], ["a", "b"], ["1st", "2nd", "3rd"], ["1.2.3", "1.10.2"]],
)
def test_other_texts_are_no_mixtures(texts: list[str]) -> None:
    assert found(texts * 10) == []
