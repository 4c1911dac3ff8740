"""Detection of how a CSV file is written."""

import csv
import gzip
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reproducible_ml.adopt.dialect import SAMPLE, detect_dialect
from reproducible_ml.adopt.header import (
    WIDEST,
    check_header,
    is_data,
    is_header,
    is_number,
)
from reproducible_ml.adopt.layout import DELIMITERS, find_delimiter
from reproducible_ml.contract.findings import Finding
from reproducible_ml.contract.schema import CsvDialect

TEXT = "id,name\n1,Zoë\n2,Bob\n"


def detect(
    folder: Path, content: str | bytes
) -> tuple[CsvDialect, list[Finding], list[Finding]]:
    path = folder / "people.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return detect_dialect(path)


def rejected(folder: Path, content: str | bytes) -> Finding:
    _, (rejection,), _ = detect(folder, content)
    return rejection


def warned(folder: Path, content: str | bytes) -> tuple[CsvDialect, Finding]:
    dialect, rejections, (warning,) = detect(folder, content)
    assert not rejections
    return dialect, warning


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
    assert "cannot be decompressed" in str(rejection)


def test_windows_1252_is_taken_with_a_warning(tmp_path: Path) -> None:
    dialect, warning = warned(tmp_path, TEXT.encode("cp1252"))
    assert dialect == CsvDialect(encoding="cp1252")
    assert (warning.line, warning.value, warning.rows) == (2, "Zoë", 1)
    assert "windows-1252" in warning.problem


@pytest.mark.parametrize(
    ("preamble", "shown"),
    [
        ("Report of 2024\nmade by me\n\n", "Report of 2024 made by me"),
        ("# made, today\n", "# made, today"),
        ("Sales, Europe, all of them\n\n", "Sales, Europe, all of them"),
    ],
)
def test_lines_before_the_header_are_skipped_with_a_warning(
    tmp_path: Path, preamble: str, shown: str
) -> None:
    dialect, warning = warned(tmp_path, preamble + TEXT)
    lines = preamble.count("\n")
    assert dialect == CsvDialect(preamble=lines)
    assert (warning.kind, warning.line, warning.value) == ("preamble", 1, shown)
    assert f"line {lines + 1}" in warning.problem


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


def test_single_quotes_are_no_part_of_a_delimiter(tmp_path: Path) -> None:
    found = rejected(tmp_path, "'a','b'\n'x, y','1'\n'x, z','2'\n")
    assert "single quotes" in found.problem


def test_second_delimiter_is_a_warning(tmp_path: Path) -> None:
    dialect, warning = warned(tmp_path, "a,b;c,d\n1,2;3,4\n5,6;7,8\n")
    assert dialect == CsvDialect()
    assert (warning.kind, warning.line) == ("delimiter", 1)
    assert "semicolons" in warning.problem


@pytest.mark.parametrize(
    ("content", "kind", "line"),
    [
        ("5.1,3.5,setosa\n4.9,3.0,setosa\n", "no header", 1),
        ("Title\n\n1;2\n3;4\n", "no header", 3),
        ("a,b,a\n1,2,3\n4,5,6\n", "duplicate name", 1),
        (",a\n0.5,1\n1.5,2\n", "empty name", 1),
        (",a\n2001,1\n2002,2\n", "empty name", 1),
        ("a,b,\n1,2,\n3,4,\n", "empty name", 1),
        ("a,b,\n1,2\n3,4\n", "width", 1),
        ("a,b\n1,2,\n3,4,\n5,6,\n", "width", 1),
        ('"a","b"\n"1",x,2\n"2",y,3\n', "width", 1),
        ("a,b\n", "no rows", None),
        ("a,b", "no rows", None),
        ("a,b\n1,2\n", "one row", None),
        ("a\nMüller\n".encode() + "Köln\n".encode("cp1252"), "encoding", 3),
    ],
)
def test_file_that_is_not_a_table_is_rejected(
    tmp_path: Path, content: str | bytes, kind: str, line: int | None
) -> None:
    found = rejected(tmp_path, content)
    assert (found.kind, found.line) == (kind, line)
    assert found.fix


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
    assert f"line {rows + 1}" in warning.problem


def test_header_with_few_names_above_rows_of_text_is_no_title(tmp_path: Path) -> None:
    text = ";;;city\na;b;c;Rome\nd;e;f;Oslo\n"
    dialect, rejections, _ = detect(tmp_path, text)
    assert dialect.preamble == 0
    assert rejections


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("a,b\n1,2\n", ","),
        ("a;b\n1,5;2,5\n3,5;4,5\n", ";"),
        ("a;b;c\n1.234,5;2,5;x, y\n3,5;4,5;z, w\n", ";"),
        ("a\tb\nx, y\tz; w\n", "\t"),
        ("a|b\n1|2\n", "|"),
        ('a,b\n1,"x;y"\n2,"z;w"\n', ","),
        ("id,tags\n1,x|y\n2,z|w\n", ","),
        ("id,tags,n\n1,x|y\n2,z|w,3\n" + "3,a|b,4\n" * 20, ","),
        ("text\nhello\nworld\n", ","),
        ("text\nhello, you\nworld\nbye\n", ","),
        ("Report; of 2024\n\na,b,c\n1,2,3\n4,5,6\n", ","),
        ("sep=;\na,b;c\n1;2\n", ";"),
        ("", ","),
    ],
)
def test_delimiter_makes_a_table(text: str, delimiter: str) -> None:
    layout, rivals = find_delimiter(text)
    assert layout.delimiter == delimiter
    assert rivals == []


def test_two_delimiters_that_make_a_table_are_both_told() -> None:
    layout, rivals = find_delimiter("a,b;c,d\n1,2;3,4\n5,6;7,8\n")
    assert (layout.delimiter, rivals) == (",", [";"])


def test_rows_know_their_lines_and_blank_ones_are_none() -> None:
    layout, _ = find_delimiter('Title\n\na,b\n1,"x\ny"\n\n2,z\n')
    assert [row.line for row in layout.rows] == [1, 3, 4, 7]
    assert (layout.first, layout.width, layout.wide) == (1, 2, 3)


def test_value_of_any_length_is_no_error() -> None:
    layout, _ = find_delimiter('a,b\n1,2\n3,"' + "x" * 200_000 + '"\n')
    assert layout.delimiter == ","


VALUES = st.text(alphabet="xyz,;\t|\"' \n", max_size=8)


@given(
    rows=st.lists(st.lists(VALUES, min_size=3, max_size=3), min_size=8, max_size=20),
    delimiter=st.sampled_from(list(DELIMITERS)),
)
def test_delimiter_of_a_written_table_is_found(
    rows: list[list[str]], delimiter: str
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerows([["id", "text", "note"], *rows])
    layout, _ = find_delimiter(text.getvalue())
    assert layout.delimiter == delimiter
    assert layout.first == 0


FILE = Path("people.csv")

# Cyrillic letters that look like a and o.
LIKE_A, LIKE_O = "\u0430", "\u043e"


@pytest.mark.parametrize(
    "text",
    [
        "1",
        "-1.5",
        "1e9",
        ".5",
        "1.234,5",
        " 7 ",
        "$3",
        "5 %",
        "50%",
        "1 000",
        "12:30",
        "2024-01-31",
        "31.01.2024",
        "1/31/24",
        "2024-01-31T12:00:00Z",
    ],
)
def test_numbers_and_dates_are_told_from_names(text: str) -> None:
    assert is_number(text)


@pytest.mark.parametrize("text", ["", "x1", "1st", "0-9", "a 5", "Q1 2024", "-"])
def test_names_are_no_numbers(text: str) -> None:
    assert not is_number(text)


@pytest.mark.parametrize(
    ("names", "rows"),
    [
        (["5.1", "setosa"], [["4.9", "setosa"]]),
        (["2024-01-01", "x"], [["2024-01-02", "y"]]),
        (["1", "2", "a"], [["3", "4", "b"]]),
        (["3", "a"], []),
        (["red", "big"], [["blue", "small"], ["red", "small"], ["blue", "big"]]),
    ],
)
def test_values_are_no_header(names: list[str], rows: list[list[str]]) -> None:
    assert is_data(names, rows)


@pytest.mark.parametrize(
    ("names", "rows"),
    [
        (["id", "name"], [["1", "Ada"]]),
        (["country", "2000", "2005"], [["DE", "1", "2"], ["FR", "3", "4"]]),
        (["0", "1", "2"], [["5", "7", "9"]]),
        (["label", "400.5", "401.5"], [["1", "0.1", "0.2"], ["0", "0.1", "0.2"]]),
        (["name", "label"], [["Ada", "yes"], ["name", "label"], ["Bob", "no"]]),
        (["text"], [["text"], ["more"]]),
    ],
)
def test_names_are_a_header(names: list[str], rows: list[list[str]]) -> None:
    assert not is_data(names, rows)


def test_text_over_numbers_is_surely_a_header() -> None:
    assert is_header(["a", "b"], [["x", "1"], ["y", "NA"]])
    assert not is_header(["a", "b"], [["x", "z"]])
    assert not is_header(["NA", "b"], [["1", "z"]])


@pytest.mark.parametrize(
    ("names", "kind", "facts"),
    [
        (["age", "x", "age"], "duplicate name", ("3", "1")),
        (["age", f"{LIKE_A}ge"], "look-alike", ("2", "1", r"\u0430ge, age")),
        (["age", "age\u200b"], "look-alike", ("2", "1", r"age\u200b, age")),
        (["no 1", "no  1 "], "look-alike", ("2", "1")),
        (["a", "", "c"], "empty name", ("2",)),
        (["", "a"], "empty name", ("1",)),
        (["a", "b", ""], "empty name", ("delimiter",)),
    ],
)
def test_names_that_are_not_unique_are_rejected(
    names: list[str], kind: str, facts: tuple[str, ...]
) -> None:
    (rejection,), warnings = check_header(FILE, 4, names)
    assert (rejection.kind, rejection.line) == (kind, 4)
    assert all(fact in rejection.problem for fact in facts)
    assert not warnings


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["age", "Age"], 'column 1, "age", only by case'),
        ([f"c{LIKE_O}st"], r"several alphabets (c\u043est)"),
        ([" age"], "spaces"),
        (["birth\nday"], "line breaks"),
        ([f"c{i}" for i in range(WIDEST + 1)], f"has {WIDEST + 1} columns"),
    ],
)
def test_unusual_names_are_warnings(names: list[str], words: str) -> None:
    rejections, (warning,) = check_header(FILE, 1, names)
    assert not rejections
    assert words in warning.problem


@pytest.mark.parametrize(
    "names",
    [
        ["id", "name"],
        ["größe", "年齢", "\u0432\u043e\u0437\u0440\u0430\u0441\u0442"],
        ["Δt", "µm", "Ω"],
        ["a b", "a_b", "a-b", "a.b", "a (%)"],
        ["x1", "x2", "l", "I"],
    ],
)
def test_names_of_any_language_are_fine(names: list[str]) -> None:
    assert check_header(FILE, 1, names) == ([], [])
