"""Tests of reproducible_ml.adopt.dialect."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reproducible_ml.adopt.dialect import DELIMITERS, read


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
    reading, rivals = read(text)
    assert reading.delimiter == delimiter
    assert rivals == []


def test_two_delimiters_that_make_a_table_are_both_told() -> None:
    reading, rivals = read("a,b;c,d\n1,2;3,4\n5,6;7,8\n")
    assert (reading.delimiter, rivals) == (",", [";"])


def test_rows_know_their_lines_and_blank_ones_are_none() -> None:
    reading, _ = read('Title\n\na,b\n1,"x\ny"\n\n2,z\n')
    assert [row.line for row in reading.rows] == [1, 3, 4, 7]
    assert (reading.first, reading.width, reading.wide) == (1, 2, 3)


def test_value_of_any_length_is_no_error() -> None:
    reading, _ = read('a,b\n1,2\n3,"' + "x" * 200_000 + '"\n')
    assert reading.delimiter == ","


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
    reading, _ = read(text.getvalue())
    assert reading.delimiter == delimiter
    assert reading.first == 0
