"""Find the files of the raw table, and read them, whatever their size, in portions."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

import pyarrow as pa

from reproducible_ml.contract.schema import Contract, Dialect
from reproducible_ml.core.errors import UserError
from reproducible_ml.reading.csv_files import csv_texts, read_csv
from reproducible_ml.reading.file_type import reject_unknown_name, reject_wrong_type
from reproducible_ml.reading.json_lines import json_texts, read_json_lines
from reproducible_ml.reading.parquet_files import parquet_batches, read_parquet

Item = TypeVar("Item")

Form = Literal["csv", "json", "parquet"]

FORMS: dict[str, Form] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".jsonl": "json",
    ".ndjson": "json",
    ".json": "json",
    ".parquet": "parquet",
}
COMPRESSED = (".gz", ".zst")


class Portion(NamedTuple):
    """Some rows of one file; `first` is the place of the first, from 0."""

    file: Path
    first: int
    is_last: bool
    rows: pa.Table


def form(file: Path) -> Form | None:
    """Return how the name of a file says that it is written; None: it is no table."""
    name = Path(file.stem) if file.suffix in COMPRESSED else file
    found = FORMS.get(name.suffix)
    return None if found == "parquet" and name != file else found


def raw_files(raw: Path) -> list[Path]:
    """Return the files that make up the raw table: one, or a folder's, sorted by name.

    Names that begin with "." or "_" are passed over, as Spark and others write them.

    Raises:
        UserError: No file, or one that is something else than its name says.
    """
    inside = [raw] if raw.is_file() else sorted(raw.glob("**/*"))
    found = [file for file in inside if form(file) and not _is_hidden(file, raw)]
    if not found and raw.is_file() and raw.suffix not in COMPRESSED:
        # It may be a workbook or a database: say so, and what to do.
        reject_unknown_name(raw)
    if not found:
        raise UserError(
            f"{raw}: holds no table: no {', '.join(FORMS)} file"
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


def read_portions(
    files: Iterable[Path], contract: Contract, rows: int
) -> Iterator[Portion]:
    """Yield tables of `rows` rows (fewer at the end of a file), as the contract wants.

    Raises:
        UserError: A file is damaged.
        pyarrow.ArrowInvalid: A value, a row or a file does not fit: `diagnose` it.
    """
    for file in files:
        first = 0
        batches = _undamaged(_read(file, contract), file)
        for table, is_last in with_last(_cut(batches, rows)):
            yield Portion(file, first, is_last, table)
            first += table.num_rows


def _read(file: Path, contract: Contract) -> Iterator[pa.RecordBatch]:
    read = {"csv": read_csv, "json": read_json_lines, "parquet": read_parquet}
    return read[form(file) or "csv"](file, contract)


def text_batches(file: Path, dialect: Dialect) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a file in batches, every value as the file's own text.

    Parquet has no texts: its values come as they are.

    Raises:
        UserError: The file is damaged.
        pyarrow.ArrowInvalid: A row does not fit the others: see `diagnose.misshapen`.
    """
    kind = form(file)
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


def with_last(items: Iterable[Item]) -> Iterator[tuple[Item, bool]]:
    """Yield each item, and whether it is the last."""
    waiting: list[Item] = []
    for item in items:
        yield from ((before, False) for before in waiting)
        waiting = [item]
    yield from ((before, True) for before in waiting)
