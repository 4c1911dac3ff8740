"""Findings are a line each, or a report that is safe to open in a spreadsheet."""

from pathlib import Path

import pandas as pd
import pytest

from reproducible_ml.contract.findings import (
    Finding,
    escape_formula,
    quoted,
    reject,
    warning_lines,
)
from reproducible_ml.core.errors import UserError

FILE = Path("data/raw/people.csv")


def finding(value: str = "forty", line: int = 12, kind: str = "number") -> Finding:
    return Finding(
        kind, FILE, "is not a number", "Correct the export.", line, "age", value, 1
    )


def test_finding_is_a_line_with_location_value_rows_and_fix() -> None:
    assert str(finding()) == (
        'data/raw/people.csv line 12, column "age": "forty" is not a number (1 row).'
        " Fix: Correct the export."
    )


def test_location_is_as_exact_as_it_is_known() -> None:
    line = str(finding()._replace(file=Path("people.parquet"), rows=3))
    assert line.startswith('people.parquet row 12, column "age": "forty" is not')
    assert " (3 rows)." in line
    line = str(Finding("empty", FILE, "is empty", "Export it again."))
    assert line == "data/raw/people.csv: is empty. Fix: Export it again."


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a" * 41, f'"{"a" * 39}…"'),
        ("two\nlines", r"'two\nlines'"),
        ("\x1b[31mred", r"'\x1b[31mred'"),
    ],
)
def test_value_is_short_and_on_one_line(value: str, shown: str) -> None:
    assert quoted(value) == shown


def test_table_without_findings_is_not_rejected(tmp_path: Path) -> None:
    (tmp_path / "problems.csv").write_text("of an earlier run")
    reject([], tmp_path / "problems.csv")
    assert not list(tmp_path.iterdir())


def test_terminal_lists_three_of_a_kind_and_the_report_a_hundred(
    tmp_path: Path,
) -> None:
    many = [finding(str(line), line) for line in range(2, 202)]
    with pytest.raises(UserError) as error:
        reject([*many, finding(kind="other")], tmp_path / "problems.csv")
    lines = str(error.value).splitlines()
    assert len(lines) == 5
    assert lines[-1] == f"197 more problems: see {tmp_path / 'problems.csv'}"
    report = pd.read_csv(tmp_path / "problems.csv")
    assert len(report) == 101
    assert report["value"].to_list()[99] == "101"


def test_terminal_lists_a_fourth_if_it_is_the_last(tmp_path: Path) -> None:
    four = [finding(str(line), line) for line in range(2, 6)]
    with pytest.raises(UserError) as error:
        reject(four, tmp_path / "problems.csv")
    assert str(error.value).splitlines() == [str(one) for one in four]


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\uff1d1+1", "'\uff1d1+1"),
        ("\t=1", r"\t=1"),
        ("\r=1", r"\r=1"),
        ("plain", "plain"),
    ],
)
def test_report_contains_no_formula(value: str, cell: str, tmp_path: Path) -> None:
    with pytest.raises(UserError):
        reject([finding(value)], tmp_path / "problems.csv")
    report = pd.read_csv(tmp_path / "problems.csv", dtype=str)
    assert report["value"].to_list() == [cell]


def test_report_shortens_long_values() -> None:
    assert len(str(escape_formula("x" * 10**6))) == 1000


def test_warnings_are_sorted_by_harm_and_summed_up() -> None:
    raw = Path("t.csv")
    constant = [
        Finding("constant column", raw, "is constant", "Drop it.", column=f"c{n}")
        for n in range(100)
    ]
    leak = Finding("leak", raw, "is the target", "Exclude it.", column="z")
    lines = warning_lines([*constant, leak, leak])
    assert lines[:6] == [leak, *constant[:5]]
    (rest,) = map(str, lines[6:])
    assert rest.startswith("95 more like the last one (constant column)")
    assert rest.endswith('"c23", "c24" and 75 more')
