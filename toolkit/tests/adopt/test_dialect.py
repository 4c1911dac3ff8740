"""Tests of reproducible_ml.adopt.dialect."""

import gzip
from pathlib import Path

import pytest

from reproducible_ml.adopt.dialect import SAMPLE, detect_dialect
from reproducible_ml.contract.findings import Finding
from reproducible_ml.contract.schema import CsvDialect

TEXT = "id,name\n1,Zoë\n2,Bob\n"


def detect(
    folder: Path, content: str | bytes
) -> tuple[CsvDialect, list[Finding], list[Finding]]:
    path = folder / "people.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return detect_dialect(path)


def rejected(folder: Path, content: str | bytes) -> str:
    _, (rejection,), _ = detect(folder, content)
    return str(rejection).removeprefix(str(folder / "people.csv"))


def warned(folder: Path, content: str | bytes) -> tuple[CsvDialect, str]:
    dialect, rejections, (warning,) = detect(folder, content)
    assert not rejections
    return dialect, str(warning).removeprefix(str(folder / "people.csv"))


@pytest.mark.parametrize(
    ("content", "dialect"),
    [
        (TEXT, CsvDialect()),
        (TEXT.encode("utf-8-sig"), CsvDialect()),
        (TEXT.replace("\n", "\r\n"), CsvDialect()),
        (TEXT.replace("\n", "\r"), CsvDialect()),
        (TEXT.encode("utf-16"), CsvDialect(encoding="utf-16")),
        (TEXT.encode("utf-16-le"), CsvDialect(encoding="utf-16-le")),
        (TEXT.replace(",", "\t"), CsvDialect(delimiter="\t")),
        ("a;b\n1,5;2,5\n3,5;x\n", CsvDialect(delimiter=";")),
        ("text\nhello\nworld\n", CsvDialect()),
        ('id,"first\nname"\n1,a\n2,b\n'.replace("\n", " ", 1), CsvDialect()),
        ("country,2019,2020\nDE,1,2\nFR,2,3\n", CsvDialect()),
        ("\nid,name\n1,a\n2,b\n", CsvDialect(preamble=1)),
        ("#id,name\n1,a\n2,b\n", CsvDialect()),
    ],
)
def test_dialect_is_found_without_a_word(
    tmp_path: Path, content: str | bytes, dialect: CsvDialect
) -> None:
    assert detect(tmp_path, content) == (dialect, [], [])


def test_compressed_file_is_judged_by_what_is_inside(tmp_path: Path) -> None:
    path = tmp_path / "people.csv.gz"
    path.write_bytes(gzip.compress(TEXT.replace(",", ";").encode()))
    assert detect_dialect(path) == (CsvDialect(delimiter=";"), [], [])


def test_compressed_file_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "people.csv.gz"
    path.write_bytes(gzip.compress(TEXT.encode())[:-9])
    _, (rejection,), _ = detect_dialect(path)
    assert str(rejection) == (
        f"{path}: is damaged or cut off, so that it cannot be decompressed."
        " Copy or export it again."
    )


def test_windows_1252_is_taken_with_a_warning(tmp_path: Path) -> None:
    dialect, warning = warned(tmp_path, TEXT.encode("cp1252"))
    assert dialect == CsvDialect(encoding="cp1252")
    assert warning == (
        ' line 2: "Zoë" is not UTF-8, but looks like this in windows-1252 (1 row).'
        " Export it as UTF-8 if that is wrong."
    )


@pytest.mark.parametrize(
    ("preamble", "shown"),
    [
        ("Report of 2024\nmade by me\n\n", "Report of 2024 made by me"),
        ("# made, today\n", "# made, today"),
        ("Sales, Europe, all of them\n\n", "Sales, Europe, all of them"),
    ],
)
def test_lines_before_the_header_are_told(
    tmp_path: Path, preamble: str, shown: str
) -> None:
    dialect, warning = warned(tmp_path, preamble + TEXT)
    lines = preamble.count("\n")
    assert dialect == CsvDialect(preamble=lines)
    assert f' line 1: "{shown}" stands before the header' in warning
    assert f"which is line {lines + 1}, and is left out" in warning
    assert "Set `preamble` in metadata of data/schema.yaml" in warning


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_delimiter_that_is_told_to_excel_is_left_out_without_words(
    tmp_path: Path, delimiter: str
) -> None:
    text = f"sep={delimiter}\n" + TEXT.replace(",", delimiter)
    assert detect(tmp_path, text) == (
        CsvDialect(delimiter=delimiter, preamble=1),
        [],
        [],
    )


def test_second_delimiter_is_told(tmp_path: Path) -> None:
    dialect, warning = warned(tmp_path, "a,b;c,d\n1,2;3,4\n5,6;7,8\n")
    assert dialect == CsvDialect()
    assert "is read with commas between values, but could be with semico" in warning


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (
            "5.1,3.5,setosa\n4.9,3.0,setosa\n",
            ' line 1: "5.1,3.5,setosa" is a row of values, but should name the columns.'
            " Put a line with the names of the columns at the beginning.",
        ),
        ("Title\n\n1;2\n3;4\n", ' line 3: "1;2" is a row of values'),
        ("a,b,a\n1,2,3\n4,5,6\n", ' line 1: "a" names column 3, but is the name of'),
        (",a\n0,1\n1,2\n", " line 1: has no name for column 1. Give it one, or leave"),
        ("a,b,\n1,2,\n3,4,\n", " line 1: ends in a delimiter, which makes a column"),
        (
            "a,b,\n1,2\n3,4\n",
            " line 1: ends in a delimiter, but rows do not."
            " Look for a missing name, or for a delimiter too many.",
        ),
        (
            "a,b\n1,2,\n3,4,\n5,6,\n",
            " line 1: ends without the delimiter that rows end with."
            " Look for a missing name, or for a delimiter too many.",
        ),
        (
            '"a","b"\n"1",x,2\n"2",y,3\n',
            " line 1: has 2 names, but rows have 3 values. Look for a missing name",
        ),
        ("a,b\n", ": has a header but no rows. Export it again."),
        ("a,b", ": has a header but no rows. Export it again."),
        ("a,b\n1,2\n", ": has one row, which is no table. Export all rows."),
        (
            "a\nMüller\n".encode() + "Köln\n".encode("cp1252"),
            ' line 3: "K\\xf6ln" is not UTF-8, but line 2 is ("Müller"): it mixes',
        ),
    ],
)
def test_what_is_no_table_is_refused(
    tmp_path: Path, content: str | bytes, line: str
) -> None:
    assert rejected(tmp_path, content).startswith(line)


def test_long_file_is_judged_by_its_beginning_but_for_the_encoding(
    tmp_path: Path,
) -> None:
    rows = f"3,{'Ada ' * 50}\n" * (SAMPLE // 100)
    assert detect(tmp_path, TEXT + rows) == (CsvDialect(), [], [])
    _, (rejection,), _ = detect(
        tmp_path, TEXT.encode() + (rows + "4,é\n").encode("cp1252")
    )
    assert rejection.line == 4 + rows.count("\n")


@pytest.mark.parametrize(
    ("titles", "rows"),
    [
        ("Customers of Bonn;;;\n", 1),
        ("Customers;;;\nas of;2026-02-03;;\n;;;\n", 3),
    ],
)
def test_titles_that_are_filled_up_with_blanks_are_left_out(
    tmp_path: Path, titles: str, rows: int
) -> None:
    table = "id;name;city;age\n1;Ann;Rome;30\n2;Bob;Oslo;40\n"
    dialect, warning = warned(tmp_path, titles + table)
    assert dialect == CsvDialect(delimiter=";", preamble=rows)
    assert f"stands before the header, which is line {rows + 1}" in warning


def test_header_with_few_names_above_rows_of_text_is_no_title(tmp_path: Path) -> None:
    text = ";;;city\na;b;c;Rome\nd;e;f;Oslo\n"
    dialect, rejections, _ = detect(tmp_path, text)
    assert dialect.preamble == 0
    assert rejections
