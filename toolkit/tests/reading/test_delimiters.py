"""Delimiters of several characters, and blanks, are read like single ones."""

from pathlib import Path

import pytest

from reproducible_ml.contract.schema import CsvDialect
from reproducible_ml.reading import delimiters
from reproducible_ml.reading.csv_files import NumberedRows, csv_texts
from reproducible_ml.reading.scan import scan


@pytest.mark.parametrize(
    ("delimiter", "text"),
    [
        ("::", 'a::b::y\n1::"x::y"::n\n\n"q"::2::m'),
        (" ", '  a   b y\n1 "x::y"\tn \n\n"q"  2 \t m\n'),
        ("¦", 'a¦b¦y\n1¦"x::y"¦n\n\n"q"¦2¦m\r\n'),
        ("~|~", "a~|~b~|~y\n1~|~x::y~|~n\n\nq~|~2~|~m\n"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "latin-1"])
def test_delimiter_of_any_length(
    tmp_path: Path, delimiter: str, text: str, encoding: str
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode(encoding))
    dialect = CsvDialect(delimiter=delimiter, encoding=encoding)
    assert [(row.line, *row.cells) for row in NumberedRows(path, dialect)] == [
        (1, "a", "b", "y"),
        (2, "1", "x::y", "n"),
        (4, "q", "2", "m"),
    ]
    (batch,) = csv_texts(path, dialect)
    assert batch.to_pydict() == {"a": ["1", "q"], "b": ["x::y", "2"], "y": ["n", "m"]}
    assert scan(path, dialect) == []


def test_delimiter_may_lie_across_blocks(tmp_path: Path) -> None:
    rows = "".join(f"{'x' * (n % 7)}::{n}\n" for n in range(200_000))
    path = tmp_path / "a.csv"
    path.write_text("a::b\n" + rows)
    read = b"".join(delimiters.delimited_blocks(path, CsvDialect(delimiter="::")))
    assert read.decode() == "a\x1fb\n" + rows.replace("::", "\x1f")


def test_index_without_a_name_is_left_out_if_it_is_there(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    for text in (",a,y\n0,1,n\n1,2,m\n", "a,y\n1,n\n2,m\n"):
        path.write_text(text)
        dialect = CsvDialect(index=True)
        (batch,) = csv_texts(path, dialect)
        assert batch.to_pydict() == {"a": ["1", "2"], "y": ["n", "m"]}
        assert [row.cells for row in NumberedRows(path, dialect)][1] == ["1", "n"]
