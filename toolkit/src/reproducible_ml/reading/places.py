"""From the position of a row in a table to the line of its file."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from pyarrow.parquet import read_metadata

from reproducible_ml.contract.schema import Dialect
from reproducible_ml.reading.csv_files import NumberedRows
from reproducible_ml.reading.json_lines import sound_objects
from reproducible_ml.reading.raw import form


def row_lines(file: Path, dialect: Dialect) -> Iterable[int]:
    """Return the line of each row; in Parquet, its number, from 1."""
    if form(file) == "parquet":
        return range(1, read_metadata(file).num_rows + 1)
    return _json(file) if form(file) == "json" else _csv(file, dialect)


def header_line(file: Path, dialect: Dialect) -> int | None:
    """Return the line of the header; None where the file has none."""
    if form(file) != "csv":
        return None
    return next((row.line for row in NumberedRows(file, dialect)), None)


def _json(file: Path) -> Iterable[int]:
    return (line for line, _ in sound_objects(file, []))


def _csv(file: Path, dialect: Dialect) -> Iterator[int]:
    rows = iter(NumberedRows(file, dialect))
    next(rows, None)
    return (row.line for row in rows)
