"""Find the files of the raw table and the columns in their folders, and read them."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar
from urllib.parse import unquote

import pyarrow as pa

from reproducible_ml.contract.schema import Contract, CsvDialect
from reproducible_ml.core.errors import UserError
from reproducible_ml.reading.csv_files import NumberedRows, csv_texts, read_csv
from reproducible_ml.reading.file_type import (
    COMPRESSED,
    compression,
    reject_unknown_name,
    reject_wrong_type,
)
from reproducible_ml.reading.json_lines import (
    json_texts,
    read_json_lines,
    valid_objects,
)
from reproducible_ml.reading.parquet_files import parquet_batches, read_parquet
from reproducible_ml.reading.values import convert

Item = TypeVar("Item")

FileFormat = Literal["csv", "json", "parquet"]

FORMATS: dict[str, FileFormat] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".jsonl": "json",
    ".ndjson": "json",
    ".json": "json",
    ".parquet": "parquet",
}

# What Hive and its successors write for a missing value.
MISSING = "__HIVE_DEFAULT_PARTITION__"


class Chunk(NamedTuple):
    """Some rows of one file; `first` is the position of the first one, from 0."""

    file: Path
    first: int
    is_last: bool
    rows: pa.Table


def file_format(file: Path) -> FileFormat | None:
    """Return the format of a file by its name, None if it is not a table."""
    name = Path(file.stem) if compression(file) else file
    found = FORMATS.get(name.suffix.lower())
    return None if found == "parquet" and name != file else found


def raw_files(raw: Path) -> list[Path]:
    """Return the files of the raw table: a single one, or those in a folder, sorted.

    Names that begin with "." or "_" are skipped, as Spark and others do.

    Raises:
        UserError: There is no file, or one whose content is not what its name says.
    """
    inside = [raw] if raw.is_file() else sorted(raw.glob("**/*"))
    found = [file for file in inside if file_format(file) and not _is_hidden(file, raw)]
    if not found and raw.is_file() and compression(raw) is None:
        # It may be a spreadsheet or a database.
        reject_unknown_name(raw)
    if not found:
        raise UserError(
            f"{raw}: contains no table, which is a {', '.join(FORMATS)} file (all but"
            f" Parquet also as {' or '.join(COMPRESSED)}). Fix: run `dvc pull` or `dvc"
            " repro`, or put the table there."
        )
    problems = [problem for file in found for problem in _wrong_type(file)]
    if problems:
        raise UserError("\n".join(problems))
    return found


def _is_hidden(file: Path, raw: Path) -> bool:
    inside = file.relative_to(raw).parts
    return any(part.startswith((".", "_")) for part in inside)


def _wrong_type(file: Path) -> Iterator[str]:
    try:
        reject_wrong_type(file)
    except UserError as error:
        yield str(error)


def read_chunks(
    files: Iterable[Path], contract: Contract, rows: int
) -> Iterator[Chunk]:
    """Yield chunks of `rows` rows, fewer at the end of a file, as in the contract.

    Raises:
        UserError: A file is damaged.
        pyarrow.ArrowInvalid: A file, a row or a value does not fit the contract.
    """
    for file in files:
        first = 0
        batches = _undamaged(_read(file, contract), file)
        for table, is_last in mark_last(cut(batches, rows)):
            yield Chunk(file, first, is_last, table)
            first += table.num_rows


def _read(file: Path, contract: Contract) -> Iterator[pa.RecordBatch]:
    read = {"csv": read_csv, "json": read_json_lines, "parquet": read_parquet}
    own = without_folder_columns(file, contract)
    batches = read[file_format(file) or "csv"](file, own)
    return batches if own is contract else _with_folders(batches, file, contract)


def _with_folders(
    batches: Iterator[pa.RecordBatch], file: Path, contract: Contract
) -> Iterator[pa.RecordBatch]:
    """Yield batches with the columns of folders, in the contract's types and order."""
    folders = folder_values(file, contract.metadata)
    for batch in batches:
        columns = {
            name: convert(folder_array(folders[name], batch.num_rows), column)
            if name in folders
            else batch[name]
            for name, column in contract.columns.items()
        }
        yield pa.RecordBatch.from_pydict(columns)


def text_batches(
    file: Path,
    dialect: CsvDialect,
    columns: Collection[str] | None = None,
    commas: Collection[str] = (),
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a file in batches, with every value as text of the file.

    Values of Parquet files have their own types, and numbers of JSON get a decimal
    comma in the columns in `commas`. Of the columns, those that are wanted and there
    are read; by default all.

    Raises:
        UserError: The file is damaged.
        pyarrow.ArrowInvalid: A row does not fit the header.
    """
    kind = file_format(file)
    if kind == "parquet":
        batches = parquet_batches(file, columns)
    elif kind == "json":
        batches = json_texts(file, commas)
    else:
        batches = csv_texts(file, dialect, columns)
    yield from with_folder_columns(_undamaged(batches, file), file, dialect)


def row_lines(file: Path, dialect: CsvDialect) -> Iterable[int]:
    """Return the line of each row of a file; for Parquet, its number, from 1."""
    if file_format(file) == "parquet":
        from pyarrow.parquet import read_metadata

        return range(1, read_metadata(file).num_rows + 1)
    if file_format(file) == "json":
        return (line for line, _ in valid_objects(file, []))
    return (row.line for row in islice(NumberedRows(file, dialect), 1, None))


def header_line(file: Path, dialect: CsvDialect) -> int | None:
    """Return the line of the header, None if the format has no header."""
    if file_format(file) != "csv":
        return None
    return next((row.line for row in NumberedRows(file, dialect)), None)


def _undamaged(
    batches: Iterator[pa.RecordBatch], file: Path
) -> Iterator[pa.RecordBatch]:
    try:
        yield from batches
    except UnicodeDecodeError as error:
        raise pa.ArrowInvalid(str(error)) from error
    except OSError as error:
        # Errors of Arrow name neither file nor cause; those of Python do.
        if error.errno is not None:
            raise
        problem = f"is damaged or truncated. Fix: copy or export it again ({error})"
        raise UserError(f"{file}: {problem}") from error


def cut(batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.Table]:
    """Split and join batches so that each has `rows` rows."""
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


def mark_last(items: Iterable[Item]) -> Iterator[tuple[Item, bool]]:
    """Yield each item, and whether it is the last."""
    waiting: list[Item] = []
    for item in items:
        yield from ((before, False) for before in waiting)
        waiting = [item]
    yield from ((before, True) for before in waiting)


def folder_columns(raw: Path, files: Sequence[Path]) -> tuple[str, ...]:
    """Return the columns that folders between a table and its files name.

    Args:
        raw: Folder of the table; a single file has no such columns.
        files: Its files.
    """
    folders = dict.fromkeys(file.relative_to(raw).parent for file in files)
    parts = [part for folder in folders for part in folder.parts if "=" in part]
    return tuple(dict.fromkeys(map(_name, parts)))


def unknown_folder_columns(file: Path, dialect: CsvDialect) -> list[str]:
    """Return the columns in folders of a table of the project that are not declared."""
    if file.is_absolute():
        return []
    named = [_name(part) for part in file.parts[:-1] if "=" in part]
    return [name for name in named if name not in dialect.partitions]


def folder_values(file: Path, dialect: CsvDialect) -> dict[str, str | None]:
    """Return the values of those columns that the folders of a file have."""
    parts = [part for part in file.parts[:-1] if "=" in part]
    values = {_name(part): part.partition("=")[2] for part in parts}
    return {
        name: None if values[name] == MISSING else unquote(values[name])
        for name in dialect.partitions
        if name in values
    }


def without_folder_columns(file: Path, contract: Contract) -> Contract:
    """Return the contract of what a file itself holds."""
    folders = folder_values(file, contract.metadata)
    if not folders:
        return contract
    columns = {n: c for n, c in contract.columns.items() if n not in folders}
    return contract.model_copy(update={"columns": columns})


def with_folder_columns(
    batches: Iterator[pa.RecordBatch], file: Path, dialect: CsvDialect
) -> Iterator[pa.RecordBatch]:
    """Yield the batches of a file with the columns of its folders, as texts."""
    folders = folder_values(file, dialect)
    for batch in batches:
        for name, value in folders.items():
            batch = batch.append_column(name, folder_array(value, batch.num_rows))
        yield batch


def folder_array(value: str | None, rows: int) -> pa.Array:
    """Return the value of a folder for so many rows."""
    return pa.repeat(pa.scalar(value, pa.string()), rows)


def _name(part: str) -> str:
    return unquote(part.partition("=")[0])
