"""Find the files of the raw table, and read them, whatever their size, in portions."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

import pyarrow as pa
from pyarrow.parquet import read_metadata

from reproducible_ml.contract.schema import Contract, CsvDialect
from reproducible_ml.core.errors import UserError
from reproducible_ml.reading.csv_files import NumberedRows, csv_texts, read_csv
from reproducible_ml.reading.file_type import reject_unknown_name, reject_wrong_type
from reproducible_ml.reading.json_lines import (
    json_texts,
    read_json_lines,
    valid_objects,
)
from reproducible_ml.reading.parquet_files import parquet_batches, read_parquet

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
COMPRESSED = (".gz", ".zst")


class Chunk(NamedTuple):
    """Some rows of one file; `first` is the place of the first, from 0."""

    file: Path
    first: int
    is_last: bool
    rows: pa.Table


def file_format(file: Path) -> FileFormat | None:
    """Return how the name of a file says that it is written; None: it is no table."""
    name = Path(file.stem) if file.suffix in COMPRESSED else file
    found = FORMATS.get(name.suffix)
    return None if found == "parquet" and name != file else found


def raw_files(raw: Path) -> list[Path]:
    """Return the files that make up the raw table: one, or a folder's, sorted by name.

    Names that begin with "." or "_" are passed over, as Spark and others write them.

    Raises:
        UserError: No file, or one that is something else than its name says.
    """
    inside = [raw] if raw.is_file() else sorted(raw.glob("**/*"))
    found = [file for file in inside if file_format(file) and not _is_hidden(file, raw)]
    if not found and raw.is_file() and raw.suffix not in COMPRESSED:
        # It may be a workbook or a database: say so, and what to do.
        reject_unknown_name(raw)
    if not found:
        raise UserError(
            f"{raw}: holds no table: no {', '.join(FORMATS)} file"
            f" (all but Parquet also as {' or '.join(COMPRESSED)})."
            " Run `dvc pull` or `dvc repro`, or put the table there."
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
    """Yield tables of `rows` rows (fewer at the end of a file), as the contract wants.

    Raises:
        UserError: A file is damaged.
        pyarrow.ArrowInvalid: A value, a row or a file does not fit: `diagnose` it.
    """
    for file in files:
        first = 0
        batches = _undamaged(_read(file, contract), file)
        for table, is_last in mark_last(_cut(batches, rows)):
            yield Chunk(file, first, is_last, table)
            first += table.num_rows


def _read(file: Path, contract: Contract) -> Iterator[pa.RecordBatch]:
    read = {"csv": read_csv, "json": read_json_lines, "parquet": read_parquet}
    return read[file_format(file) or "csv"](file, contract)


def text_batches(file: Path, dialect: CsvDialect) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a file in batches, every value as the file's own text.

    Parquet has no texts: its values come as they are.

    Raises:
        UserError: The file is damaged.
        pyarrow.ArrowInvalid: A row does not fit the others: see `diagnose.misshapen`.
    """
    kind = file_format(file)
    if kind == "parquet":
        batches = parquet_batches(file)
    else:
        batches = json_texts(file) if kind == "json" else csv_texts(file, dialect)
    yield from _undamaged(batches, file)


def _undamaged(
    batches: Iterator[pa.RecordBatch], file: Path
) -> Iterator[pa.RecordBatch]:
    try:
        yield from batches
    except UnicodeDecodeError as error:
        raise pa.ArrowInvalid(str(error)) from error
    except OSError as error:
        # Arrow names neither the file nor the cause; Python's errors do both.
        if error.errno is not None:
            raise
        problem = "is damaged or cut off: copy or export it again"
        raise UserError(f"{file}: {problem} ({error})") from error


def _cut(batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.Table]:
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


def mark_last(items: Iterable[Item]) -> Iterator[tuple[Item, bool]]:
    """Yield each item, and whether it is the last."""
    waiting: list[Item] = []
    for item in items:
        yield from ((before, False) for before in waiting)
        waiting = [item]
    yield from ((before, True) for before in waiting)


def row_lines(file: Path, dialect: CsvDialect) -> Iterable[int]:
    """Return the line of each row; in Parquet, its number, from 1."""
    if file_format(file) == "parquet":
        return range(1, read_metadata(file).num_rows + 1)
    return _json(file) if file_format(file) == "json" else _csv(file, dialect)


def header_line(file: Path, dialect: CsvDialect) -> int | None:
    """Return the line of the header; None where the file has none."""
    if file_format(file) != "csv":
        return None
    return next((row.line for row in NumberedRows(file, dialect)), None)


def _json(file: Path) -> Iterable[int]:
    return (line for line, _ in valid_objects(file, []))


def _csv(file: Path, dialect: CsvDialect) -> Iterator[int]:
    rows = iter(NumberedRows(file, dialect))
    next(rows, None)
    return (row.line for row in rows)
