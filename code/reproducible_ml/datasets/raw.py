"""Read the raw files, whatever their size, in portions cast to the contract."""

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from reproducible_ml.datasets.schema import Contract
from reproducible_ml.errors import UserError

SUFFIXES = (".csv", ".parquet")

# Spellings of "no value" in CSV, unless the contract declares one as a category.
MISSING = ("", "NA", "N/A", "NaN", "nan", "NULL", "null", "None")

ARROW = {
    "float64": pa.float64(),
    "int64": pa.int64(),
    "Int64": pa.int64(),
    "bool": pa.bool_(),
    "boolean": pa.bool_(),
    "str": pa.string(),
    "datetime64[ns]": pa.timestamp("ns"),
}

POINTERS = {
    b"version https://git-lfs": "a Git LFS pointer, not data: run `git lfs pull`",
    b"outs:\n": "a DVC pointer, not data: run `dvc pull`",
    b"md5: ": "a DVC pointer, not data: run `dvc pull`",
}


class Portion(NamedTuple):
    """Some rows of one raw file; `first` is the place of the first, from 0."""

    file: Path
    first: int
    rows: pa.Table


def raw_files(raw: Path) -> list[Path]:
    """Return the files that make up the raw table: one, or a folder's, sorted by name.

    Raises:
        UserError: No file, an empty one, or a pointer to data that is not here.
    """
    inside = [raw] if raw.is_file() else sorted(raw.glob("**/*"))
    found = [file for file in inside if file.suffix in SUFFIXES]
    if not found:
        raise UserError(
            f"{raw}: holds no {' or '.join(SUFFIXES)} file."
            " Run `dvc pull` or `dvc repro`, or put the table there."
        )
    for file in found:
        with file.open("rb") as opened:
            head = opened.read(64)
        if not head.strip():
            raise UserError(f"{file}: is empty. Export it again.")
        for magic, what in POINTERS.items():
            if head.startswith(magic):
                raise UserError(f"{file}: is {what}")
    return found


def read_portions(
    files: Iterable[Path], contract: Contract, rows: int
) -> Iterator[Portion]:
    """Yield tables of `rows` rows (fewer at the end of a file), cast to the contract.

    Raises:
        UserError: A file lacks columns of the contract, or has others.
        pyarrow.ArrowInvalid: A value, or the number of values in a row, does not fit.
    """
    for file in files:
        first = 0
        read = _read_csv if file.suffix == ".csv" else _read_parquet
        for table in _portion(read(file, contract), rows):
            yield Portion(file, first, table)
            first += table.num_rows


def _read_csv(file: Path, contract: Contract) -> Iterator[pa.RecordBatch]:
    names, has_rows = _head(file)
    check_names(file, names, contract)
    # A header without a line end is "empty" to Arrow.
    if has_rows:
        yield from csv_batches(file, contract, arrow_types(contract))


def csv_batches(
    file: Path, contract: Contract, types: dict[str, pa.DataType]
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a CSV file in blocks, the contract's columns as these types."""
    options = pyarrow.csv.ConvertOptions(
        column_types=types,
        include_columns=list(contract.columns),
        null_values=missing_texts(contract),
        strings_can_be_null=True,
    )
    parse = pyarrow.csv.ParseOptions(newlines_in_values=True)
    with pyarrow.csv.open_csv(
        file, parse_options=parse, convert_options=options
    ) as batches:
        yield from batches


def _read_parquet(file: Path, contract: Contract) -> Iterator[pa.RecordBatch]:
    source = pyarrow.parquet.ParquetFile(file)
    check_names(file, source.schema_arrow.names, contract)
    schema = pa.schema(list(arrow_types(contract).items()))
    for batch in source.iter_batches(columns=schema.names):
        yield _cast(batch.select(schema.names), schema)


def _cast(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    try:
        return batch.cast(schema)
    except pa.ArrowNotImplementedError as error:
        raise pa.ArrowInvalid(str(error)) from error


def arrow_types(contract: Contract) -> dict[str, pa.DataType]:
    """Return the type in which each column is read."""
    return {
        name: _value_type(column.isin)
        if column.dtype == "category"
        else ARROW[column.dtype]
        for name, column in contract.columns.items()
    }


def missing_texts(contract: Contract) -> list[str]:
    """Return the spellings of "no value", without those that are a category."""
    categories = {v for c in contract.columns.values() for v in c.isin or ()}
    return [text for text in MISSING if text not in categories]


def _value_type(categories: tuple[object, ...] | None) -> pa.DataType:
    """Text categories come as codes and dictionary; the others are few and plain."""
    kind = pa.infer_type(list(categories or ()))
    return pa.dictionary(pa.int32(), kind) if kind == pa.string() else kind


def _head(file: Path) -> tuple[list[str], bool]:
    """Return the column names of a CSV file, and whether any row follows."""
    with file.open(encoding="utf-8-sig", newline="") as opened:
        rows = csv.reader(opened)
        try:
            return next(rows), next(rows, None) is not None
        except UnicodeDecodeError as error:
            raise UserError(f"{file}: is not UTF-8. Export it as UTF-8.") from error


def check_names(file: Path, names: list[str], contract: Contract) -> None:
    """Raise UserError with a line per column that is missing, unknown or doubled."""
    problems = [f'lacks the column "{n}"' for n in contract.columns if n not in names]
    problems += [
        f'has an unknown column "{n}"'
        for n in dict.fromkeys(names)
        if n not in contract.columns
    ]
    problems += [
        f'has the column "{n}" twice'
        for n in dict.fromkeys(names)
        if names.count(n) > 1
    ]
    if problems:
        fix = "Fix the export, or declare the columns in data/schema.yaml."
        raise UserError("\n".join(f"{file} line 1: {p}. {fix}" for p in problems))


def _portion(batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.Table]:
    """Cut and join batches so that each holds `rows` rows."""
    pending: list[pa.RecordBatch] = []
    for batch in batches:
        while batch.num_rows:
            piece = batch.slice(0, rows - sum(p.num_rows for p in pending))
            batch = batch.slice(piece.num_rows)
            pending.append(piece)
            if sum(p.num_rows for p in pending) == rows:
                yield pa.Table.from_batches(pending)
                pending = []
    if pending:
        yield pa.Table.from_batches(pending)
