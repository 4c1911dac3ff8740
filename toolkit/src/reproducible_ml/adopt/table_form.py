"""Read the files of a new table: how they are written, and what their columns hold."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from reproducible_ml.adopt.header import check_header
from reproducible_ml.adopt.table_files import check_lines, read_dialect
from reproducible_ml.contract.findings import Finding, reject
from reproducible_ml.contract.schema import Contract, CsvDialect
from reproducible_ml.core.errors import UserError
from reproducible_ml.profiling.infer import infer
from reproducible_ml.profiling.inferred import (
    HEADER,
    ColumnFinding,
    Hints,
    InferredColumn,
)
from reproducible_ml.profiling.profile import as_texts
from reproducible_ml.quality.diagnose import diagnose
from reproducible_ml.reading.json_lines import number_columns
from reproducible_ml.reading.kept_rows import KeptRows
from reproducible_ml.reading.raw import (
    file_format,
    header_line,
    row_lines,
    text_batches,
)
from reproducible_ml.reading.values import NA_VALUES, arrow_type

# Names that pandas gives to an index without a name.
INDEX = re.compile(r"Unnamed: 0(\.\d+)?|__index_level_\d+__")

# Bytes of a file that takes long to parse.
LARGE = 2**24

# Kinds of rows that hold no values: reported once, instead of for each column.
ODD_ROWS = ("repeated header", "units below the header", "totals")


class TableForm(NamedTuple):
    """A table as inferred from its files alone.

    Attributes:
        dialect: How its CSV files are written.
        inferred: What each column holds.
        wrong: Why it would be rejected; each finding names its column.
        warnings: What the user should look at.
        kept: Its rows, if it is large.
    """

    dialect: CsvDialect
    inferred: dict[str, InferredColumn]
    wrong: list[Finding]
    warnings: list[Finding]
    kept: KeptRows | None = None


def read_table_form(
    files: Sequence[Path],
    hints: Hints,
    missing: Sequence[str],
    existing: Contract | None,
    report: Path,
    dialect: CsvDialect | None = None,
    folder: Path | None = None,
) -> TableForm:
    """Infer how the files are written and what each column holds.

    Args:
        files: Parts of the table.
        hints: What the user knows about columns.
        missing: Texts that mean a missing value in every column.
        existing: The present contract, which users may have edited.
        report: CSV file that gets the problems.
        dialect: How the CSV files are written, if it is known.
        folder: Where the rows of a large file may be kept.

    Raises:
        UserError: They are not a table.
    """
    warnings: list[Finding] = []
    if dialect is None:
        dialect, warnings = read_dialect(files, existing, report)
    columns = existing.columns if existing else {}
    declared = {name: column.metadata.missing for name, column in columns.items()}
    missing_values = MissingValues(
        missing, declared, partial(text_batches, dialect=dialect)
    )
    plain = not (missing or any(declared.values()) or dialect.partitions)
    kept = None
    if folder and plain and is_large_text(files):
        kept = KeptRows(folder, files[0])
    try:
        inferred = infer(files, missing_values, hints, kept)
        if file_format(files[0]) == "json" and _shows_decimals(inferred):
            hints = hints._replace(numbers=number_columns(files))
            inferred = infer(files, missing_values, hints)
    except pa.ArrowInvalid as error:
        reject([f for file in files for f in check_lines(file, dialect)], report)
        raise UserError(f"{files[0]}: cannot be read: {error}") from error
    inferred = {n: missing_values.declare(n, found) for n, found in inferred.items()}
    if file_format(files[0]) == "json":
        reject(check_header(files[0], None, list(inferred))[0], report)
    inferred, left_out = without_index(inferred, files[0])
    warnings += left_out
    wrong = _findings(inferred, dialect, "reject") + _findings(inferred, dialect, "ask")
    if wrong:
        wrong = _without_odd_rows(wrong, files, inferred, dialect)
    warnings += _findings(inferred, dialect, "warn")
    return TableForm(dialect, inferred, wrong, warnings, kept)


def is_large_text(files: Sequence[Path]) -> bool:
    """Return whether a table is one text file that takes long to parse."""
    is_text = len(files) == 1 and file_format(files[0]) == "csv"
    return is_text and files[0].stat().st_size >= LARGE


def _shows_decimals(inferred: Mapping[str, InferredColumn]) -> bool:
    """Return whether texts have a decimal comma, or may have one."""
    return any(
        one.column.metadata.decimal == ","
        or any(found.finding.kind == "decimal" for found in one.found)
        for one in inferred.values()
    )


def without_index(
    inferred: Mapping[str, InferredColumn], file: Path
) -> tuple[dict[str, InferredColumn], list[Finding]]:
    """Exclude the index that pandas wrote as a column, and warn of it."""
    found, warnings = dict(inferred), list[Finding]()
    for name, one in inferred.items():
        column, notes = one.column, one.column.metadata
        is_number = column.dtype in ("int64", "Int64")
        if not INDEX.fullmatch(name) or column.treatment == "exclude" or not is_number:
            continue
        reason = "numbers the rows, as pandas writes its index"
        notes = notes.model_copy(update={"treatment": "exclude", "reason": reason})
        column = column.model_copy(update={"metadata": notes})
        found[name] = one._replace(column=column)
        fix = "Nothing if that is right; else rename the column in the source."
        problem = f"{reason}: it is excluded"
        warnings.append(Finding("index", file, problem, fix, column=name))
    return found, warnings


class MissingValues:
    """Reads files with some texts as missing values, and notes where they occur."""

    def __init__(
        self,
        missing: Sequence[str],
        declared: Mapping[str, Sequence[str]],
        read: Callable[[Path], Iterator[pa.RecordBatch]],
    ) -> None:
        """Take texts that mean a missing value, in every column and in some of them."""
        self.missing = missing
        self.declared = declared
        self.read = read
        self.seen: dict[str, set[str]] = {}

    def __call__(self, file: Path) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a file."""
        for batch in self.read(file):
            columns = {
                name: self._blank(name, batch[name]) for name in batch.schema.names
            }
            yield pa.RecordBatch.from_pydict(columns)

    def _blank(self, name: str, values: pa.Array) -> pa.Array:
        missing = {text.strip() for text in self.missing}
        missing |= {text.strip() for text in self.declared.get(name, ())}
        if not missing:
            return values
        texts = as_texts(values)
        blank = pc.is_in(
            pc.utf8_trim_whitespace(texts), pa.array(sorted(missing), pa.string())
        )
        found = texts.filter(blank).unique().to_pylist()
        self.seen.setdefault(name, set()).update(found)
        return pc.if_else(blank, pa.scalar(None, values.type), values)

    def declare(self, name: str, found: InferredColumn) -> InferredColumn:
        """Return a column that declares which of the texts occur in it."""
        seen = self.seen.get(name, set())
        if arrow_type(found.column) != pa.string():
            # Spaces around a value matter only in texts.
            seen = {text.strip() for text in seen}
        notes = found.column.metadata
        spelled = sorted({*notes.missing, *seen} - {*NA_VALUES})
        if tuple(spelled) == notes.missing:
            return found
        metadata = notes.model_copy(update={"missing": tuple(spelled)})
        return found._replace(
            column=found.column.model_copy(update={"metadata": metadata})
        )


def _findings(
    inferred: Mapping[str, InferredColumn],
    dialect: CsvDialect,
    severity: Literal["reject", "ask", "warn"],
) -> list[Finding]:
    found = [f for column in inferred.values() for f in column.found]
    return with_lines([f for f in found if f.severity == severity], dialect)


def _without_odd_rows(
    wrong: list[Finding],
    files: Sequence[Path],
    inferred: Mapping[str, InferredColumn],
    dialect: CsvDialect,
) -> list[Finding]:
    """Report repeated headers, units and totals once, not in each column."""
    columns = {name: found.column for name, found in inferred.items()}
    contract = Contract(metadata=dialect, columns=columns)
    odd = [f for file in files for f in diagnose(file, contract) if f.kind in ODD_ROWS]
    lines = {(finding.file, finding.line) for finding in odd}
    return [*odd, *(f for f in wrong if (f.file, f.line) not in lines)]


def with_lines(found: Sequence[ColumnFinding], dialect: CsvDialect) -> list[Finding]:
    """Return the findings, each with the line of its row."""
    records: dict[Path, set[int]] = {}
    for one in found:
        if one.record is not None:
            records.setdefault(one.finding.file, set()).add(one.record)
    lines = {file: _lines(file, dialect, rows) for file, rows in records.items()}
    return [
        one.finding
        if one.record is None
        else one.finding._replace(line=lines[one.finding.file][one.record])
        for one in found
    ]


def _lines(file: Path, dialect: CsvDialect, records: set[int]) -> dict[int, int | None]:
    """Return the line of each record; in Parquet, its row, from 1."""
    header = header_line(file, dialect) if HEADER in records else None
    if file_format(file) == "parquet":
        return {HEADER: header} | {r: r + 1 for r in records if r != HEADER}
    lines = enumerate(row_lines(file, dialect))
    return {HEADER: header} | {r: line for r, line in lines if r in records}
