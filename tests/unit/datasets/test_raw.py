"""Tests of reproducible_ml.datasets.raw."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from reproducible_ml.datasets.raw import (
    arrow_types,
    check_names,
    missing_texts,
    raw_files,
    read_portions,
)
from reproducible_ml.datasets.schema import Contract, load_contract
from reproducible_ml.errors import UserError
from reproducible_ml.params import Data


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
    for path in reversed(paths):
        write(path, "x\n1\n")
    write(tmp_path / "README.md", "about")
    assert raw_files(tmp_path) == paths


@pytest.mark.parametrize("name", ["absent.csv", "absent", "about.txt"])
def test_raw_files_says_how_to_get_what_is_missing(tmp_path: Path, name: str) -> None:
    write(tmp_path / "about.txt", "x\n1\n")
    with pytest.raises(UserError) as error:
        raw_files(tmp_path / name)
    assert f"{tmp_path / name}: holds no .csv or .parquet file" in str(error.value)
    assert "dvc pull" in str(error.value)


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
    portions = list(read_portions([project / "people.csv"], contract, rows))
    sizes = [portion.rows.num_rows for portion in portions]
    assert sizes[:-1] == [rows] * (len(sizes) - 1)
    assert sum(sizes) == 60
    assert [p.first for p in portions] == [rows * i for i in range(len(portions))]


def test_read_portions_counts_the_rows_of_each_file_from_0(
    project: Path, contract: Contract
) -> None:
    files = [project / "people.csv"] * 2
    firsts = [portion.first for portion in read_portions(files, contract, 40)]
    assert firsts == [0, 40, 0, 40]


def test_read_portions_gives_the_same_rows_of_csv_and_parquet(
    project: Path, people: pd.DataFrame, contract: Contract
) -> None:
    people.reset_index(drop=True).to_parquet(project / "people.parquet")
    files = [[project / "people.csv"], [project / "people.parquet"]]
    csv, parquet = (
        pa.concat_tables(p.rows for p in read_portions(f, contract, 25)).to_pandas()
        for f in files
    )
    text = {"city": "str", "bought": "str"}
    pd.testing.assert_frame_equal(csv.astype(text), parquet.astype(text))


def test_read_portions_takes_columns_in_any_order(
    project: Path, people: pd.DataFrame, contract: Contract
) -> None:
    people[people.columns[::-1]].to_csv(project / "other.csv", index=False)
    (portion,) = read_portions([project / "other.csv"], contract, 100)
    assert portion.rows.column_names == list(contract.columns)


@pytest.mark.parametrize("prefix", ["", "\ufeff"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_read_portions_copes_with_windows(
    tmp_path: Path, numbers: Contract, prefix: str, newline: str
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(f"{prefix}x{newline}1{newline}2".encode())
    (portion,) = read_portions([path], numbers, 10)
    assert portion.rows["x"].to_pylist() == [1.0, 2.0]


def test_read_portions_reads_line_ends_in_quotes(
    project: Path, contract: Contract
) -> None:
    path = project / "people.csv"
    path.write_text(path.read_text().replace("person 1,", '"person\n1",'))
    rows = pa.concat_tables(p.rows for p in read_portions([path], contract, 25))
    assert rows["name"].to_pylist().count("person\n1") == 3
    assert rows.num_rows == 60


@pytest.mark.parametrize("text", ["", "NA", "NaN", "null", '""'])
def test_read_portions_knows_spellings_of_no_value(
    project: Path, contract: Contract, text: str
) -> None:
    path = project / "people.csv"
    path.write_text(path.read_text().replace(",,", f",{text},"))
    rows = pa.concat_tables(p.rows for p in read_portions([path], contract, 100))
    assert rows["income"].null_count == 15


@pytest.mark.parametrize("line", ["1,2", "forty", '"'])
def test_read_portions_raises_on_a_row_that_does_not_fit(
    tmp_path: Path, numbers: Contract, line: str
) -> None:
    path = write(tmp_path / "a.csv", f"x\n1\n{line}\n")
    with pytest.raises(pa.ArrowInvalid):
        list(read_portions([path], numbers, 10))


def test_read_portions_of_a_header_alone_are_none(
    tmp_path: Path, numbers: Contract
) -> None:
    path = write(tmp_path / "a.csv", "x\n")
    assert sum(p.rows.num_rows for p in read_portions([path], numbers, 10)) == 0


def test_missing_texts_leave_out_what_is_a_category() -> None:
    column = {"dtype": "category", "isin": ["NA", "EU"]}
    contract = Contract.model_validate({"columns": {"region": column}})
    assert "NA" not in missing_texts(contract)
    assert "" in missing_texts(contract)


def test_arrow_types_read_categories_as_what_they_are() -> None:
    columns = {
        "text": {"dtype": "category", "isin": ["a", "b"]},
        "number": {"dtype": "category", "isin": [1, 2]},
    }
    types = arrow_types(Contract.model_validate({"columns": columns}))
    assert types["text"].value_type == pa.string()
    assert types["number"] == pa.int64()


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        ([], 'lacks the column "x"'),
        (["x", "y"], 'has an unknown column "y"'),
        (["x", "x"], 'has the column "x" twice'),
        (["X", "x"], 'has an unknown column "X"'),
    ],
)
def test_check_names_says_what_is_wrong_with_the_header(
    numbers: Contract, names: list[str], problem: str
) -> None:
    with pytest.raises(UserError) as error:
        check_names(Path("a.csv"), names, numbers)
    assert str(error.value).startswith(f"a.csv line 1: {problem}. Fix")


def test_check_names_tells_every_problem(numbers: Contract) -> None:
    with pytest.raises(UserError) as error:
        check_names(Path("a.csv"), ["y", "y"], numbers)
    lines = str(error.value).splitlines()
    assert len(lines) == len(set(lines)) == 3
