"""Read the files of a new table: how they are written, and what their columns hold."""

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from reproducible_ml.adopt.dialect import detect_dialect
from reproducible_ml.contract.findings import Finding, quoted, reject
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
from reproducible_ml.quality.raw_rows import check_shape
from reproducible_ml.reading.csv_files import csv_header
from reproducible_ml.reading.json_lines import valid_objects
from reproducible_ml.reading.raw import (
    file_format,
    header_line,
    raw_files,
    row_lines,
    text_batches,
)
from reproducible_ml.reading.scan import scan
from reproducible_ml.reading.values import NA_VALUES, arrow_type

# Kinds of findings that do not matter in one file of several.
SHORT = ("no rows", "one row")

# Kinds of rows that hold no values: reported once, instead of for each column.
ODD_ROWS = ("repeated header", "units below the header", "totals")

# Names that are listed where one is to be chosen, and where one was misspelled.
CHOICES, SHOWN = 60, 20


class TableForm(NamedTuple):
    """A table as inferred from its files alone.

    Attributes:
        dialect: How its CSV files are written.
        inferred: What each column holds.
        wrong: Why it would be rejected; each finding names its column.
        warnings: What the user should look at.
    """

    dialect: CsvDialect
    inferred: dict[str, InferredColumn]
    wrong: list[Finding]
    warnings: list[Finding]


def read_table_form(
    files: Sequence[Path],
    hints: Hints,
    missing: Sequence[str],
    existing: Contract | None,
    report: Path,
) -> TableForm:
    """Infer how the files are written and what each column holds.

    Args:
        files: Parts of the table.
        hints: What the user knows about columns.
        missing: Texts that mean a missing value in every column.
        existing: The present contract, which users may have edited.
        report: CSV file that gets the problems.

    Raises:
        UserError: They are not a table.
    """
    dialect, warnings = read_dialect(files, existing, report)
    columns = existing.columns if existing else {}
    declared = {name: column.metadata.missing for name, column in columns.items()}
    missing_values = MissingValues(
        missing, declared, partial(text_batches, dialect=dialect)
    )
    try:
        inferred = infer(files, missing_values, hints)
    except pa.ArrowInvalid as error:
        reject([f for file in files for f in check_lines(file, dialect)], report)
        raise UserError(f"{files[0]}: cannot be read: {error}") from error
    inferred = {n: missing_values.declare(n, found) for n, found in inferred.items()}
    wrong = _findings(inferred, dialect, "reject") + _findings(inferred, dialect, "ask")
    if wrong:
        wrong = _without_odd_rows(wrong, files, inferred, dialect)
    warnings += _findings(inferred, dialect, "warn")
    return TableForm(dialect, inferred, wrong, warnings)


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
        metadata = notes.model_copy(update={"missing": tuple(spelled)})
        return found._replace(
            column=found.column.model_copy(update={"metadata": metadata})
        )


def check_lines(file: Path, dialect: CsvDialect) -> list[Finding]:
    """Return the malformed lines of a file, whatever its columns."""
    if file_format(file) == "csv":
        return check_shape(file, dialect)
    findings: list[Finding] = []
    if file_format(file) == "json":
        for _ in valid_objects(file, findings):
            pass
    return findings


def read_dialect(
    files: Sequence[Path], existing: Contract | None, report: Path
) -> tuple[CsvDialect, list[Finding]]:
    """Return how the CSV files are written, and warnings."""
    texts = [file for file in files if file_format(file) == "csv"]
    if not texts:
        return CsvDialect(), []
    if existing is not None and _suits(texts[0], existing):
        dialect, warnings = existing.metadata, list[Finding]()
    else:
        dialect, warnings = _detect(texts, report, alone=len(files) == 1)
    reject([finding for file in texts for finding in scan(file, dialect)], report)
    return dialect, warnings


def _suits(file: Path, contract: Contract) -> bool:
    """Say whether the header, read by the contract's dialect, has its columns."""
    try:
        names = csv_header(file, contract.metadata)
    except (UserError, UnicodeError):
        return False
    return len({*names} & {*contract.columns}) > len(contract.columns) / 2


def _detect(
    files: Sequence[Path], report: Path, *, alone: bool
) -> tuple[CsvDialect, list[Finding]]:
    found = [detect_dialect(file) for file in files]
    dialect = found[0][0]
    rejections, warnings = list[Finding](), list[Finding]()
    for file, (other, wrong, unusual) in zip(files, found, strict=True):
        rejections += [f for f in wrong if alone or f.kind not in SHORT]
        warnings += unusual
        if other != dialect and not wrong:
            rejections.append(_other_dialect(file, files[0], other, dialect))
    reject(rejections, report)
    return dialect, warnings


def _other_dialect(
    file: Path, first: Path, other: CsvDialect, dialect: CsvDialect
) -> Finding:
    ours, theirs = dialect.model_dump(), other.model_dump()
    differences = ", ".join(
        f"{name} {theirs[name]!r} instead of {ours[name]!r}"
        for name in ours
        if theirs[name] != ours[name]
    )
    problem = f"differs in format from {first.name}: {differences}"
    return Finding("dialect", file, problem, "Export all parts in one format.")


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


def ask_for_target(raw: Path, report: Path) -> str:
    """Return a message that asks for the target, with the names of the columns.

    Args:
        raw: The table.
        report: CSV file that gets the problems.

    Raises:
        UserError: Its columns cannot be read.
    """
    names = list_names(column_names(raw_files(raw), report), CHOICES)
    return f"{raw}: name the column to predict: --target COLUMN. It has {names}."


def column_names(files: Sequence[Path], report: Path) -> list[str]:
    """Return the names of the columns of a table, from its first file.

    Raises:
        UserError: They cannot be read.
    """
    dialect, _ = read_dialect(files, None, report)
    first = files[0]
    if file_format(first) == "csv":
        return csv_header(first, dialect)
    try:
        batch = next(iter(text_batches(first, CsvDialect())), None)
    except pa.ArrowInvalid as error:
        reject(check_lines(first, dialect), report)
        raise UserError(f"{first}: cannot be read: {error}") from error
    return batch.schema.names if batch else []


def unknown_column(file: Path, name: str, names: Sequence[str]) -> str:
    """Return a message about a column that a table does not have."""
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"Did you mean {quoted(near[0])}? " if near else ""
    if near and near[0] != near[0].strip():
        # Lists of names are stripped of spaces, so no option could name it.
        hint = f"If you mean {quoted(near[0])}, remove the spaces in its name. "
    columns = list_names(names, SHOWN)
    return f"{file}: has no column {quoted(name)}. {hint}It has {columns}."


def list_names(names: Sequence[str], limit: int) -> str:
    """Return names in quotes, of many the first."""
    return ", ".join(map(quoted, names[:limit])) + (", …" if names[limit:] else "")


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
