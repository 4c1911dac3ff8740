"""CSV files, of any delimiter, are read by Arrow, or row by row with their lines."""

import gzip
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from reproducible_ml.contract.schema import Column, ColumnMetadata, Contract, CsvDialect
from reproducible_ml.core.errors import UserError
from reproducible_ml.reading import csv_files
from reproducible_ml.reading.csv_files import BLOCK, NumberedRows, csv_texts, read_csv
from reproducible_ml.reading.encoding import MAX_ROW_BYTES
from reproducible_ml.reading.scan import scan


def contract(**columns: Any) -> Contract:
    return Contract(columns={name: Column(**given) for name, given in columns.items()})


NUMBERS = contract(x={"dtype": "float64"}, n={"dtype": "Int64", "nullable": True})


def write(tmp_path: Path, text: str, name: str = "a.csv") -> Path:
    path = tmp_path / name
    content = text.encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def values(path: Path, declared: Contract) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = pa.Table.from_batches(
        read_csv(path, declared)
    ).to_pydict()
    return found


def test_columns_have_the_types_and_the_order_of_the_contract(tmp_path: Path) -> None:
    path = write(tmp_path, "n,x\n1,2\n,3.5\n")
    assert values(path, NUMBERS) == {"x": [2.0, 3.5], "n": [1, None]}


@pytest.mark.parametrize("name", ["a.csv.gz", "a.csv.zst"])
def test_compressed_files_are_read(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, "n,x\n1,2\n", name)
    if name.endswith("zst"):
        path.write_bytes(pa.compress(b"n,x\n1,2\n", codec="zstd", asbytes=True))
    assert values(path, NUMBERS) == {"x": [2.0], "n": [1]}


def test_gzip_of_several_members_is_read_whole(tmp_path: Path) -> None:
    path = write(tmp_path, "n,x\n1,2\n", "a.csv.gz")
    path.write_bytes(path.read_bytes() + gzip.compress(b"3,4\n"))
    assert values(path, NUMBERS) == {"x": [2.0, 4.0], "n": [1, 3]}


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252", "iso8859-1"]
)
def test_dialect_says_how_the_file_is_written(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes('Report "1"\n\nx;name\n1;Zo\u00eb\n'.encode(encoding))
    dialect = CsvDialect(delimiter=";", encoding=encoding, preamble=2)
    (batch,) = csv_texts(path, dialect)
    assert batch.to_pydict() == {"x": ["1"], "name": ["Zo\u00eb"]}
    assert list(NumberedRows(path, dialect)) == [
        (3, ["x", "name"]),
        (4, ["1", "Zo\u00eb"]),
    ]


def test_notes_say_how_values_are_written(tmp_path: Path) -> None:
    notes = ColumnMetadata(decimal=",", thousands=".", suffix="kg", missing=("?",))
    declared = contract(
        x={"dtype": "float64", "nullable": True, "metadata": notes},
        n={"dtype": "Int64"},
    )
    path = write(tmp_path, 'x,n\n"1.234,5 kg",1\n?,2\n')
    assert values(path, declared) == {"x": [1234.5, None], "n": [1, 2]}


# The fast way knows one list of such spellings for all columns.
def test_spelling_of_no_value_is_a_category_where_it_is_declared(
    tmp_path: Path,
) -> None:
    declared = contract(
        region={"dtype": "category", "isin": ("NA", "EU")},
        x={"dtype": "float64", "nullable": True},
    )
    path = write(tmp_path, "region,x\nNA,NA\nEU,1\n")
    assert values(path, declared) == {"region": ["NA", "EU"], "x": [None, 1.0]}


# Arrow's reader refuses the blanks, so that the rest is read the careful way.
def test_rows_are_the_same_where_the_careful_way_takes_over(tmp_path: Path) -> None:
    rows = [f"{i},{i}\n" for i in range(400_000)]
    plain = values(write(tmp_path, "x,n\n" + "".join(rows)), NUMBERS)
    rows[-1] = "399999, 399999\n"
    rows[-2] = "399998, NA\n"
    plain["n"][-2] = None
    assert values(write(tmp_path, "x,n\n" + "".join(rows)), NUMBERS) == plain


@pytest.mark.parametrize(
    ("dtype", "text", "value"),
    [
        ("float64", " 1.5 ", 1.5),
        ("float64", "1e3", 1000.0),
        ("int64", "9007199254740993", 9007199254740993),
        ("bool", "TRUE", True),
        ("str", " 007 ", " 007 "),
        ("datetime64[ns]", "2024-01-31 10:00", None),
    ],
)
def test_both_ways_read_the_same(
    tmp_path: Path, dtype: Any, text: str, value: Any
) -> None:
    path = write(tmp_path, f"x\n{text}\n")
    fast = values(path, contract(x={"dtype": dtype}))["x"]
    notes = ColumnMetadata(missing=("nothing",))
    careful = values(path, contract(x={"dtype": dtype, "metadata": notes}))["x"]
    assert fast == careful
    assert value is None or fast == [value]


def test_rows_longer_than_a_block_are_read(tmp_path: Path) -> None:
    long = "x" * (2 * BLOCK)
    path = write(tmp_path, f"name\nAnn\n{long}\nBob\n")
    names = values(path, contract(name={"dtype": "str"}))["name"]
    assert names == ["Ann", long, "Bob"]
    assert [
        n for batch in csv_texts(path, CsvDialect()) for n in batch["name"].to_pylist()
    ] == names


def test_longest_row_is_read(tmp_path: Path) -> None:
    long = "x" * (MAX_ROW_BYTES - 1)
    path = write(tmp_path, f"name\nAnn\n{long}\nBob\n")
    names = values(path, contract(name={"dtype": "str"}))["name"]
    assert names == ["Ann", long, "Bob"]


def test_value_longer_than_the_largest_block_is_reported(tmp_path: Path) -> None:
    path = write(tmp_path, f"name\nAnn\n{'x' * MAX_ROW_BYTES}xx\nBob\n")
    with pytest.raises(UserError, match="line 3: has a value of more than 16 MiB"):
        list(NumberedRows(path, CsvDialect()))


@pytest.mark.parametrize(
    "text",
    ["x,n\n1,2\n3\n", "x,n\n1,y\n", "x\n1\n", "x,n,z\n1,2,3\n", "x,x\n1,2\n", "\n"],
)
def test_file_that_does_not_fit_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(pa.ArrowInvalid):
        values(write(tmp_path, text), NUMBERS)


@pytest.mark.parametrize("text", ["x,n", "x,n\n", "x,n\n\n"])
def test_header_alone_has_no_rows(tmp_path: Path, text: str) -> None:
    assert list(read_csv(write(tmp_path, text), NUMBERS)) == []
    assert list(csv_texts(write(tmp_path, text), CsvDialect())) == []


def test_texts_are_those_of_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, 'a,b\n NA ,""\n007,"x\n""y"""\n')
    (batch,) = csv_texts(path, CsvDialect())
    assert batch.to_pydict() == {"a": [" NA ", "007"], "b": ["", 'x\n"y"']}


def test_bytes_of_another_encoding_are_replaced_in_numbered_rows(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"name\nZo\xeb\n")
    assert list(NumberedRows(path, CsvDialect()))[1] == (2, ["Zo\ufffd"])


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
    read = b"".join(csv_files.delimited_blocks(path, CsvDialect(delimiter="::")))
    assert read.decode() == "a\x1fb\n" + rows.replace("::", "\x1f")


def test_index_without_a_name_is_left_out_if_it_is_there(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    for text in (",a,y\n0,1,n\n1,2,m\n", "a,y\n1,n\n2,m\n"):
        path.write_text(text)
        dialect = CsvDialect(index=True)
        (batch,) = csv_texts(path, dialect)
        assert batch.to_pydict() == {"a": ["1", "2"], "y": ["n", "m"]}
        assert [row.cells for row in NumberedRows(path, dialect)][1] == ["1", "n"]
