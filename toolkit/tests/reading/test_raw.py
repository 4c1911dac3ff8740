"""Raw tables of all formats are found, read in chunks and traced to lines."""

import gzip
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from reproducible_ml.contract.schema import Contract, CsvDialect, Data, load_contract
from reproducible_ml.core.errors import UserError
from reproducible_ml.reading.raw import (
    file_format,
    header_line,
    mark_last,
    raw_files,
    read_chunks,
    row_lines,
    text_batches,
)

NUMBERS = Contract.model_validate({"columns": {"x": {"dtype": "float64"}}})


@pytest.fixture
def contract(project: Path) -> Contract:
    return load_contract(project / "schema.yaml", Data(target="bought", positive="yes"))


def write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def rows_of(file: Path, contract: Contract, rows: int = 25) -> list[dict[str, Any]]:
    tables = [chunk.rows for chunk in read_chunks([file], contract, rows)]
    found: list[dict[str, Any]] = pa.concat_tables(tables).to_pylist()
    return found


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.csv", "csv"),
        ("a.tsv", "csv"),
        ("a.csv.zst", "csv"),
        ("a.b.jsonl.gz", "json"),
        ("a.ndjson", "json"),
        ("a.json", "json"),
        ("a.parquet", "parquet"),
        ("a.parquet.gz", None),
        ("a.gz", None),
        ("a.txt", None),
        ("csv", None),
    ],
)
def test_format_is_that_of_the_name(name: str, expected: str | None) -> None:
    assert file_format(Path(name)) == expected


def test_files_of_a_folder_are_sorted_at_any_depth(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("2024/b.csv", "a.csv", "c.parquet")]
    for path in reversed(paths[:-1]):
        write(path, "x\n1\n")
    pd.DataFrame({"x": [1]}).to_parquet(paths[-1])
    # Other programs leave these behind.
    for name in ("README.md", "_SUCCESS", "_a.csv", ".a.csv", ".tmp/a.csv"):
        write(tmp_path / name, "")
    assert raw_files(tmp_path) == paths
    assert raw_files(paths[0]) == paths[:1]


# A folder above the table may be hidden.
def test_hidden_folder_may_contain_the_table(tmp_path: Path) -> None:
    path = write(tmp_path / ".cache" / "raw" / "a.csv", "x\n1\n")
    assert raw_files(path.parent) == raw_files(path) == [path]


@pytest.mark.parametrize("name", ["absent.csv", "absent", "data.parquet.gz"])
def test_missing_table_is_reported_with_the_fix(tmp_path: Path, name: str) -> None:
    write(tmp_path / "data.parquet.gz", "x\n1\n")
    with pytest.raises(UserError) as error:
        raw_files(tmp_path / name)
    assert f"{tmp_path / name}: contains no table, which is a .csv" in str(error.value)
    assert "dvc pull" in str(error.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("x,y\n1,2\n", "is plain text: rename it to table.csv if it is a table"),
        ("SQLite format 3\0", "is an SQLite database: run `rml data sqlite:////"),
        ("%PDF-1.7", "is a PDF document"),
    ],
)
def test_file_of_another_kind_is_reported(
    tmp_path: Path, content: str, words: str
) -> None:
    with pytest.raises(UserError, match=words):
        raw_files(write(tmp_path / "table.dat", content))


def test_every_file_of_a_wrong_type_is_reported(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", "")
    write(tmp_path / "b.csv", "x\n1\n")
    write(tmp_path / "c.parquet", "outs:\n- md5: 0a\n  path: a.csv\n")
    with pytest.raises(UserError) as error:
        raw_files(tmp_path)
    one, two = str(error.value).splitlines()
    assert one.startswith(f"{tmp_path / 'a.csv'}: is empty")
    assert two.startswith(f"{tmp_path / 'c.parquet'}: is a DVC pointer")


@pytest.mark.parametrize("rows", [1, 7, 25, 60, 100])
def test_each_file_is_split_into_chunks_of_equal_size(
    project: Path, contract: Contract, rows: int
) -> None:
    chunks = list(read_chunks([project / "people.csv"] * 2, contract, rows))
    number = -(-60 // rows)
    sizes = [*[rows] * (number - 1), 60 - rows * (number - 1)]
    assert [chunk.rows.num_rows for chunk in chunks] == sizes * 2
    assert [chunk.first for chunk in chunks] == [rows * i for i in range(number)] * 2
    assert [c.is_last for c in chunks] == [*[False] * (number - 1), True] * 2


def test_every_format_has_the_same_rows(
    project: Path, people: pd.DataFrame, contract: Contract
) -> None:
    people[people.columns[::-1]].to_csv(project / "mixed.csv", index=False)
    people.reset_index(drop=True).to_parquet(project / "people.parquet")
    people.to_json(
        project / "people.jsonl", orient="records", lines=True, date_format="iso"
    )
    expected = rows_of(project / "people.csv", contract)
    assert len(expected) == 60
    for name in ("mixed.csv", "people.parquet", "people.jsonl"):
        assert rows_of(project / name, contract) == expected, name


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_files_of_windows_are_read(tmp_path: Path, mark: str, newline: str) -> None:
    path = write(tmp_path / "a.csv", f"{mark}x{newline}1{newline}2")
    assert rows_of(path, NUMBERS) == [{"x": 1.0}, {"x": 2.0}]


def test_header_alone_has_no_rows(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "x\n")
    assert [c.rows.num_rows for c in read_chunks([path], NUMBERS, 10)] in ([], [0])


@pytest.mark.parametrize("line", [b"1,2", b"forty", b"\x81"])
def test_row_that_does_not_fit_is_an_error(tmp_path: Path, line: bytes) -> None:
    dialect = {"encoding": "cp1252"}
    contract = NUMBERS.model_copy(update={"metadata": CsvDialect(**dialect)})
    path = write(tmp_path / "a.csv", b"x\n1\n" + line + b"\n")
    with pytest.raises(pa.ArrowInvalid):
        rows_of(path, contract)


@pytest.mark.parametrize("name", ["a.csv.gz", "a.jsonl.gz"])
def test_truncated_file_is_reported(tmp_path: Path, name: str) -> None:
    lines = "x\n" + "1\n" * 1000 if name == "a.csv.gz" else '{"x": 1}\n' * 1000
    path = write(tmp_path / name, gzip.compress(lines.encode())[:-20])
    with pytest.raises(UserError, match=rf"{name}: is damaged or truncated"):
        rows_of(path, NUMBERS)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b"x,y\n1,\n"),
        ("a.csv.gz", gzip.compress(b"x,y\n1,\n")),
        ("a.jsonl", b'{"x": 1, "y": ""}\n'),
    ],
)
def test_text_is_that_of_the_file(tmp_path: Path, name: str, content: bytes) -> None:
    (batch,) = text_batches(write(tmp_path / name, content), CsvDialect())
    assert batch.to_pydict() == {"x": ["1"], "y": [""]}


def test_text_of_parquet_is_typed(tmp_path: Path) -> None:
    pd.DataFrame({"x": [1]}).to_parquet(tmp_path / "a.parquet")
    (batch,) = text_batches(tmp_path / "a.parquet", CsvDialect())
    assert batch.to_pydict() == {"x": [1]}


CSV = '\nname,age\n"Ann\nMary",7\n\nBob,x\n'
JSON = '\n{"name": "Ann"}\n[1]\n\n{"name": "Bob"}\n'


@pytest.mark.parametrize(
    ("name", "content", "dialect", "header", "lines"),
    [
        ("a.csv", CSV.encode(), {}, 2, [3, 6]),
        ("a.csv.gz", gzip.compress(CSV.encode()), {}, 2, [3, 6]),
        ("a.csv", f'made\n"today\n{CSV}'.encode(), {"preamble": 2}, 4, [5, 8]),
        (
            "a.csv",
            CSV.replace(",", ";").encode("utf-16"),
            {"encoding": "utf-16"},
            2,
            [3, 6],
        ),
        ("a.csv", b"", {}, None, []),
        ("a.jsonl", JSON.encode(), {}, None, [2, 5]),
    ],
)
def test_rows_have_lines(
    tmp_path: Path,
    name: str,
    content: bytes,
    dialect: dict[str, Any],
    header: int | None,
    lines: list[int],
) -> None:
    path = write(tmp_path / name, content)
    assert header_line(path, CsvDialect(**dialect)) == header
    assert list(row_lines(path, CsvDialect(**dialect))) == lines


def test_rows_of_parquet_are_numbered(tmp_path: Path) -> None:
    pd.DataFrame({"x": [1, 2]}).to_parquet(tmp_path / "a.parquet")
    assert list(row_lines(tmp_path / "a.parquet", CsvDialect())) == [1, 2]
    assert header_line(tmp_path / "a.parquet", CsvDialect()) is None


@pytest.mark.parametrize("items", [[], [1], [1, 2, 3]])
def test_last_item_is_marked(items: list[int]) -> None:
    marked = list(mark_last(items))
    assert [item for item, _ in marked] == items
    assert [is_last for _, is_last in marked] == [i == items[-1] for i in items]
