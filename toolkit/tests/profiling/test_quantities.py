"""Texts that hold quantities in a form that is not read as a number."""

from pathlib import Path

import pyarrow as pa
import pytest

from reproducible_ml.profiling.inferred import ColumnFinding, FindingFactory
from reproducible_ml.profiling.profile import profile_columns
from reproducible_ml.profiling.quantities import LEVELS, unread_quantities

FILE = Path("a.csv")
SPAN = range(10, 10 + 2 * LEVELS)


def found(texts: list[str]) -> list[ColumnFinding]:
    batch = pa.RecordBatch.from_pydict({"x": pa.array(texts)})
    profile = profile_columns([FILE], lambda _: [batch])["x"]
    return list(unread_quantities(profile, FindingFactory([FILE], "x")))


@pytest.mark.parametrize(
    ("form", "problem"),
    [
        ("1{0}/80", "several numbers"),
        ("{0}x2x3 cm", "several numbers"),
        ("52.{0}, 13.4{0}", "several numbers"),
        ("5' {0}\"", "several numbers"),
        ("{0}.5 ± 0.3", "several numbers"),
        ("{0} (34.5%)", "several numbers"),
        ("{0} (0.9-1.5)", "several numbers"),
        ("{0}.0 out of 50 stars", "several numbers"),
        ("9-{0}{0}", "range"),
        ("{0} - 1200", "range"),
        ("2h {0}m", "duration"),
        ("PT2H{0}M", "duration"),
        ("{0} days 05:00:00", "duration"),
        ("1{0}:30:00", "duration"),
        ("1.{0}D-07", "exponent"),
        ("52° {0}' 30\" N", "several numbers"),
        ("POINT(13.{0} 52.5)", "several numbers"),
        ("CHF 1'{0}0.\u2013", "number with other text"),
        ("from ${0}", "number with other text"),
        ("ab {0} €", "number with other text"),
        ("{0},-", "number with other text"),
        ("~{0}", "number with other text"),
    ],
)
def test_quantities_that_are_not_read_are_warned_about(form: str, problem: str) -> None:
    texts = [form.format(number) for number in SPAN]
    if problem == "range":
        texts.append("1-2")
    (finding,) = found(texts)
    assert (finding.severity, finding.finding.value) == ("warn", texts[0])
    assert problem in finding.finding.problem
    assert (finding.finding.rows, finding.record) == (len(texts), 0)


@pytest.mark.parametrize(
    "form",
    [
        "555-01{0}",
        "S-{0}",
        "{0}-03",
        "10.0.{0}.1",
        "AB{0}/7",
        "{0} kg",
        "town {0}",
        "9:{0}",
    ],
)
def test_codes_and_other_texts_are_none(form: str) -> None:
    assert found([form.format(number) for number in SPAN]) == []


def test_few_different_texts_are_levels_of_a_category() -> None:
    assert found([f"{n}-{n + 9}" for n in range(0, 100, 10)] * 20) == []
