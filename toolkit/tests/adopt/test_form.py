"""Tests of reproducible_ml.adopt.table_form."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from reproducible_ml.adopt.table_form import Read, read_table_form
from reproducible_ml.contract.findings import TableRejected
from reproducible_ml.contract.schema import Column, ColumnMetadata, Contract, CsvDialect
from reproducible_ml.core.errors import UserError
from reproducible_ml.profiling.inferred import Hints
from reproducible_ml.reading.raw import raw_files


def read(
    raw: Path,
    missing: Sequence[str] = (),
    existing: Contract | None = None,
    hints: Hints | None = None,
) -> Read:
    files, report = raw_files(raw), raw.parent / "problems.csv"
    return read_table_form(files, hints or Hints(), missing, existing, report)


def column(found: Read, name: str) -> Column:
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
    assert (cut_off.line, cut_off.fix) == (3, "Export it again: it looks cut off.")


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
    with pytest.raises(
        TableRejected, match=r"2\.csv: is written otherwise than 1\.csv"
    ):
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
    assert "DATES=day-first" in str(asked)
    told = read(tmp_path / "t.csv", hints=Hints(day_first=True))
    assert told.wrong == []
    assert column(told, "day").metadata.format == "%d/%m/%Y"


def test_damaged_file_is_an_error_of_the_user(tmp_path: Path) -> None:
    (tmp_path / "t.parquet").write_bytes(b"PAR1 nothing PAR1")
    with pytest.raises(UserError, match=r"t\.parquet"):
        read(tmp_path / "t.parquet")
