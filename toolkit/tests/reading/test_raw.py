"""Tests of reproducible_ml.reading.raw."""

import gzip
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from reproducible_ml.contract.schema import Contract, CsvDialect, Data, load_contract
from reproducible_ml.core.errors import UserError
from reproducible_ml.reading.raw import (
    file_format,
    mark_last,
    raw_files,
    read_chunks,
    text_batches,
)


@pytest.fixture
def contract(project: Path) -> Contract:
    return load_contract(project / "schema.yaml", Data(target="bought", positive="yes"))


@pytest.fixture
def numbers() -> Contract:
    return Contract.model_validate({"columns": {"x": {"dtype": "float64"}}})


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_raw_files_of_a_file_is_that_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "x\n1\n")
    assert raw_files(path) == [path]


def test_raw_files_of_a_folder_are_sorted_at_any_depth(tmp_path: Path) -> None:
    (tmp_path / "2024").mkdir()
    paths = [tmp_path / name for name in ("2024/b.csv", "a.csv", "c.parquet")]
    for path in reversed(paths[:-1]):
        write(path, "x\n1\n")
    pd.DataFrame({"x": [1]}).to_parquet(paths[-1])
    write(tmp_path / "README.md", "about")
    assert raw_files(tmp_path) == paths


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"x,y\n1,2\n", "is plain text: rename it to table.csv if it is a table"),
        (b"SQLite format 3\0", "is an SQLite database: say SOURCE=sqlite:////"),
        (b"%PDF-1.7", "is a PDF document"),
    ],
)
def test_raw_files_tells_what_a_file_of_another_kind_is(
    tmp_path: Path, content: bytes, told: str
) -> None:
    (tmp_path / "table.dat").write_bytes(content)
    with pytest.raises(UserError, match=told):
        raw_files(tmp_path / "table.dat")


@pytest.mark.parametrize("name", ["absent.csv", "absent", "data.parquet.gz"])
def test_raw_files_says_how_to_get_what_is_missing(tmp_path: Path, name: str) -> None:
    write(tmp_path / "data.parquet.gz", "x\n1\n")
    with pytest.raises(UserError) as error:
        raw_files(tmp_path / name)
    assert f"{tmp_path / name}: holds no table: no .csv" in str(error.value)
    assert "dvc pull" in str(error.value)


@pytest.mark.parametrize("name", ["_SUCCESS", "_a.csv", ".a.csv", ".tmp/a.csv"])
def test_raw_files_pass_over_what_others_leave_behind(
    tmp_path: Path, name: str
) -> None:
    path = write(tmp_path / "a.csv", "x\n1\n")
    (tmp_path / name).parent.mkdir(exist_ok=True)
    write(tmp_path / name, "")
    assert raw_files(tmp_path) == [path]


def test_raw_files_tell_of_every_file_that_is_something_else(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", "")
    write(tmp_path / "b.csv", "x\n1\n")
    write(tmp_path / "c.parquet", "x\n1\n")
    with pytest.raises(UserError) as error:
        raw_files(tmp_path)
    one, two = str(error.value).splitlines()
    assert one.startswith(f"{tmp_path / 'a.csv'}: is empty")
    assert two.startswith(f"{tmp_path / 'c.parquet'}: is ")


@pytest.mark.parametrize("content", ["", "\n", "  \n\n"])
def test_raw_files_refuses_an_empty_file(tmp_path: Path, content: str) -> None:
    path = write(tmp_path / "a.csv", content)
    with pytest.raises(UserError, match=r"a\.csv: is empty"):
        raw_files(path)


@pytest.mark.parametrize(
    ("content", "fix"),
    [
        ("outs:\n- md5: 0a\n  size: 3\n  path: a.csv\n", "dvc pull"),
        ("md5: 0a\nfrozen: true\ndeps:\n- path: b.csv\nouts:\n- md5: 0a\n", "dvc pull"),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:0a\n", "git lfs pull"),
    ],
)
@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_raw_files_knows_a_pointer(
    tmp_path: Path, name: str, content: str, fix: str
) -> None:
    path = write(tmp_path / name, content)
    with pytest.raises(UserError) as error:
        raw_files(path)
    assert f"{path}: is a" in str(error.value)
    assert "pointer, not data" in str(error.value)
    assert fix in str(error.value)


@pytest.mark.parametrize("rows", [1, 7, 25, 60, 100])
def test_read_portions_cuts_a_file_into_equal_portions(
    project: Path, contract: Contract, rows: int
) -> None:
    portions = list(read_chunks([project / "people.csv"], contract, rows))
    sizes = [portion.rows.num_rows for portion in portions]
    assert sizes[:-1] == [rows] * (len(sizes) - 1)
    assert sum(sizes) == 60
    assert [p.first for p in portions] == [rows * i for i in range(len(portions))]


def test_read_portions_counts_the_rows_of_each_file_from_0(
    project: Path, contract: Contract
) -> None:
    files = [project / "people.csv"] * 2
    firsts = [portion.first for portion in read_chunks(files, contract, 40)]
    assert firsts == [0, 40, 0, 40]


def test_read_portions_gives_the_same_rows_of_csv_and_parquet(
    project: Path, people: pd.DataFrame, contract: Contract
) -> None:
    people.reset_index(drop=True).to_parquet(project / "people.parquet")
    files = [[project / "people.csv"], [project / "people.parquet"]]
    csv, parquet = (
        pa.concat_tables(p.rows for p in read_chunks(f, contract, 25)).to_pandas()
        for f in files
    )
    text = {"city": "str", "bought": "str"}
    pd.testing.assert_frame_equal(csv.astype(text), parquet.astype(text))


def test_read_portions_takes_columns_in_any_order(
    project: Path, people: pd.DataFrame, contract: Contract
) -> None:
    people[people.columns[::-1]].to_csv(project / "other.csv", index=False)
    (portion,) = read_chunks([project / "other.csv"], contract, 100)
    assert portion.rows.column_names == list(contract.columns)


@pytest.mark.parametrize("prefix", ["", "\ufeff"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_read_portions_copes_with_windows(
    tmp_path: Path, numbers: Contract, prefix: str, newline: str
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(f"{prefix}x{newline}1{newline}2".encode())
    (portion,) = read_chunks([path], numbers, 10)
    assert portion.rows["x"].to_pylist() == [1.0, 2.0]


def test_read_portions_reads_line_ends_in_quotes(
    project: Path, contract: Contract
) -> None:
    path = project / "people.csv"
    path.write_text(path.read_text().replace("person 1,", '"person\n1",'))
    rows = pa.concat_tables(p.rows for p in read_chunks([path], contract, 25))
    assert rows["name"].to_pylist().count("person\n1") == 3
    assert rows.num_rows == 60


@pytest.mark.parametrize("text", ["", "NA", "NaN", "null", '""'])
def test_read_portions_knows_spellings_of_no_value(
    project: Path, contract: Contract, text: str
) -> None:
    path = project / "people.csv"
    path.write_text(path.read_text().replace(",,", f",{text},"))
    rows = pa.concat_tables(p.rows for p in read_chunks([path], contract, 100))
    assert rows["income"].null_count == 15


@pytest.mark.parametrize("line", ["1,2", "forty"])
def test_read_portions_raises_on_a_row_that_does_not_fit(
    tmp_path: Path, numbers: Contract, line: str
) -> None:
    path = write(tmp_path / "a.csv", f"x\n1\n{line}\n")
    with pytest.raises(pa.ArrowInvalid):
        list(read_chunks([path], numbers, 10))


def test_read_portions_of_a_header_alone_are_none(
    tmp_path: Path, numbers: Contract
) -> None:
    path = write(tmp_path / "a.csv", "x\n")
    assert sum(p.rows.num_rows for p in read_chunks([path], numbers, 10)) == 0


def test_read_portions_says_which_is_the_last_of_a_file(
    project: Path, contract: Contract
) -> None:
    files = [project / "people.csv"] * 2
    last = [portion.is_last for portion in read_chunks(files, contract, 25)]
    assert last == [False, False, True] * 2


def test_read_portions_gives_the_same_rows_of_json_lines(
    project: Path, people: pd.DataFrame, contract: Contract
) -> None:
    people.to_json(
        project / "people.jsonl", orient="records", lines=True, date_format="iso"
    )
    csv, json = (
        pa.concat_tables(
            p.rows for p in read_chunks([project / name], contract, 25)
        ).to_pylist()
        for name in ("people.csv", "people.jsonl")
    )
    assert csv == json


@pytest.mark.parametrize("name", ["a.csv.gz", "a.jsonl.gz"])
def test_read_portions_tells_of_a_file_that_is_cut_off(
    tmp_path: Path, numbers: Contract, name: str
) -> None:
    lines = "x\n" + "1\n" * 1000 if name == "a.csv.gz" else '{"x": 1}\n' * 1000
    path = tmp_path / name
    path.write_bytes(gzip.compress(lines.encode())[:-20])
    with pytest.raises(UserError, match=rf"{name}: is damaged or cut off"):
        list(read_chunks([path], numbers, 10))


def test_read_portions_raises_on_bytes_of_another_encoding(tmp_path: Path) -> None:
    columns = {"x": {"dtype": "str"}}
    dialect = {"encoding": "cp1252"}
    contract = Contract.model_validate({"columns": columns, "metadata": dialect})
    path = tmp_path / "a.csv"
    path.write_bytes(b"x\n\x81\n")
    with pytest.raises(pa.ArrowInvalid):
        list(read_chunks([path], contract, 10))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b"x,y\n1,\n"),
        ("a.tsv", b"x,y\n1,\n"),
        ("a.csv.gz", gzip.compress(b"x,y\n1,\n")),
        ("a.jsonl", b'{"x": 1, "y": ""}\n'),
    ],
)
def test_text_batches_are_the_texts_of_the_file(
    tmp_path: Path, name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    (batch,) = text_batches(tmp_path / name, CsvDialect())
    assert batch.to_pydict() == {"x": ["1"], "y": [""]}


def test_text_batches_of_parquet_are_typed(tmp_path: Path) -> None:
    pd.DataFrame({"x": [1]}).to_parquet(tmp_path / "a.parquet")
    (batch,) = text_batches(tmp_path / "a.parquet", CsvDialect())
    assert batch.to_pydict() == {"x": [1]}


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
def test_form_is_told_by_the_name(name: str, expected: str | None) -> None:
    assert file_format(Path(name)) == expected


@pytest.mark.parametrize("items", [[], [1], [1, 2, 3]])
def test_with_last_says_which_item_is_the_last(items: list[int]) -> None:
    assert [item for item, _ in mark_last(items)] == items
    assert [last for _, last in mark_last(items)][-1:] == [True][: len(items)]
    assert not any(last for _, last in list(mark_last(items))[:-1])
