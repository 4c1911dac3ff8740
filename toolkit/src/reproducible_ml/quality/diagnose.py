"""Find the lines of a raw file that do not meet the contract.

This is slow, so it runs only on files that failed the quick check.
"""

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
    RowBlock,
    find_totals_column,
    is_units_row,
    read_row_blocks,
)
from reproducible_ml.reading.parquet_files import convert, unconvertible
from reproducible_ml.reading.raw import file_format, mark_last

MORE = f"has more such values than the {MAX_LISTED} listed, from here on"
COMMON = "Find what they have in common, and correct it in the source."

Places = npt.NDArray[np.int64]


def diagnose(file: Path, contract: Contract) -> list[Finding]:
    """Return why a file does not meet its contract, in the order of its lines.

    Each invalid text of a column is reported once, with its first line and its number
    of rows; at most a hundred texts for each rule.

    Raises:
        UserError: A value is too long, as where a quote is not closed.
    """
    findings: list[Finding] = []
    violations = Violations()
    is_first = True
    for block, is_last in mark_last(read_row_blocks(file, contract, findings)):
        rows = _without_total(block, file, contract, findings) if is_last else block
        if is_first and len(rows.lines) and file_format(file) == "csv":
            rows = _without_units(rows, file, contract, findings)
        is_first = False
        for column, rule, broken in _invalid_rows(rows, contract):
            violations.add(column, rule, rows, broken)
    findings += violations.findings(file, contract)
    columns = ["", *contract.columns]
    places = {name: place for place, name in enumerate(columns)}
    return sorted(findings, key=lambda f: (f.line or 0, places.get(f.column or "", 0)))


def diagnose_duplicates(
    file: Path, contract: Contract, column: str, places: Places
) -> list[Finding]:
    """Return findings about rows that repeat a value of a unique column.

    Args:
        file: The raw file.
        contract: Its contract.
        column: Name of the column.
        places: Positions of the rows in the file, from 0.
    """
    violations = Violations()
    first = 0
    for block in read_row_blocks(file, contract, []):
        repeats = np.isin(np.arange(first, first + len(block.lines)), places)
        violations.add(column, REPEATED, block, repeats)
        first += len(block.lines)
    return list(violations.findings(file, contract))


class Violations:
    """First line and number of rows of each text that breaks a rule of its column.

    Texts beyond the first hundred are counted together.
    """

    def __init__(self) -> None:
        self.found: dict[tuple[str, str], dict[str, tuple[int, int]]] = {}
        self.others: dict[tuple[str, str], tuple[int, int]] = {}

    def add(self, column: str, rule: str, block: RowBlock, broken: Mask) -> None:
        """Add the rows of a block that break a rule; chunks come in their order."""
        if not broken.any():
            return
        known = self.found.setdefault((column, rule), {})
        texts = _texts(block.columns[column].filter(pa.array(broken)))
        lines = pd.Series(block.lines[broken]).groupby(texts, sort=False)
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
    block: RowBlock, file: Path, contract: Contract, findings: list[Finding]
) -> RowBlock:
    """Leave out the last row, and report it, if it holds totals."""
    row = _row(block, -1)
    name = find_totals_column(row, contract)
    if name is None:
        return block
    problem, fix = "looks like a row of totals", "Delete the line in the source."
    place = (int(block.lines[-1]), name, row[name])
    findings.append(Finding("totals", file, problem, fix, *place))
    return _part(block, slice(None, -1))


def _without_units(
    block: RowBlock, file: Path, contract: Contract, findings: list[Finding]
) -> RowBlock:
    """Leave out the first row, and report it, if it holds units."""
    row = _row(block, 0)
    # If the last row is like that as well, the file spells its values in another way.
    if not is_units_row(row, contract) or is_units_row(_row(block, -1), contract):
        return block
    problem = "looks like units or names below the header rather than values"
    fix = "Delete the line in the source; column names may contain the units."
    place = (int(block.lines[0]), None, ", ".join(row.values()))
    findings.append(Finding("units below the header", file, problem, fix, *place))
    return _part(block, slice(1, None))


def _row(block: RowBlock, place: int) -> dict[str, str]:
    """Return the texts of one row."""
    one = pa.array([place % len(block.lines)])
    return {name: _texts(a.take(one))[0] for name, a in block.columns.items()}


def _part(block: RowBlock, rows: slice) -> RowBlock:
    columns = {name: array[rows] for name, array in block.columns.items()}
    return RowBlock(block.lines[rows], columns)


def _invalid_rows(
    block: RowBlock, contract: Contract
) -> Iterator[tuple[str, str, Mask]]:
    """Yield column, rule, and the rows that break it but no earlier rule."""
    findings = {
        name: np.zeros(len(block.lines), dtype=bool) for name in contract.columns
    }
    for name, rule, broken in _rows_by_rule(block, contract):
        yield name, rule, broken & ~findings[name]
        findings[name] |= broken


def _rows_by_rule(
    block: RowBlock, contract: Contract
) -> Iterator[tuple[str, str, Mask]]:
    values = {}
    for name, column in contract.columns.items():
        texts = block.columns[name]
        unreadable = unconvertible(texts, column)
        mask = unreadable.to_numpy(zero_copy_only=False)
        yield name, UNREADABLE, np.asarray(mask, dtype=bool)
        values[name] = convert(_without(texts, unreadable), column)
    frame = cast(pa.table(values), contract)
    yield from broken_rules(frame, contract)
    for name, column in contract.columns.items():
        if column.dtype == "float64":
            yield name, ROUNDED, _rounded(block.columns[name], frame[name])


def _without(values: pa.Array, bad: pa.BooleanArray) -> pa.Array:
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    return pc.if_else(bad, pa.scalar(None, values.type), values)


def _rounded(texts: pa.Array, values: pd.Series) -> Mask:
    """Return which texts are whole numbers that a float rounds."""
    rounded = (values.abs() >= EXACT).to_numpy(copy=True)
    large = _texts(texts.filter(pa.array(rounded)))
    rounded[rounded] = [_is_rounded(text.strip()) for text in large]
    return rounded


def _is_rounded(text: str) -> bool:
    digits = text.removeprefix("+").removeprefix("-")
    return digits.isdecimal() and len(digits) < 300 and int(digits) != float(digits)
