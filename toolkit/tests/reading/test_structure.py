"""Tests of reproducible_ml.reading.rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reproducible_ml.reading.rows import (
    last_bit,
    positions,
    quoted_line_ends,
    quoted_values,
    regular_values,
    structure,
    within,
)


def test_line_ends_are_told_from_quoted_ones() -> None:
    text = b'a\n"b\nc",d\n'
    newlines, quoted, misplaced = structure(text, b",")
    assert positions(newlines).tolist() == [1, 4, 9]
    assert positions(newlines & quoted).tolist() == [4]
    assert not misplaced.any()


@pytest.mark.parametrize(
    "row", [b'"a"', b'a,"b"', b'"a","b"', b'"a""b"', b'""', b'"""",a', b'"a"\r']
)
@pytest.mark.parametrize("before", [0, 60, 61, 62, 63, 64])
def test_regular_quotes_are_not_misplaced(row: bytes, before: int) -> None:
    text = b"x" * before + b"\n" + row + b"\n"
    assert not structure(text, b",").misplaced.any()


@pytest.mark.parametrize("row", [b'a"b"', b'"a"b', b'"a" ,b', b' "a"', b'"a "b" c"'])
@pytest.mark.parametrize("before", [0, 60, 61, 62, 63, 64])
def test_quotes_that_are_not_at_the_ends_are_misplaced(row: bytes, before: int) -> None:
    text = b"x" * before + b"\n" + row + b"\n"
    assert structure(text, b",").misplaced.any()


@given(st.text(alphabet='a",\n', max_size=200))
def test_bits_and_places_tell_the_same(text: str) -> None:
    content = text.encode() + b"\n"
    if content.count(b'"') % 2 or structure(content, b",").misplaced.any():
        return
    opens, closes = quoted_values(content, b",")
    for one, other in zip(regular_values(content), (opens, closes), strict=True):
        np.testing.assert_array_equal(one, other)
    newlines, quoted, _ = structure(content, b",")
    folds = quoted_line_ends(content, opens, closes)
    np.testing.assert_array_equal(positions(newlines & quoted), folds)


def test_quote_inside_a_value_is_a_character() -> None:
    opens, closes = quoted_values(b'5" pipe,"7"" pipe"\n', b",")
    assert (opens.tolist(), closes.tolist()) == ([8], [17])


def test_value_that_is_never_closed_has_no_second_quote() -> None:
    opens, closes = quoted_values(b'"a","b\nc\n', b",")
    assert (opens.tolist(), closes.tolist()) == ([0, 4], [2])
    assert within(7, opens, closes)
    assert not within(3, opens, closes)


@pytest.mark.parametrize("place", [0, 1, 63, 64, 65, 128])
def test_last_bit_is_the_place_of_the_last_character(place: int) -> None:
    newlines = structure(b"x" * place + b"\n", b",").newlines
    assert last_bit(newlines) == place


def test_without_bits_there_is_no_last() -> None:
    assert last_bit(structure(b"x", b",").newlines) == -1


def test_quote_at_the_end_of_the_text_may_be_a_closing_one() -> None:
    assert not structure(b'"' + b"x" * 62 + b'"', b",").misplaced.any()
