"""Tests of reproducible_ml.quality.raw_rows."""

from pathlib import Path

import pytest

from reproducible_ml.contract.findings import MAX_LISTED
from reproducible_ml.contract.schema import CsvDialect
from reproducible_ml.quality.raw_rows import check_shape, valid_rows

HEADER = "name,age\n"


def judged(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "people.csv"
    path.write_bytes(text.encode())
    lines = map(str, check_shape(path, CsvDialect()))
    return [line.removeprefix(f"{tmp_path}/") for line in lines]


def test_rows_of_the_width_of_the_header_are_sound(tmp_path: Path) -> None:
    assert judged(tmp_path, HEADER + 'Ann,40\n\n"Bob, ""B""",\n') == []


@pytest.mark.parametrize(
    ("row", "values"), [("Bob", "1 value"), ("Bob,40,9,9", "4 values")]
)
def test_ragged_row_is_told_with_its_line(
    tmp_path: Path, row: str, values: str
) -> None:
    assert judged(tmp_path, f"{HEADER}Ann,40\n{row}\nAnn,40\n") == [
        f"people.csv line 3: has {values} where the header has 2."
        " Look for a missing quote or a stray separator."
    ]


@pytest.mark.parametrize(
    ("before", "lines"),
    [
        ('"Ann\nMay\nLee",40\n', 3),
        ('"Ann\r\nMay",40\r\n', 2),
        ('"Ann ""A""",40\n', 1),
        ("\n\nAnn,40\n", 3),
        ("Ann,40\r", 1),
    ],
)
def test_lines_are_counted_as_an_editor_does(
    tmp_path: Path, before: str, lines: int
) -> None:
    (line,) = judged(tmp_path, f"{HEADER}{before}Bob\n")
    assert line.startswith(f"people.csv line {2 + lines}: ")


def test_trailing_delimiters_are_told_once(tmp_path: Path) -> None:
    assert judged(tmp_path, HEADER + "Ann,40,\n" * 300) == [
        "people.csv line 2: ends with a delimiter, which makes one value too many"
        " (300 rows). Take it away from the end of each line."
    ]


def test_repeated_header_is_told(tmp_path: Path) -> None:
    assert judged(tmp_path, HEADER + "Ann,40\n" + HEADER + "Bob,50\n") == [
        "people.csv line 3: repeats the header. Delete the line in the source."
    ]


def test_note_below_a_table_is_to_be_deleted(tmp_path: Path) -> None:
    text = "name,age,city\nAnn,40,Rome\n* preliminary\n"
    assert judged(tmp_path, text) == [
        "people.csv line 3: has 1 value where the header has 3."
        " Delete the line if it is a note; else look for a lost line end or quote."
    ]


def test_header_is_known_where_some_of_its_names_were_changed(tmp_path: Path) -> None:
    text = "name,age,age2\nAnn,40,4\nname,age,age\nname,50,5\n"
    assert judged(tmp_path, text) == [
        "people.csv line 3: repeats the header. Delete the line in the source."
    ]
    assert judged(tmp_path, f"{HEADER}name,40\nname,age2\n") == []


def test_a_hundred_ragged_rows_are_told_and_that_there_are_more(
    tmp_path: Path,
) -> None:
    *findings, more = judged(tmp_path, HEADER + "Bob\n" * (MAX_LISTED + 50))
    assert len(findings) == MAX_LISTED
    assert (
        "line 102: is the first of more rows like the 100 that are listed (50" in more
    )


def test_sound_rows_leave_out_the_others(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text(HEADER + "Ann,40\nBob\nCid,50\n")
    rows = list(valid_rows(path, CsvDialect(), []))
    assert rows == [(1, ["name", "age"]), (2, ["Ann", "40"]), (4, ["Cid", "50"])]


def test_empty_file_has_no_rows(tmp_path: Path) -> None:
    assert judged(tmp_path, "\n") == []
