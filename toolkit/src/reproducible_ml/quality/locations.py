"""Add the file and line of the raw table to findings about its rows."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from reproducible_ml.contract.findings import Finding
from reproducible_ml.contract.schema import CsvDialect
from reproducible_ml.core.params import Compute
from reproducible_ml.core.parts import map_parts, parts
from reproducible_ml.reading.raw import raw_files, row_lines

# Findings about a value, to which a row with that value is added.
ABOUT_VALUES = {
    "single row of a class",
    "rare class",
    "class spelled in several ways",
    "letters alike",
    "code for no value",
}


def first_records(table: Path) -> npt.NDArray[np.int64]:
    """Return the number of the first row of each part, from 0."""
    from pyarrow.parquet import read_metadata

    rows = [read_metadata(part).num_rows for part in parts(table)]
    return np.cumsum([0, *rows[:-1]], dtype=np.int64)


def with_line_numbers(
    findings: Sequence[Finding],
    table: Path,
    raw: Path,
    dialect: CsvDialect,
    compute: Compute,
) -> list[Finding]:
    """Return the findings, with the file and line of the first row that they are about.

    Args:
        findings: Those with a `record`, or about a value, get a line.
        table: Folder of parts with the rows of the raw files, in their order.
        raw: The raw table; where it is gone, findings stay as they are.
        dialect: How its CSV files are written.
        compute: How many threads or processes.
    """
    placed = [_with_record(finding, table, compute) for finding in findings]
    known = [r for f in placed for r in (f.record, f.earlier)]
    records = {record for record in known if record is not None}
    if not records or not raw.exists():
        return list(findings)
    lines = _lines(raw_files(raw), dialect, records)
    return [_with_line(finding, lines) for finding in placed]


def _with_record(finding: Finding, table: Path, compute: Compute) -> Finding:
    """Return a finding about a value with the first row that has it."""
    column, value = finding.column, finding.value
    if finding.kind not in ABOUT_VALUES or column is None or value is None:
        return finding
    found = map_parts(partial(_first, value=value), table, compute, [column])
    firsts = first_records(table)
    records = [int(p + f) for p, f in zip(found, firsts, strict=True) if p is not None]
    return finding._replace(record=records[0] if records else None)


def _first(_: int, rows: pd.DataFrame, value: str) -> int | None:
    """Return the position of the first row with this value, by its text or number."""
    (name,) = rows
    values = rows[name]
    is_number = pd.api.types.is_numeric_dtype(values)
    if is_number and not pd.api.types.is_bool_dtype(values):
        numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
        # The texts of numbers have twelve digits.
        same = np.isclose(numbers, float(value), rtol=1e-11, atol=0.0)
    else:
        same = (values.astype("str") == value).to_numpy(dtype=bool)
    found = np.flatnonzero(same)
    return int(found[0]) if len(found) else None


def _lines(
    files: Sequence[Path], dialect: CsvDialect, records: set[int]
) -> dict[int, tuple[Path, int]]:
    """Return the file and the line of each record."""
    found = {}
    for record, place in enumerate(_places(files, dialect)):
        if record in records:
            found[record] = place
        if len(found) == len(records):
            break
    return found


def _places(files: Sequence[Path], dialect: CsvDialect) -> Iterator[tuple[Path, int]]:
    for file in files:
        for line in row_lines(file, dialect):
            yield file, line


def _with_line(finding: Finding, lines: dict[int, tuple[Path, int]]) -> Finding:
    if finding.record is None:
        return finding
    problem = finding.problem
    if finding.earlier is not None:
        other, number = lines[finding.earlier]
        unit = "row" if other.suffix == ".parquet" else "line"
        of_file = "" if other == lines[finding.record][0] else f" of {other}"
        problem = problem.replace("an earlier row", f"{unit} {number}{of_file}", 1)
    file, line = lines[finding.record]
    return finding._replace(
        file=file, line=line, record=None, earlier=None, problem=problem
    )
