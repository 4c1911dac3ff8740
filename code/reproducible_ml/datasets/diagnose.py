"""Say what is wrong with a raw table, line by line, once something is known to be."""

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute

from reproducible_ml.datasets.raw import arrow_types, csv_batches
from reproducible_ml.datasets.schema import Contract

LIMIT = 100
FIX = "Fix the export, or change data/schema.yaml."

NOUNS = {
    "double": "a number",
    "int64": "a whole number",
    "bool": "true or false",
    "timestamp[ns]": "a date like 2026-01-31 or 2026-01-31 23:59:59",
}


class Violation(NamedTuple):
    """A rule that some rows of a file break; `record` is the first, from 0."""

    file: Path
    column: str
    rule: str
    record: int
    value: str
    rows: int


def unreadable(file: Path, contract: Contract) -> list[str]:
    """Return a line for each reason why a file cannot be cast to the contract."""
    if file.suffix != ".csv":
        return [f"{file}: its columns cannot be cast to data/schema.yaml. {FIX}"]
    try:
        return _ragged(file) or describe(_uncastable(file, contract))
    except pa.ArrowInvalid:
        # Values were read as text, so only their encoding can be wrong.
        return [f"{file}: is not UTF-8. Export it as UTF-8."]


def describe(violations: Iterable[Violation]) -> list[str]:
    """Return a line for each column and rule: where first, what, in how many rows."""
    groups: dict[tuple[Path, str, str], list[Violation]] = {}
    for violation in violations:
        groups.setdefault(violation[:3], []).append(violation)
    found = {key: min(group, key=lambda v: v.record) for key, group in groups.items()}
    lines = _line_numbers({(first.file, first.record) for first in found.values()})
    return [
        f'{file} {lines[file, first.record]}, column "{column}": {_shown(first.value)} '
        f"{rule} ({_rows_of(groups[file, column, rule])}). {FIX}"
        for (file, column, rule), first in found.items()
    ][:LIMIT]


def _rows_of(group: list[Violation]) -> str:
    rows = sum(v.rows for v in group)
    return "1 row" if rows == 1 else f"{rows} rows"


def _ragged(file: Path) -> list[str]:
    """Return a line for each row with more or fewer values than the header."""
    rows = _rows(file)
    width = len(next(rows)[1])
    return [
        f"{file} line {line}: has {len(row)} values where the header has {width}."
        " Look for a missing quote or a stray separator."
        for line, row in rows
        if len(row) != width
    ][:LIMIT]


def _rows(file: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield each row that is not blank, with the line of the file it starts on."""
    with file.open(encoding="utf-8-sig", newline="", errors="replace") as opened:
        rows = csv.reader(opened)
        line = 1
        for row in rows:
            if row:
                yield line, row
            # A quoted value may hold line ends, so rows are not lines.
            line = rows.line_num + 1


def _uncastable(file: Path, contract: Contract) -> Iterator[Violation]:
    """Yield where values, read as text, do not fit the type of their column."""
    types = arrow_types(contract)
    first = 0
    for batch in csv_batches(file, contract, dict.fromkeys(types, pa.string())):
        for name, kind in types.items():
            yield from _misfits(file, first, name, batch[name], kind)
        first += batch.num_rows


def _misfits(
    file: Path, first: int, name: str, texts: pa.StringArray, kind: pa.DataType
) -> Iterator[Violation]:
    """Yield at most one violation: the values of one column that cannot be cast."""
    if pa.types.is_dictionary(kind) or pa.types.is_string(kind):
        return
    bad = pa.array(_misfit_texts(texts.unique(), kind), pa.string())
    if len(bad):
        places = pyarrow.compute.indices_nonzero(pyarrow.compute.is_in(texts, bad))
        place = places[0].as_py()
        rule = f"is not {NOUNS[str(kind)]}"
        value = texts[place].as_py()
        yield Violation(file, name, rule, first + place, value, len(places))


def _misfit_texts(texts: pa.StringArray, kind: pa.DataType) -> list[str]:
    """Return the texts that cannot be cast, found by halving."""
    try:
        pyarrow.compute.utf8_trim_whitespace(texts).cast(kind)
    except pa.ArrowInvalid:
        if len(texts) == 1:
            return [texts[0].as_py()]
        half = len(texts) // 2
        return _misfit_texts(texts[:half], kind) + _misfit_texts(texts[half:], kind)
    return []


def _line_numbers(wanted: set[tuple[Path, int]]) -> dict[tuple[Path, int], str]:
    """Return the file's own line of each record, or its row if there are no lines."""
    found = {(file, record): f"row {record + 1}" for file, record in wanted}
    for file in {file for file, _ in wanted if file.suffix == ".csv"}:
        rows = _rows(file)
        next(rows)
        for record, (line, _) in enumerate(rows):
            if (file, record) in wanted:
                found[file, record] = f"line {line}"
    return found


def _shown(value: str) -> str:
    """Return the value quoted, short and on one line."""
    text = value if len(value) <= 40 else value[:39] + "…"
    return f'"{text}"' if text.isprintable() else repr(text)
