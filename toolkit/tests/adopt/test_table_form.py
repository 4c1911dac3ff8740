"""What is inferred from the files of a table alone."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from reproducible_ml.adopt.table_files import (
    ask_for_target,
    column_names,
    unknown_column,
)
from reproducible_ml.adopt.table_form import MissingValues, TableForm, read_table_form
from reproducible_ml.contract.findings import TableRejected
from reproducible_ml.contract.schema import Column, ColumnMetadata, Contract, CsvDialect
from reproducible_ml.core.errors import UserError
from reproducible_ml.profiling.inferred import Hints, InferredColumn
from reproducible_ml.reading.raw import raw_files


def read(
    raw: Path,
    missing: Sequence[str] = (),
    existing: Contract | None = None,
    hints: Hints | None = None,
) -> TableForm:
    files, report = raw_files(raw), raw.parent / "problems.csv"
    return read_table_form(files, hints or Hints(), missing, existing, report)


def column(found: TableForm, name: str) -> Column:
    return found.inferred[name].column


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Semicolons, decimal commas and two spellings of "no value"."""
    lines = [f"{n},5;{n % 7};{'abc'[n % 3]}" for n in range(40)]
    lines += ["odd;3;a", "1,5;none here; odd "]
    (tmp_path / "table.csv").write_text("\n".join(["x;n;city", *lines, ""]))
    return tmp_path / "table.csv"


def test_form_is_found(table: Path) -> None:
    found = read(table, ["odd", "none here"])
    assert found.dialect == CsvDialect(delimiter=";")
    assert column(found, "x").metadata.decimal == ","
    assert (found.wrong, found.warnings) == ([], [])


def test_lines_of_json_that_are_no_rows_are_told(tmp_path: Path) -> None:
    lines = ['{"a": 1, "b": {"c": 2}}', '{"a": 2, "b": {"c": 3}}', '{"a": 3']
    (tmp_path / "table.jsonl").write_text("\n".join(lines))
    with pytest.raises(TableRejected) as error:
        read(tmp_path / "table.jsonl")
    nested, cut_off = error.value.findings
    assert (nested.line, nested.column, nested.rows) == (1, "b", 2)
    assert nested.problem == "is an object, not a value"
    assert (cut_off.line, cut_off.kind) == (3, "json")


def test_column_asked_for_as_text_may_hold_a_mixture(tmp_path: Path) -> None:
    rows = [f"{n},{n} kg\n{n},{n} g" for n in range(40)]
    (tmp_path / "table.csv").write_text("\n".join(["x,size", *rows, ""]))
    (units,) = read(tmp_path / "table.csv").wrong
    assert units.kind == "units"
    assert read(tmp_path / "table.csv", hints=Hints(text=("size",))).wrong == []


def test_misfit_is_told_with_its_line(table: Path) -> None:
    (wrong,) = read(table, ["none here"]).wrong
    assert (wrong.line, wrong.column, wrong.value) == (42, "x", "odd")


def test_texts_that_mean_no_value_are_declared_where_they_occur(table: Path) -> None:
    found = read(table, ["odd", "none here", "nowhere"])
    assert column(found, "x").metadata.missing == ("odd",)
    assert column(found, "x").nullable
    assert column(found, "n").metadata.missing == ("none here",)
    assert column(found, "n").dtype == "Int64"


def test_blanks_around_a_missing_text_count_in_texts_alone(table: Path) -> None:
    found = read(table, ["odd", "none here"])
    assert column(found, "city").metadata.missing == (" odd ",)
    assert column(found, "city").isin == ("a", "b", "c")


def test_texts_that_the_contract_declares_missing_mean_no_value(table: Path) -> None:
    declared = {
        "x": Column(dtype="float64", metadata=ColumnMetadata(missing=("odd",))),
        "n": Column(dtype="Int64", metadata=ColumnMetadata(missing=("none here",))),
        "city": Column(dtype="str"),
    }
    existing = Contract(metadata=CsvDialect(delimiter=";"), columns=declared)
    found = read(table, existing=existing)
    assert found.wrong == []
    assert column(found, "x").metadata.missing == ("odd",)
    assert column(found, "city").metadata.missing == ()


def test_usual_spellings_need_not_be_declared(table: Path) -> None:
    table.write_text("x;y\n1;2\nNA;3\n")
    assert column(read(table, ["NA"]), "x").metadata.missing == ()


@pytest.mark.parametrize("texts", ["str", "category"])
def test_missing_texts_and_numbers_are_found_in_parquet(
    texts: Any, tmp_path: Path
) -> None:
    frame = pd.DataFrame(
        {
            "city": pd.Series([*"abc" * 20, "?!"], dtype=texts),
            "whole": [*range(60), -999],
            "real": [*(n / 2 for n in range(60)), -999.0],
        }
    )
    frame.to_parquet(tmp_path / "table.parquet")
    found = read(tmp_path / "table.parquet", ["?!", "-999"])
    assert column(found, "city").isin == ("a", "b", "c")
    for name in ("whole", "real"):
        assert column(found, name).metadata.missing == ("-999",)
        bounds = column(found, name).in_range
        assert bounds is not None
        assert bounds.min_value == 0


def test_dialect_of_the_contract_is_honoured(tmp_path: Path) -> None:
    lines = [f"{n};{n},5|x" for n in range(30)]
    (tmp_path / "t.csv").write_text("\n".join(["about", "a;b|c", *lines, ""]))
    columns = {"a;b": Column(dtype="str"), "c": Column(dtype="str")}
    dialect = CsvDialect(delimiter="|", preamble=1)
    existing = Contract(metadata=dialect, columns=columns)
    found = read(tmp_path / "t.csv", existing=existing)
    assert found.dialect == dialect
    assert list(found.inferred) == ["a;b", "c"]


@pytest.mark.parametrize(
    "dialect",
    [
        CsvDialect(delimiter=";"),
        CsvDialect(preamble=1),
        CsvDialect(encoding="utf-16"),
    ],
)
def test_dialect_of_the_contract_that_no_longer_suits_is_found_anew(
    dialect: CsvDialect, tmp_path: Path
) -> None:
    (tmp_path / "t.csv").write_text("a,b\n" + "1,ä\n2,ö\n" * 9)
    columns = {"a": Column(dtype="int64"), "b": Column(dtype="str")}
    existing = Contract(metadata=dialect, columns=columns)
    found = read(tmp_path / "t.csv", existing=existing)
    assert found.dialect == CsvDialect()
    assert list(found.inferred) == ["a", "b"]


def test_parts_that_are_written_otherwise_are_rejected(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "1.csv").write_text("a,b\n" + "1,2\n" * 9)
    (tmp_path / "parts" / "2.csv").write_text("a;b\n" + "1;2\n" * 9)
    with pytest.raises(TableRejected, match=r"2\.csv: differs in format from 1\.csv"):
        read(tmp_path / "parts")
    assert (tmp_path / "problems.csv").exists()


def test_part_of_one_row_is_no_problem(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "1.csv").write_text("a,b\n" + "1,x\n" * 9)
    (tmp_path / "parts" / "2.csv").write_text("a,b\n2,x\n")
    assert read(tmp_path / "parts").inferred["a"].rows == 10


def test_row_of_another_width_is_rejected_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n" + "1,2\n" * 9 + "3\n" + "1,2\n" * 9)
    with pytest.raises(TableRejected, match="line 11"):
        read(tmp_path / "t.csv")


def test_repeated_header_is_told_once(tmp_path: Path) -> None:
    rows = [f"{n},{n * 2},{n * 3}" for n in range(30)]
    lines = ["a,b,c", *rows, "a,b,c", *rows]
    (tmp_path / "t.csv").write_text("\n".join([*lines, ""]))
    (wrong,) = read(tmp_path / "t.csv").wrong
    assert (wrong.kind, wrong.line) == ("repeated header", 32)


def test_what_only_people_know_is_asked(tmp_path: Path) -> None:
    rows = [f"0{n % 9 + 1}/0{n % 8 + 1}/2024" for n in range(40)]
    (tmp_path / "t.csv").write_text("\n".join(["day", *rows, ""]))
    (asked,) = read(tmp_path / "t.csv").wrong
    assert "--dates day-first" in str(asked)
    hinted = read(tmp_path / "t.csv", hints=Hints(day_first=True))
    assert hinted.wrong == []
    assert column(hinted, "day").metadata.format == "%d/%m/%Y"


def test_damaged_file_is_an_error_of_the_user(tmp_path: Path) -> None:
    (tmp_path / "t.parquet").write_bytes(b"PAR1 nothing PAR1")
    with pytest.raises(UserError, match=r"t\.parquet"):
        read(tmp_path / "t.parquet")


BATCH = pa.record_batch(
    {
        "text": ["a", " - ", None, "none"],
        "coded": pa.array(["a", "-", None, "none"]).dictionary_encode(),
        "whole": pa.array([1, -9, None, 3]),
        "real": pa.array([1.5, -9.0, None, 3.0]),
    }
)


def reader_with(missing: Sequence[str], **declared: Sequence[str]) -> MissingValues:
    def read(_: Path) -> Iterator[pa.RecordBatch]:
        yield BATCH

    return MissingValues(missing, declared, read)


def values(reader: MissingValues) -> dict[str, list[Any]]:
    (batch,) = reader(Path("table.parquet"))
    found: dict[str, list[Any]] = batch.to_pydict()
    return found


def missing(reader: MissingValues, name: str, column: Column) -> tuple[str, ...]:
    """Return the texts that are declared after the table was read."""
    values(reader)
    return reader.declare(name, InferredColumn(column, "", "")).column.metadata.missing


def test_texts_and_numbers_become_no_value_in_every_column() -> None:
    assert values(reader_with(["-", "-9"])) == {
        "text": ["a", None, None, "none"],
        "coded": ["a", None, None, "none"],
        "whole": [1, None, None, 3],
        "real": [1.5, None, None, 3.0],
    }


def test_texts_become_no_value_in_the_columns_that_declare_them() -> None:
    found = values(reader_with([], text=["none"], real=["-9"]))
    assert found["text"] == ["a", " - ", None, None]
    assert found["real"] == [1.5, None, None, 3.0]
    assert found["coded"] == ["a", "-", None, "none"]
    assert found["whole"] == [1, -9, None, 3]


def test_nothing_asked_changes_nothing() -> None:
    assert values(reader_with([])) == BATCH.to_pydict()


@pytest.mark.parametrize(
    ("name", "dtype", "spelled"),
    [("text", "str", (" - ",)), ("text", "float64", ("-",)), ("whole", "Int64", ())],
)
def test_texts_are_declared_as_the_column_reads_them(
    name: str, dtype: Any, spelled: tuple[str, ...]
) -> None:
    assert missing(reader_with(["-"]), name, Column(dtype=dtype)) == spelled


def test_texts_that_were_found_by_others_stay_declared() -> None:
    column = Column(dtype="str", metadata=ColumnMetadata(missing=("?",)))
    assert missing(reader_with(["none", "NA"]), "text", column) == ("?", "none")


NAMES = ["visit", "day, arrived", "age"]
TABLE = pd.DataFrame([[1, "2026-01-31", 70], [2, "2026-02-01", 71]], columns=NAMES)


@pytest.fixture
def report(tmp_path: Path) -> Path:
    return tmp_path / "problems.csv"


def test_columns_to_predict_are_told(tmp_path: Path, report: Path) -> None:
    file = tmp_path / "visits.csv"
    TABLE.to_csv(file, index=False)
    assert ask_for_target(file, report) == (
        f"{file}: name the column to predict: --target COLUMN."
        ' It has "visit", "day, arrived", "age".'
    )


def test_columns_are_those_below_a_preamble_in_any_dialect(
    tmp_path: Path, report: Path
) -> None:
    file = tmp_path / "visits.csv"
    text = "Visits of May\n\n" + TABLE.to_csv(index=False, sep=";")
    file.write_text(text, "utf-16")
    assert column_names([file], report) == NAMES


def test_columns_are_those_of_the_first_part(tmp_path: Path, report: Path) -> None:
    for part in "ab":
        TABLE.to_csv(tmp_path / f"{part}.csv", index=False)
    assert "visit" in ask_for_target(tmp_path, report)


def test_columns_of_other_forms_are_read(tmp_path: Path, report: Path) -> None:
    lines, parquet = tmp_path / "visits.jsonl", tmp_path / "visits.parquet"
    TABLE.to_json(lines, orient="records", lines=True)
    TABLE.to_parquet(parquet)
    assert column_names([lines], report) == NAMES
    assert column_names([parquet], report) == NAMES


def test_numbers_of_json_have_a_decimal_point_whatever_texts_have(
    tmp_path: Path,
) -> None:
    file = tmp_path / "prices.jsonl"
    rows = [{"price": f"1.{n},5", "weight": n + 0.125} for n in range(100, 400)]
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    found = read(file)
    assert column(found, "price").metadata.decimal == ","
    assert column(found, "weight").metadata.decimal == "."
    assert column(found, "weight").dtype == "float64"
    assert found.wrong == []


def test_broken_table_is_told_instead_of_its_columns(
    tmp_path: Path, report: Path
) -> None:
    lines, doubled = tmp_path / "visits.jsonl", tmp_path / "visits.csv"
    lines.write_text('{"a": 1}\n{"a": 2\n{"a": 3}\n')
    doubled.write_text("a,a\n1,2\n3,4\n")
    with pytest.raises(UserError, match=r"visits\.jsonl line 2: is not JSON"):
        column_names([lines], report)
    with pytest.raises(UserError, match="is the name of column 1"):
        column_names([doubled], report)
    assert report.exists()


def test_of_very_many_columns_the_first_are_told(tmp_path: Path, report: Path) -> None:
    file = tmp_path / "wide.csv"
    names = [f"x{number}" for number in range(70)]
    pd.DataFrame([range(70)] * 2, columns=names).to_csv(file, index=False)
    assert ask_for_target(file, report).endswith('"x59", ….')
    assert unknown_column(file, "y", names).endswith('"x19", ….')


def test_unknown_column_names_a_close_one() -> None:
    said = unknown_column(Path("visits.csv"), "visits", NAMES)
    assert said.startswith('visits.csv: has no column "visits". Did you mean "visit"?')


def test_column_with_blanks_around_its_name_is_to_be_renamed() -> None:
    assert unknown_column(Path("visits.csv"), "age", ["visit", " age"]) == (
        'visits.csv: has no column "age". If you mean " age", remove the spaces in its'
        ' name. It has "visit", " age".'
    )
