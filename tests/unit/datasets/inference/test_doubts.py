"""Tests of reproducible_ml.datasets.inference.doubts."""

from pathlib import Path

import pyarrow as pa
import pytest

from reproducible_ml.datasets.inference.doubts import mixtures
from reproducible_ml.datasets.inference.inferred import Found, Teller
from reproducible_ml.datasets.inference.profile import profile

FILE = Path("a.csv")


def found(texts: list[str]) -> list[Found]:
    batch = pa.RecordBatch.from_pydict({"x": pa.array(texts)})
    known = profile([FILE], lambda _: [batch])["x"]
    return list(mixtures(known, known.present, Teller([FILE], "x")))


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
        (["5 kg", "5 g"], "units", 'has several units: "kg" 20 times, "g" 20 times'),
        (
            ["1.5", "1,5"],
            "decimal",
            '"1.5" has a decimal point, and "1,5" a decimal comma (20 rows)',
        ),
    ],
)
def test_mixtures_are_rejected(texts: list[str], kind: str, problem: str) -> None:
    told = found(texts * 20)
    assert [(one.severity, one.finding.kind) for one in told] == [("reject", kind)]
    assert problem in str(told[0].finding)


def test_too_much_text_among_numbers_is_told() -> None:
    told = found([str(number) for number in range(40)] + ["x"] * 10)
    assert [one.severity for one in told] == ["warn"]
    assert '"x" is no number, as 40 of 50 rows are (10 rows)' in str(told[0].finding)


@pytest.mark.parametrize(
    "texts",
    [["12A", "13B", "14C"], ["a", "b"], ["1st", "2nd", "3rd"], ["1.2.3", "1.10.2"]],
)
def test_other_texts_are_no_mixtures(texts: list[str]) -> None:
    assert found(texts * 10) == []
