"""What is odd about the files of a table is named, with the way out."""

from pathlib import Path

import pandas as pd
import pytest

from reproducible_ml.adopt.dialect import NOT_GIVEN, Given, detect_dialect
from reproducible_ml.adopt.table_files import (
    check_lines,
    column_names,
    read_dialect,
    reject_few_rows,
    unknown_column,
)
from reproducible_ml.contract.findings import TableRejected
from reproducible_ml.contract.schema import Column, Contract, CsvDialect, Data
from reproducible_ml.core.params import Compute
from reproducible_ml.core.parts import read_table
from reproducible_ml.quality.validation import validate_table
from reproducible_ml.reading.raw import raw_files

ROWS = [(n, "abc"[n % 3], ["no", "yes"][n % 2]) for n in range(40)]


def text(delimiter: str, header: str = "x,k,y") -> str:
    lines = [header.replace(",", delimiter)]
    lines += [delimiter.join(map(str, row)) for row in ROWS]
    return "\n".join([*lines, ""])


def dialect(raw: Path, given: Given = NOT_GIVEN) -> CsvDialect:
    report = raw.parent / "problems.csv"
    return read_dialect(raw_files(raw), None, report, given, raw)[0]


def refusal(folder: Path, content: str | bytes, given: Given = NOT_GIVEN) -> str:
    path = folder / "t.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(TableRejected) as error:
        dialect(path, given)
    return str(error.value).replace(f"{folder}/", "")


@pytest.mark.parametrize("delimiter", ["^", "::", "~", "||", "~|~", "¦", ":", "_"])
def test_delimiter_that_is_not_usual_is_named_and_may_be_given(
    tmp_path: Path, delimiter: str
) -> None:
    message = refusal(tmp_path, text(delimiter))
    assert f'looks like 3 names divided by "{delimiter}"' in message
    assert f'Add the option --delimiter "{delimiter}"' in message
    given = Given(delimiter=delimiter)
    assert dialect(tmp_path / "t.csv", given) == CsvDialect(delimiter=delimiter)


def test_blanks_and_fixed_widths_are_named(tmp_path: Path) -> None:
    assert '--delimiter " "' in refusal(tmp_path, text("  "))
    frame = pd.DataFrame(ROWS, columns=["x", "k", "y"])
    towns = frame.assign(k=["New York", "Los Angeles"] * 20)
    assert "read_fwf" in refusal(tmp_path, towns.to_string(index=False))


def test_delimiter_that_does_not_occur_is_named(tmp_path: Path) -> None:
    message = refusal(tmp_path, text(","), Given(delimiter=";"))
    assert '"x,k,y" is not divided by ";"' in message


def test_encoding_is_an_option_before_there_is_a_contract(tmp_path: Path) -> None:
    content = text(",").replace("a", "Казань").encode("cp1251")
    message = refusal(tmp_path, content)
    assert 'add the option --encoding NAME; it may be cp1251 ("Казань")' in message
    assert "schema.yaml" not in message
    assert dialect(tmp_path / "t.csv", Given("cp1251")).encoding == "cp1251"


@pytest.mark.parametrize("each", [1, 4, 40])
def test_rows_that_are_quoted_as_a_whole_are_named(tmp_path: Path, each: int) -> None:
    rows = [f"{x},{k},{y}" for x, k, y in ROWS]
    rows[::each] = [f'"{x},""{k}"",{y}"' for x, k, y in ROWS[::each]]
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["x,k,y", *rows, ""]))
    _, found, _ = detect_dialect(path)
    (first, *_) = found or check_lines(path, CsvDialect())
    assert str(first).startswith(f"{path} line 2: the whole row is one quoted value")


@pytest.mark.parametrize("header", [",g,g\n,x,y\n", "A,g,g\nB,x,y\n"])
def test_two_headers_are_named(tmp_path: Path, header: str) -> None:
    rows = "".join(f"{n},{n * 2},{n * 3}\n" for n in range(40))
    assert "and the next line both hold names" in refusal(tmp_path, header + rows)


@pytest.mark.parametrize(
    "numbers",
    [
        range(40),
        range(1, 41),
        [*range(20), *range(20)],
        [(n * 7) % 97 for n in range(40)],
    ],
)
def test_index_of_pandas_is_left_out(tmp_path: Path, numbers: list[int]) -> None:
    path = tmp_path / "t.csv"
    frame = pd.DataFrame(ROWS, columns=["x", "k", "y"], index=list(numbers))
    frame.to_csv(path)
    found, (warning,) = read_dialect([path], None, tmp_path / "problems.csv")
    assert found == CsvDialect(index=True)
    assert "it is left out" in str(warning)


def test_few_rows_are_rejected_before_all_else(tmp_path: Path) -> None:
    path, report = tmp_path / "t.csv", tmp_path / "problems.csv"
    path.write_text("age,y\n26,no\n54,yes\n")
    with pytest.raises(TableRejected, match="has only 2 rows, too few to train on"):
        reject_few_rows(path, [path], CsvDialect(), report)
    empty = tmp_path / "t.parquet"
    pd.DataFrame({"age": [1], "y": ["a"]})[:0].to_parquet(empty)
    with pytest.raises(TableRejected, match="has columns but no rows"):
        reject_few_rows(empty, [empty], CsvDialect(), report)


def test_names_are_unique_in_parquet_as_well(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table([[1, 2], [3, 4]], names=["age", "age"])
    pq.write_table(table, tmp_path / "t.parquet")
    with pytest.raises(TableRejected, match="names column 2, but is the name of"):
        dialect(tmp_path / "t.parquet")


def test_name_in_another_case_is_suggested() -> None:
    message = unknown_column(Path("t.csv"), "AGE", ["age", "y"])
    assert 'Did you mean "age"?' in message


COMPUTE = Compute(backend="sequential", n_jobs=1)
DATA = Data(target="y", positive="yes")
CONTRACT = Contract(
    columns={
        "year": Column(dtype="int64"),
        "x": Column(dtype="int64"),
        "y": Column(dtype="category", isin=("no", "yes")),
    },
    metadata=CsvDialect(partitions=("year",)),
)


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".jsonl", ".CSV"])
def test_names_of_folders_are_columns(tmp_path: Path, suffix: str) -> None:
    raw, report = tmp_path / "raw", tmp_path / "problems.csv"
    for year in (2025, 2026):
        (raw / f"year={year}").mkdir(parents=True)
        file = raw / f"year={year}" / f"part{suffix}"
        frame = pd.DataFrame(ROWS, columns=["x", "k", "y"]).drop(columns="k")
        if suffix == ".parquet":
            frame.to_parquet(file)
        elif suffix == ".jsonl":
            frame.to_json(file, orient="records", lines=True)
        else:
            frame.to_csv(file, index=False)
    assert column_names(raw_files(raw), report, raw=raw) == ["x", "y", "year"]
    assert dialect(raw).partitions == ("year",)
    (tmp_path / "table").mkdir()
    validate_table(raw_files(raw), CONTRACT, DATA, COMPUTE, tmp_path / "table", report)
    table = read_table(tmp_path / "table")
    assert table["year"].value_counts().to_dict() == {2025: 40, 2026: 40}


def test_folders_that_are_not_declared_are_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = Path("raw/year=2025/month=1/part.csv")
    file.parent.mkdir(parents=True)
    file.write_text("x,y\n1,no\n")
    with pytest.raises(TableRejected, match="in a folder month="):
        validate_table([file], CONTRACT, DATA, COMPUTE, tmp_path, Path("problems.csv"))
