"""Tests of reproducible_ml.reading.rows."""

from pathlib import Path

import pytest

from reproducible_ml.contract.schema import CsvDialect
from reproducible_ml.reading.encoding import BLOCK, MAX_ROW_BYTES
from reproducible_ml.reading.rows import Rows, read_row_blocks


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


def test_finding_shows_the_line_from_a_place_on(tmp_path: Path) -> None:
    (block,) = read(tmp_path, "made today\nid,text\n1,Zoë\n2,b\n", preamble=1)
    place = block.text.index("Zoë".encode())
    finding = block.finding("kind", Path("a.csv"), place, "is a name", "Keep it.")
    assert str(finding) == 'a.csv line 3: "Zoë" is a name. Keep it.'
