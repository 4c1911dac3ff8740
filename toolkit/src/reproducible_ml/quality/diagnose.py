"""Say what is wrong with a raw file, line by line, once something is known to be."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from reproducible_ml.contract.checks import EXACT, Mask, broken_rules, cast
from reproducible_ml.contract.findings import MAX_LISTED, Finding
from reproducible_ml.contract.schema import Contract
from reproducible_ml.quality.advice import REPEATED, ROUNDED, UNREADABLE, explain
from reproducible_ml.quality.raw_rows import (
    Chunk,
    find_totals_column,
    is_units_row,
    read_chunks,
)
from reproducible_ml.reading.parquet_files import convert, unconvertible
from reproducible_ml.reading.raw import file_format, mark_last

MORE = f"has more texts like the {MAX_LISTED} that are listed, from here on"
COMMON = "Look for what they have in common, and correct it in the source."

Places = npt.NDArray[np.int64]


def diagnose(file: Path, contract: Contract) -> list[Finding]:
    """Return why a file is not what the contract says, in the order of its lines.

    Each offending text of a column is findings once, with its first line and the number
    of rows that share it; at most a hundred texts for each rule.

    Raises:
        UserError: A value is too long to be one.
    """
    findings: list[Finding] = []
    violations = Violations()
    is_first = True
    for chunk, is_last in mark_last(read_chunks(file, contract, findings)):
        rows = _without_total(chunk, file, contract, findings) if is_last else chunk
        if is_first and len(rows.lines) and file_format(file) == "csv":
            rows = _without_units(rows, file, contract, findings)
        is_first = False
        for column, rule, broken in _offending(rows, contract):
            violations.add(column, rule, rows, broken)
    findings += violations.findings(file, contract)
    columns = ["", *contract.columns]
    places = {name: place for place, name in enumerate(columns)}
    return sorted(findings, key=lambda f: (f.line or 0, places.get(f.column or "", 0)))


def diagnose_duplicates(
    file: Path, contract: Contract, column: str, places: Places
) -> list[Finding]:
    """Return findings about the rows, by place from 0, that repeat a unique value."""
    violations = Violations()
    first = 0
    for chunk in read_chunks(file, contract, []):
        repeats = np.isin(np.arange(first, first + len(chunk.lines)), places)
        violations.add(column, REPEATED, chunk, repeats)
        first += len(chunk.lines)
    return list(violations.findings(file, contract))


class Violations:
    """First line and number of rows of each text of a column that breaks a rule.

    Of more than a hundred texts, the others are counted together.
    """

    def __init__(self) -> None:
        self.found: dict[tuple[str, str], dict[str, tuple[int, int]]] = {}
        self.others: dict[tuple[str, str], tuple[int, int]] = {}

    def add(self, column: str, rule: str, chunk: Chunk, broken: Mask) -> None:
        """Count texts that stand behind all that were added before."""
        if not broken.any():
            return
        known = self.found.setdefault((column, rule), {})
        texts = _texts(chunk.columns[column].filter(pa.array(broken)))
        lines = pd.Series(chunk.lines[broken]).groupby(texts, sort=False)
        for text, first, rows in lines.agg(["first", "size"]).itertuples():
            before = known.get(text)
            if before:
                known[text] = (before[0], before[1] + rows)
            elif len(known) < MAX_LISTED:
                known[text] = (first, rows)
            else:
                line, others = self.others.get((column, rule), (first, 0))
                self.others[column, rule] = (min(line, first), others + rows)

    def findings(self, file: Path, contract: Contract) -> Iterator[Finding]:
        """Yield a finding for each text."""
        for (column, rule), texts in self.found.items():
            for text, (line, rows) in texts.items():
                advice = explain(rule, text, contract.columns[column])
                yield Finding(rule, file, *advice, line, column, text, rows)
        for (column, rule), (line, rows) in self.others.items():
            place = (line, column, None, rows)
            yield Finding(f"more {rule}", file, MORE, COMMON, *place)


def _texts(values: pa.Array) -> list[str]:
    texts: list[str] = values.cast(pa.string()).fill_null("").to_pylist()
    return texts


def _without_total(
    chunk: Chunk, file: Path, contract: Contract, findings: list[Finding]
) -> Chunk:
    """Leave out the last row, and tell of it, if it is one of totals."""
    row = _row(chunk, -1)
    name = find_totals_column(row, contract)
    if name is None:
        return chunk
    problem, fix = "looks like a row of totals", "Delete the line in the source."
    place = (int(chunk.lines[-1]), name, row[name])
    findings.append(Finding("totals", file, problem, fix, *place))
    return _part(chunk, slice(None, -1))


def _without_units(
    chunk: Chunk, file: Path, contract: Contract, findings: list[Finding]
) -> Chunk:
    """Leave out the first row, and tell of it, if it is one of units."""
    row = _row(chunk, 0)
    # Where all rows are like this one, their values are spelled in another way.
    if not is_units_row(row, contract) or is_units_row(_row(chunk, -1), contract):
        return chunk
    problem = "looks like units or names below the header, not like a row"
    fix = "Delete the line in the source; the names of columns may say the units."
    place = (int(chunk.lines[0]), None, ", ".join(row.values()))
    findings.append(Finding("units below the header", file, problem, fix, *place))
    return _part(chunk, slice(1, None))


def _row(chunk: Chunk, place: int) -> dict[str, str]:
    """Return the texts of one row."""
    one = pa.array([place % len(chunk.lines)])
    return {name: _texts(a.take(one))[0] for name, a in chunk.columns.items()}


def _part(chunk: Chunk, rows: slice) -> Chunk:
    columns = {name: array[rows] for name, array in chunk.columns.items()}
    return Chunk(chunk.lines[rows], columns)


def _offending(chunk: Chunk, contract: Contract) -> Iterator[tuple[str, str, Mask]]:
    """Yield column, rule and the rows that break it, if they break no rule before."""
    findings = {
        name: np.zeros(len(chunk.lines), dtype=bool) for name in contract.columns
    }
    for name, rule, broken in _all_offending(chunk, contract):
        yield name, rule, broken & ~findings[name]
        findings[name] |= broken


def _all_offending(chunk: Chunk, contract: Contract) -> Iterator[tuple[str, str, Mask]]:
    values = {}
    for name, column in contract.columns.items():
        texts = chunk.columns[name]
        unreadable = unconvertible(texts, column)
        mask = unreadable.to_numpy(zero_copy_only=False)
        yield name, UNREADABLE, np.asarray(mask, dtype=bool)
        values[name] = convert(_without(texts, unreadable), column)
    frame = cast(pa.table(values), contract)
    yield from broken_rules(frame, contract)
    for name, column in contract.columns.items():
        if column.dtype == "float64":
            yield name, ROUNDED, _rounded(chunk.columns[name], frame[name])


def _without(values: pa.Array, bad: pa.BooleanArray) -> pa.Array:
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    return pc.if_else(bad, pa.scalar(None, values.type), values)


def _rounded(texts: pa.Array, values: pd.Series) -> Mask:
    """Say which texts are whole numbers that their floats are not."""
    rounded = (values.abs() >= EXACT).to_numpy(copy=True)
    large = _texts(texts.filter(pa.array(rounded)))
    rounded[rounded] = [_is_rounded(text.strip()) for text in large]
    return rounded


def _is_rounded(text: str) -> bool:
    digits = text.removeprefix("+").removeprefix("-")
    return digits.isdecimal() and len(digits) < 300 and int(digits) != float(digits)
