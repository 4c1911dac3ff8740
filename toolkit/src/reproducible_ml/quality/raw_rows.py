"""Check the column names and the shape of the rows of raw files, with line numbers."""

import csv
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from reproducible_ml.contract.findings import MAX_LISTED, Finding, quoted
from reproducible_ml.contract.schema import Column, Contract, CsvDialect
from reproducible_ml.quality.spellings import closest_match, fold_lookalikes
from reproducible_ml.reading.csv_files import NumberedRows, Row
from reproducible_ml.reading.json_lines import (
    FLATTEN,
    decimal_commas,
    text_batch,
    valid_objects,
)
from reproducible_ml.reading.parquet_files import (
    is_convertible_type,
    parquet_batches,
    parquet_schema,
)
from reproducible_ml.reading.raw import (
    file_format,
    folder_array,
    folder_values,
    unknown_folder_columns,
    without_folder_columns,
)
from reproducible_ml.reading.values import NA_VALUES, unconvertible

RENAME = "Rename it in the source, or change its name in data/schema.yaml."

TRAILING = "trailing delimiter"

# Rows that are in memory as Python objects at a time.
ROWS = 10_000

# Names that misspelled ones are compared with, which takes time for each pair.
COMPARED = 200

# Lines that are searched for a header that is not where it should be.
SEARCHED = 50

Places = npt.NDArray[np.int64]

TOTALS = {
    *("total", "totals", "grand total", "sum", "overall"),
    *("gesamt", "gesamtsumme", "insgesamt", "summe"),
    *("somme", "total général", "totale", "totaal", "som", "suma", "celkem", "итого"),
}

# Digits, and what occurs in and around numbers; dates do not match.
NUMBER = re.compile(r"[-+]?[\d.,'\s]*\d\s*[^\w\s/:-]{0,3}")


class Header(NamedTuple):
    """Column names of a file.

    Attributes:
        names: In the order of the file.
        line: The line they stand on; None if the format has no lines.
        lines: The lines of names that stand elsewhere, as in JSON Lines.
    """

    names: Sequence[str]
    line: int | None
    lines: Mapping[str, int] = {}

    def line_of(self, name: str) -> int | None:
        """Return the line on which a name stands."""
        return self.lines.get(name, self.line)


def check_names(file: Path, header: Header, contract: Contract) -> list[Finding]:
    """Return how the names differ from those of the contract; their order is free."""
    if not header.names:
        return [Finding("header", file, "has no header", "Export it again.")]
    if found := _other_delimiter(file, header, contract):
        return [found]
    known = {*map(fold_lookalikes, contract.columns)}
    folded = (fold_lookalikes(name) for name in header.names)
    if known.isdisjoint(folded) and not any(
        closest_match(name, list(contract.columns)[:COMPARED])
        for name in header.names[:COMPARED]
    ):
        return [_no_name_known(file, header)]
    return list(_check_each(file, header, contract))


def _other_delimiter(file: Path, header: Header, contract: Contract) -> Finding | None:
    """Return a finding if another delimiter separates the names."""
    if len(header.names) > 1 or len(contract.columns) == 1:
        return None
    for delimiter in ",;\t|:":
        names = header.names[0].split(delimiter)
        if len(names) > 1 and set(names) & set(contract.columns):
            shown = "\\t" if delimiter == "\t" else delimiter
            problem = f'has a single column whose name contains the delimiter "{shown}"'
            fix = f'Set metadata: {{delimiter: "{shown}"}} in data/schema.yaml.'
            return Finding("delimiter", file, problem, fix, header.line)
    return None


def _no_name_known(file: Path, header: Header) -> Finding:
    problem = "contains none of the columns that data/schema.yaml declares"
    fix = "Add a header with their names, or declare these names."
    names = ", ".join(header.names)
    return Finding("header", file, problem, fix, header.line, value=names)


def _check_each(file: Path, header: Header, contract: Contract) -> Iterator[Finding]:
    counts = Counter(header.names)
    missing = [name for name in contract.columns if name not in counts]
    unknown = [name for name in counts if name not in contract.columns]
    for name in unknown[:MAX_LISTED]:
        if found := closest_match(name, missing[:COMPARED]):
            meant, difference = found
            missing.remove(meant)
            problem = f"looks like {quoted(meant)}{difference}"
            yield Finding(
                "renamed column", file, problem, RENAME, header.line_of(name), name
            )
        else:
            yield _unknown(file, header, name)
    if others := unknown[MAX_LISTED:]:
        problem = f"has {len(others)} more unknown columns, from {quoted(others[0])} on"
        fix = "Drop them from the source, or declare them: run `rml data`."
        yield Finding("unknown column", file, problem, fix, header.line)
    for name in missing:
        problem = f"lacks the column {quoted(name)}"
        fix = "Add it in the source, or drop it from data/schema.yaml."
        yield Finding("missing column", file, problem, fix, header.line)
    for name in (n for n, count in counts.items() if n and count > 1):
        problem = f"has the column {quoted(name)} more than once"
        fix = "Rename or drop one of them in the source."
        yield Finding("duplicate column", file, problem, fix, header.line)


def _unknown(file: Path, header: Header, name: str) -> Finding:
    if name.strip():
        problem = f"has an unknown column {quoted(name)}"
        fix = "Drop it from the source, or declare it in data/schema.yaml."
    elif header.names[-1] == name:
        problem = "ends with a delimiter, which makes an extra column"
        fix = "Remove the delimiter at the end of each line."
    else:
        problem = "has a column without a name"
        fix = "Name it in the source, or drop it."
    return Finding("unknown column", file, problem, fix, header.line_of(name))


def check_shape(file: Path, dialect: CsvDialect) -> list[Finding]:
    """Return the rows of a CSV file whose number of values is wrong, and the like."""
    findings: list[Finding] = []
    for _ in valid_rows(file, dialect, findings):
        pass
    return findings


def valid_rows(
    file: Path, dialect: CsvDialect, findings: list[Finding]
) -> Iterator[Row]:
    """Yield the header and the rows that fit it; add findings about the others."""
    rows = iter(NumberedRows(file, dialect))
    header = next(rows, None)
    if header is None:
        return
    yield header
    counts: Counter[str] = Counter()
    others: dict[str, Finding] = {}
    for row in rows:
        finding = _unsound(file, row, header.cells, dialect)
        if finding is None:
            yield row
            continue
        counts[finding.kind] += 1
        if counts[finding.kind] <= (1 if finding.kind == TRAILING else MAX_LISTED):
            findings.append(finding)
        else:
            others.setdefault(finding.kind, finding)
    if TRAILING in counts:
        place = next(i for i, f in enumerate(findings) if f.kind == TRAILING)
        findings[place] = findings[place]._replace(rows=counts[TRAILING])
        others.pop(TRAILING, None)
    findings += [_more(one, counts[kind] - MAX_LISTED) for kind, one in others.items()]


class RowBlock(NamedTuple):
    """Some rows by columns, and the line of each, from 1; in Parquet, its number."""

    lines: Places
    columns: dict[str, pa.Array]


def read_row_blocks(
    file: Path, contract: Contract, findings: list[Finding]
) -> Iterator[RowBlock]:
    """Yield the rows that have the contract's columns; add findings about the others.

    Values are texts as in the file; those of Parquet keep their types.
    """
    read = {"csv": _csv_blocks, "json": _json_blocks, "parquet": _parquet_blocks}
    own = without_folder_columns(file, contract)
    folders = folder_values(file, contract.metadata)
    for block in read[file_format(file) or "csv"](file, own, findings):
        for name, value in folders.items():
            block.columns[name] = folder_array(value, len(block.lines))
        yield block


def unknown_folders(files: Sequence[Path], contract: Contract) -> list[Finding]:
    """Return a finding for each column in names of folders that is not declared."""
    first: dict[str, Path] = {}
    for file in files:
        for name in unknown_folder_columns(file, contract.metadata):
            first.setdefault(name, file)
    fix = "Run `rml data` to add it, or rename the folders."
    return [
        Finding(
            "unknown column", file, f"is in a folder {name}=..., an unknown column", fix
        )
        for name, file in first.items()
    ]


def find_totals_column(row: Mapping[str, object], contract: Contract) -> str | None:
    """Return the column with the word for "total" if this is a row of totals.

    The other columns of such a row have numbers, or are missing; none is a date.

    Args:
        row: The last row of a file: texts, or values of the contract's types. A value
            that is no text counts as a number, however the file wrote it.
        contract: Its categories are values, even if one is called "total".
    """
    present = {
        name: value.strip() if isinstance(value, str) else value
        for name, value in row.items()
        if value is not None and not _is_missing(value, contract.columns[name])
    }
    named = [
        name
        for name, value in present.items()
        if isinstance(value, str) and value.casefold() in TOTALS
    ]
    others = [name for name in present if name not in named]
    if len(named) != 1 or not others:
        return None
    if present[named[0]] in (contract.columns[named[0]].isin or ()):
        return None
    numbers = (_may_be_sum(present[name], contract.columns[name]) for name in others)
    return named[0] if all(numbers) else None


def _may_be_sum(value: object, column: Column) -> bool:
    """Return whether a value may be a sum: a number, but no date."""
    if column.dtype == "datetime64[ns]":
        return False
    return not isinstance(value, str) or NUMBER.fullmatch(value) is not None


def _is_missing(value: object, column: Column) -> bool:
    """Return whether a text stands for a missing value."""
    if not isinstance(value, str):
        return False
    text = value.strip()
    return text in NA_VALUES or text in column.metadata.missing


def is_units_row(row: Mapping[str, str], contract: Contract) -> bool:
    """Return whether a row holds units or names where other types are declared.

    A single text may be a mistake, unless the rest of the row is empty.

    Args:
        row: The first row of a text file.
        contract: Declares which columns hold other types than text.
    """
    texts = {name: text for name, text in row.items() if _has_content(text)}
    typed = [n for n in texts if contract.columns[n].dtype not in ("str", "category")]
    wrong = [n for n in typed if _is_misfit(texts[n], contract.columns[n])]
    return bool(wrong) and wrong == typed and (len(wrong) > 1 or len(texts) == 1)


def contains_header(frame: pd.DataFrame, contract: Contract) -> bool:
    """Return whether a row repeats the header.

    Only tables of nothing but text are searched: other types do not accept a header.
    """
    if any(column.dtype != "str" for column in contract.columns.values()):
        return False
    same = pd.Series(True, index=frame.index)
    for name in contract.columns:
        same &= frame[name] == name
        if not same.any():
            return False
    return True


def row_in_quotes(value: str, delimiter: str) -> int:
    """Return the number of values in the row that a single value is; else 0."""
    return len(next(csv.reader([value], delimiter=delimiter), ""))


def whole_row_quoted(file: Path, line: int, rows: int | None = None) -> Finding:
    """Return the finding that a row is one value in quotes."""
    problem = "the whole row is one quoted value"
    fix = (
        "Remove the outer quotes, and make two quotes inside them one: a program saved"
        " rows of CSV as texts."
    )
    return Finding("quoted row", file, problem, fix, line, rows=rows)


def _more(finding: Finding, rows: int) -> Finding:
    """Return a finding about the rows beyond those listed."""
    problem = f"is the first of more rows like the {MAX_LISTED} listed"
    kind = f"more {finding.kind}"
    return finding._replace(kind=kind, problem=problem, rows=rows)


def _unsound(
    file: Path, row: Row, header: list[str], dialect: CsvDialect
) -> Finding | None:
    values, width = row.cells, len(header)
    if len(values) == width and _repeats(values, header):
        problem, fix = "repeats the header", "Delete the line in the source."
        return Finding("repeated header", file, problem, fix, row.line)
    if len(values) == width:
        return None
    if len(values) == width + 1 and not values[-1].strip():
        problem = "ends with a delimiter, which makes an extra value"
        fix = "Remove the delimiter at the end of each line."
        return Finding(TRAILING, file, problem, fix, row.line)
    if len(values) == 1 and row_in_quotes(values[0], dialect.separator) == width:
        return whole_row_quoted(file, row.line)
    count = "1 value" if len(values) == 1 else f"{len(values)} values"
    problem = f"has {count} where the header has {width}"
    fix = "Check for a missing quote or a stray delimiter."
    if len(values) == 1 and width > 2:
        fix = "Delete the line if it is a note, or check for a lost line end or quote."
    return Finding("number of values", file, problem, fix, row.line)


def _repeats(values: list[str], header: list[str]) -> bool:
    """Return whether a row repeats the header, apart from some names."""
    if values == header:
        return True
    same = sum(v == name for v, name in zip(values, header, strict=True))
    return same > 1 and 2 * same > len(header)


def _csv_blocks(
    file: Path, contract: Contract, findings: list[Finding]
) -> Iterator[RowBlock]:
    rows = valid_rows(file, contract.metadata, findings)
    header = next(rows, None)
    names = header.cells if header else []
    line = header.line if header else None
    if found := check_names(file, Header(names, line), contract):
        findings += _header_elsewhere(file, contract) or found
        return
    while block := list(islice(rows, ROWS)):
        columns = zip(*(row.cells for row in block), strict=True)
        arrays = [pa.array(column, pa.string()) for column in columns]
        lines = np.array([row.line for row in block])
        yield RowBlock(lines, dict(zip(names, arrays, strict=True)))


def _header_elsewhere(file: Path, contract: Contract) -> list[Finding]:
    """Return a finding if the header follows more or fewer lines than declared."""
    dialect = contract.metadata.model_copy(update={"preamble": 0})
    for row in islice(NumberedRows(file, dialect), SEARCHED):
        if sorted(row.cells) == sorted(contract.columns):
            problem = "is the header, which was expected on another line"
            fix = f"Set metadata: {{preamble: {row.line - 1}}} in data/schema.yaml."
            return [Finding("preamble", file, problem, fix, row.line)]
    return []


def _json_blocks(
    file: Path, contract: Contract, findings: list[Finding]
) -> Iterator[RowBlock]:
    names: dict[str, int] = {}
    commas = decimal_commas(contract)
    for line, values in valid_objects(file, findings, commas):
        for name in values:
            names.setdefault(name, line)
    # A key may be absent where its value may be missing.
    unknown = [name for name in names if name not in contract.columns]
    for name, column in contract.columns.items():
        if column.nullable and not closest_match(name, unknown[:COMPARED]):
            names.setdefault(name, 1)
    if found := check_names(file, Header(list(names), None, names), contract):
        findings += found
        return
    rows = valid_objects(file, [], commas)
    while block := list(islice(rows, ROWS)):
        lines = np.array([line for line, _ in block])
        batch = text_batch([values for _, values in block], list(contract.columns))
        yield RowBlock(lines, dict(zip(batch.schema.names, batch.columns, strict=True)))


def _parquet_blocks(
    file: Path, contract: Contract, findings: list[Finding]
) -> Iterator[RowBlock]:
    schema = parquet_schema(file)
    found = check_names(file, Header(schema.names, None), contract)
    found = found or list(_unsuited(file, schema, contract))
    findings += found
    first = 1
    for batch in () if found else parquet_batches(file):
        lines = np.arange(first, first + batch.num_rows)
        yield RowBlock(lines, {name: batch[name] for name in contract.columns})
        first += batch.num_rows


def _unsuited(file: Path, schema: pa.Schema, contract: Contract) -> Iterator[Finding]:
    for name, column in contract.columns.items():
        kind = schema.field(name).type
        if not is_convertible_type(kind, column):
            problem = (
                f"has the type {kind}, which cannot be converted to {column.dtype}"
            )
            fix = "Convert it in the source, or change its dtype in data/schema.yaml."
            if pa.types.is_nested(kind):
                fix = FLATTEN
            yield Finding("type", file, problem, fix, column=name)


def _has_content(text: str) -> bool:
    """Return whether a text is more than dashes and blanks."""
    return (
        text.strip() not in NA_VALUES
        and re.search(r"[^-\u2013\u2014.\s]", text) is not None
    )


def _is_misfit(text: str, column: Column) -> bool:
    """Return whether a text is not a value of the column, even in another format."""
    misfit = unconvertible(pa.array([text], pa.string()), column)[0].as_py()
    return bool(misfit) and not re.match(r"\W*[0-9]", text)
