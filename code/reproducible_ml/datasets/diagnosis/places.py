"""From the number of a row in a table to the line of its file."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from pyarrow.parquet import read_metadata

from reproducible_ml.datasets.findings import Finding
from reproducible_ml.datasets.inference.inferred import HEADER, Found
from reproducible_ml.datasets.reading.csv_files import NumberedRows
from reproducible_ml.datasets.reading.json_lines import sound_objects
from reproducible_ml.datasets.reading.raw import form
from reproducible_ml.datasets.schema import Dialect


def with_lines(found: Sequence[Found], dialect: Dialect) -> list[Finding]:
    """Return the findings, each with the line of the row that it is about."""
    wanted: dict[Path, set[int]] = {}
    for one in found:
        if one.record is not None:
            wanted.setdefault(one.finding.file, set()).add(one.record)
    lines = {file: _lines(file, dialect, rows) for file, rows in wanted.items()}
    return [
        one.finding
        if one.record is None
        else one.finding._replace(line=lines[one.finding.file][one.record])
        for one in found
    ]


def _lines(file: Path, dialect: Dialect, records: set[int]) -> dict[int, int | None]:
    """Return the line of each record; in Parquet, its row, from 1."""
    header = _header(file, dialect) if HEADER in records else None
    if form(file) == "parquet":
        return {HEADER: header} | {r: r + 1 for r in records if r != HEADER}
    lines = enumerate(row_lines(file, dialect))
    return {HEADER: header} | {r: line for r, line in lines if r in records}


def _header(file: Path, dialect: Dialect) -> int | None:
    """Return the line of the header; None where the file has none."""
    if form(file) != "csv":
        return None
    return next((row.line for row in NumberedRows(file, dialect)), None)


def row_lines(file: Path, dialect: Dialect) -> Iterable[int]:
    """Return the line of each row; in Parquet, its number, from 1."""
    if form(file) == "parquet":
        return range(1, read_metadata(file).num_rows + 1)
    return _json(file) if form(file) == "json" else _csv(file, dialect)


def _json(file: Path) -> Iterable[int]:
    return (line for line, _ in sound_objects(file, []))


def _csv(file: Path, dialect: Dialect) -> Iterator[int]:
    rows = iter(NumberedRows(file, dialect))
    next(rows, None)
    return (row.line for row in rows)
