"""Tests of reproducible_ml.reading.scan."""

from pathlib import Path

import pytest

from reproducible_ml.contract.findings import Finding
from reproducible_ml.contract.schema import CsvDialect
from reproducible_ml.reading.rows import read_row_blocks
from reproducible_ml.reading.scan import check_quotes, row_width

FIX = 'Close the quote, or write a quote that belongs to the text twice ("").'


def judge(folder: Path, text: str) -> list[Finding]:
    path = folder / "people.csv"
    path.write_text(text, newline="")
    width = text.split("\n")[0].count(",") + 1
    return [
        finding
        for rows in read_row_blocks(path, CsvDialect())
        for finding in check_quotes(path, rows, width)
    ]


def people(**changed: str) -> str:
    """200 rows of 3 values; `row_7` replaces the text of row 7."""
    rows = [changed.get(f"row_{i}", f"{i},name {i},{2 * i}") for i in range(1, 201)]
    return "id,name,x\n" + "\n".join(rows) + "\n"


def test_quote_that_is_never_closed_is_told_where_it_opens(tmp_path: Path) -> None:
    (finding,) = judge(tmp_path, people(row_11='11,"name 11,22'))
    assert str(finding) == (
        f'{tmp_path / "people.csv"} line 12: "name 11,22" opens a quote that is not'
        f" closed, and swallows the next 189 lines. {FIX}"
    )


@pytest.mark.parametrize(
    ("last", "lines"),
    [
        ('150,"name, 150",300', 139),
        ('"150","name, 150","300"', 139),
        ('150,name 150",300', 139),
        ('13,"",26', 0),
    ],
)
def test_quote_that_another_one_closes_is_told_where_it_opens(
    tmp_path: Path, last: str, lines: int
) -> None:
    row = "row_" + last.strip('"').split(",")[0].strip('"')
    changed = {"row_11": '11,"name 11,22', row: last}
    finding = judge(tmp_path, people(**changed))[0]
    assert (finding.line, finding.value) == (12, "name 11,22")
    assert finding.problem.startswith("opens a quote that is not closed")
    assert f"swallows the next {lines or 189} lines" in finding.problem


def test_line_is_right_below_values_with_line_ends(tmp_path: Path) -> None:
    text = people(row_3='3,"two\nlines",6', row_11='11,"name 11,22')
    (finding,) = judge(tmp_path, text)
    assert finding.line == 13


def test_swallowed_text_is_found_by_its_width(tmp_path: Path) -> None:
    rows = 'a,"b,c\nd,e,f\ng,h,i\nj,k",l\n'
    (finding,) = judge(tmp_path, "x,y,z\n" + rows)
    assert (finding.line, finding.value) == (2, "b,c")
    assert "swallows the next 3 lines" in finding.problem


@pytest.mark.parametrize(
    "row",
    [
        '1,"Main Street 4, left\nSpringfield, IL, USA\nUSA, home",2',
        '1,"a\nb\nc",2',
        '1,"\n\n\n",2',
        '1,"7,8\n9,10",2',
        '1,"a ""quoted, word"" here\nand, there\nand, there",2',
        '"a,b\nc,d\ne",f,2',
        '1,5" pipe,2',
        '1,"5"" pipe",2',
        "1,5' 7\",2",
        '1,say "hi",2',
        '1,"a" ,2',
        '1,"",""',
        '1,"""",2',
    ],
)
def test_what_is_legal_raises_no_alarm(tmp_path: Path, row: str) -> None:
    assert judge(tmp_path, people(row_7=row)) == []


def test_quotes_within_quotes_must_be_doubled(tmp_path: Path) -> None:
    (finding,) = judge(tmp_path, people(row_5='5,"a "big" dog",10'))
    problem = "has quotes within quotes that are not written twice"
    assert (finding.line, finding.problem) == (6, problem)
    assert finding.value == '"a "big" dog",10'
    assert finding.fix == FIX


def test_blank_before_a_quote_is_told(tmp_path: Path) -> None:
    (finding,) = judge(tmp_path, people(row_5='5, "Doe, John",10'))
    assert finding.line == 6
    assert "has a blank before its quote, which thus belongs to" in finding.problem
    assert finding.fix == "Remove the blank."


def test_last_value_without_its_quote_is_cut_off(tmp_path: Path) -> None:
    (finding,) = judge(tmp_path, people() + '201,"name 2')
    assert (finding.kind, finding.line, finding.value) == ("cut", 202, "name 2")
    assert "the file is cut off" in finding.problem


def test_width_counts_no_delimiters_in_quotes() -> None:
    assert row_width(b'a,"b,""c,",d', b",") == 3
