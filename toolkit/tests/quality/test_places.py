"""Tests of reproducible_ml.reading.places."""

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

from reproducible_ml.contract.findings import Finding
from reproducible_ml.contract.schema import CsvDialect
from reproducible_ml.profiling.inferred import HEADER, Found
from reproducible_ml.reading.raw import with_lines

CSV = 'name,age\n"Ann\nMary",7\n\nBob,x\nEve,y\n'


def found(file: Path, record: int | None) -> Found:
    return Found("reject", Finding("number", file, "is odd", "Fix it."), record)


def lines(*founds: Found, dialect: CsvDialect | None = None) -> list[int | None]:
    return [finding.line for finding in with_lines(founds, dialect or CsvDialect())]


def test_line_is_that_of_the_file_after_quoted_newlines_and_blank_lines(
    tmp_path: Path,
) -> None:
    file = tmp_path / "people.csv"
    file.write_text(CSV)
    assert lines(found(file, 2), found(file, 0), found(file, 1)) == [6, 2, 5]


def test_lines_of_a_compressed_file_are_those_of_its_text(tmp_path: Path) -> None:
    file = tmp_path / "people.csv.gz"
    file.write_bytes(gzip.compress(CSV.encode()))
    assert lines(found(file, 1)) == [5]


def test_preamble_and_delimiter_of_the_dialect_are_respected(tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text("Report of May\nby Ann, Bob\nname;age\nAnn;7\nBob;x\n")
    dialect = CsvDialect(delimiter=";", preamble=2)
    assert lines(found(file, 1), dialect=dialect) == [5]


def test_header_has_a_line_in_csv_alone(tmp_path: Path) -> None:
    csv, parquet = tmp_path / "a.csv", tmp_path / "b.parquet"
    csv.write_text("Report\n\n" + CSV)
    pa.parquet.write_table(pa.table({"age": [7, 8]}), parquet)
    founds = [found(csv, HEADER), found(parquet, HEADER), found(parquet, 1)]
    assert lines(*founds, dialect=CsvDialect(preamble=1)) == [3, None, 2]


def test_line_of_json_counts_blank_lines(tmp_path: Path) -> None:
    file = tmp_path / "people.jsonl"
    file.write_text('{"age": 7}\n\n{"age": "x"}\n')
    assert lines(found(file, 1)) == [3]


def test_parquet_has_rows_from_1(tmp_path: Path) -> None:
    file = tmp_path / "people.parquet"
    pa.parquet.write_table(pa.table({"age": [7, 8]}), file)
    assert lines(found(file, 1)) == [2]


def test_each_file_has_its_own_lines(tmp_path: Path) -> None:
    plain, quoted = tmp_path / "a.csv", tmp_path / "b.csv"
    plain.write_text("name,age\nAnn,7\nBob,8\n")
    quoted.write_text(CSV)
    assert lines(found(plain, 1), found(quoted, 1)) == [3, 5]


def test_finding_about_no_row_stays_as_it_is(tmp_path: Path) -> None:
    whole = found(tmp_path / "nowhere.csv", None)
    assert with_lines([whole], CsvDialect()) == [whole.finding]
