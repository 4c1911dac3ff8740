"""The text of a table is split into blocks of whole rows, by its quotes."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reproducible_ml.contract.schema import CsvDialect
from reproducible_ml.reading.encoding import BLOCK, MAX_ROW_BYTES
from reproducible_ml.reading.rows import (
    Rows,
    last_bit,
    positions,
    quoted_line_ends,
    quoted_values,
    read_row_blocks,
    regular_values,
    structure,
    within,
)


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
def test_bits_and_patterns_find_the_same_quotes(text: str) -> None:
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


def read(folder: Path, text: str, preamble: int = 0) -> list[Rows]:
    path = folder / "a.csv"
    path.write_text(text, newline="")
    return list(read_row_blocks(path, CsvDialect(preamble=preamble)))


def long_table(value: str) -> str:
    return "id,text\n" + "".join(f"{i},{value}\n" for i in range(BLOCK // 5))


@pytest.mark.parametrize(
    "value",
    ["some more text", '"text, quoted"', '"two\nlines ""here"""', '5" pipe, 6" wide'],
)
def test_blocks_end_where_rows_end(tmp_path: Path, value: str) -> None:
    text = long_table(value)
    blocks = read(tmp_path, text)
    assert len(blocks) > 1
    assert b"".join(block.text for block in blocks).decode() == text
    assert all(block.text.endswith(value.encode()[-1:] + b"\n") for block in blocks)


def test_each_block_knows_its_line(tmp_path: Path) -> None:
    text = long_table('"two\nlines"')
    for block in read(tmp_path, text):
        first = block.text.split(b"\n", 1)[0].decode()
        assert text.split("\n")[block.line] == first


def test_lines_before_the_header_are_left_out_and_counted(tmp_path: Path) -> None:
    (block,) = read(tmp_path, 'Made "today\n\nid,text\n1,a\n', preamble=2)
    assert (block.line, block.text) == (2, b"id,text\n1,a\n")
    assert block.regular


def test_row_without_line_end_comes_last_and_is_not_complete(tmp_path: Path) -> None:
    *_, last = read(tmp_path, "id,text\n1,a\n2,b")
    assert (last.line, last.text, last.complete) == (2, b"2,b", False)


@pytest.mark.integration
def test_reading_stops_at_a_row_that_is_too_long(tmp_path: Path) -> None:
    text = "id,text\n1," + "x" * 3 * MAX_ROW_BYTES + "\n" + long_table("a")
    last = read(tmp_path, text)[-1]
    assert (last.line, last.complete) == (1, False)
    assert MAX_ROW_BYTES < len(last.text) <= 2 * MAX_ROW_BYTES + BLOCK


def test_rows_after_a_long_one_are_read(tmp_path: Path) -> None:
    text = "id,text\n1," + "x" * 5 * BLOCK + "\n2,b\n3"
    blocks = read(tmp_path, text)
    assert b"".join(block.text for block in blocks).decode() == text
    assert [block.complete for block in blocks] == [*[True] * (len(blocks) - 1), False]


@pytest.mark.parametrize(
    ("text", "regular", "folds"),
    [
        ("a,b\n1,2\n", True, []),
        ('a,b\n1,"2"\n', True, []),
        ('a,b\n1,"2\n3"\n', True, [8]),
        ('a,b\n1,2"\n', False, []),
        ('a,b\n1","2\n3"\n', False, [9]),
    ],
)
def test_rows_say_how_they_are_quoted(
    tmp_path: Path, text: str, regular: bool, folds: list[int]
) -> None:
    (block,) = read(tmp_path, text)
    assert (block.regular, block.folds.tolist()) == (regular, folds)


@pytest.mark.parametrize("text", ['a,"b,c",d\n', 'a","b,c",d"\n'])
def test_quoted_values_are_found_in_regular_and_other_rows(
    tmp_path: Path, text: str
) -> None:
    (block,) = read(tmp_path, text)
    opens, closes = block.quoted()
    assert block.text[opens[0] : closes[0] + 1] == b'"b,c"'


def test_finding_shows_the_rest_of_its_line(tmp_path: Path) -> None:
    (block,) = read(tmp_path, "made today\nid,text\n1,Zoë\n2,b\n", preamble=1)
    place = block.text.index("Zoë".encode())
    finding = block.finding("kind", Path("a.csv"), place, "is a name", "Keep it.")
    assert str(finding) == 'a.csv line 3: "Zoë" is a name. Fix: Keep it.'
