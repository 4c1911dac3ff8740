"""The files of a table: how they are written, and the names of their columns."""

import difflib
import re
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path

import pyarrow as pa

from reproducible_ml.adopt.dialect import NOT_GIVEN, Given, detect_dialect
from reproducible_ml.adopt.header import check_header
from reproducible_ml.contract.findings import Finding, quoted, reject
from reproducible_ml.contract.schema import Contract, CsvDialect
from reproducible_ml.core.errors import UserError
from reproducible_ml.quality.raw_rows import check_shape
from reproducible_ml.quality.report import NEEDED, few_rows
from reproducible_ml.quality.spellings import fold_lookalikes
from reproducible_ml.reading.csv_files import csv_header
from reproducible_ml.reading.encoding import is_ascii
from reproducible_ml.reading.json_lines import json_lines, json_texts, valid_objects
from reproducible_ml.reading.parquet_files import parquet_schema
from reproducible_ml.reading.raw import (
    file_format,
    folder_columns,
    raw_files,
    row_lines,
)
from reproducible_ml.reading.scan import scan

# Advice on the contract, instead of which there is an option.
SETTING = re.compile(
    r"\b([Ss])et `(encoding|delimiter)(?:: ([^`]+))?` in metadata of data/schema.yaml"
)

# Kinds of findings that do not matter in one file of several.
SHORT = ("no rows", "one row")

# Names that are listed where one is to be chosen, and where one was misspelled.
CHOICES, SHOWN = 60, 20


def read_dialect(
    files: Sequence[Path],
    existing: Contract | None,
    report: Path,
    given: Given = NOT_GIVEN,
    raw: Path | None = None,
) -> tuple[CsvDialect, list[Finding]]:
    """Return how the files are written, and warnings.

    Args:
        files: Parts of the table.
        existing: The present contract; it is used if it suits and nothing is given.
        report: CSV file that gets the problems.
        given: What the user knows.
        raw: The folder whose folders may be columns.

    Raises:
        UserError: They are not a table.
    """
    texts = [file for file in files if file_format(file) == "csv"]
    for file in (file for file in files if file_format(file) == "parquet"):
        reject(check_header(file, None, parquet_schema(file).names)[0], report)
    if not texts:
        dialect, warnings = CsvDialect(), list[Finding]()
    elif existing is not None and given == NOT_GIVEN and _suits(texts[0], existing):
        dialect, warnings = existing.metadata, list[Finding]()
    else:
        dialect, warnings = _detect(texts, report, given, alone=len(files) == 1)
    found = (finding for file in texts for finding in scan(file, dialect))
    reject(advise_options(found), report)
    folders = folder_columns(raw, files) if raw else ()
    if folders:
        own = names_in_file(files[0], dialect)
        folders = tuple(name for name in folders if name not in own)
    return dialect.model_copy(update={"partitions": folders}), advise_options(warnings)


def advise_options(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings whose fix is an option of the command, not of the contract."""
    return [one._replace(fix=SETTING.sub(_as_option, one.fix)) for one in findings]


def _as_option(match: re.Match[str]) -> str:
    verb = "Add" if match[1] == "S" else "add"
    return f"{verb} the option --{match[2]} {match[3] or 'NAME'}"


def reject_few_rows(
    raw: Path, files: Sequence[Path], dialect: CsvDialect, report: Path
) -> None:
    """Reject a table that is too short, before anything else is computed.

    Raises:
        UserError: It has fewer rows than a model needs.
    """
    rows = 0
    for file in files:
        is_json = file_format(file) == "json"
        # Lines of JSON that are no rows have errors of their own.
        lines = json_lines(file) if is_json else row_lines(file, dialect)
        rows += sum(1 for _ in islice(lines, NEEDED))
        if rows >= NEEDED:
            return
    if rows:
        reject([few_rows(rows, raw)], report)
    problem = "has columns but no rows"
    reject([Finding("no rows", raw, problem, "Export it again.")], report)


def check_lines(file: Path, dialect: CsvDialect) -> list[Finding]:
    """Return the malformed lines of a file, whatever its columns."""
    if file_format(file) == "csv":
        return check_shape(file, dialect)
    findings: list[Finding] = []
    if file_format(file) == "json":
        for _ in valid_objects(file, findings):
            pass
    return findings


def _suits(file: Path, contract: Contract) -> bool:
    """Say whether the header, read by the contract's dialect, has its columns."""
    try:
        names = csv_header(file, contract.metadata)
    except (UserError, UnicodeError, pa.ArrowInvalid):
        return False
    return len({*names} & {*contract.columns}) > len(contract.columns) / 2


def _detect(
    files: Sequence[Path], report: Path, given: Given, *, alone: bool
) -> tuple[CsvDialect, list[Finding]]:
    found = [detect_dialect(file, given) for file in files]
    dialect = found[0][0]
    special = [other.encoding for other, *_ in found if other.encoding != "utf-8"]
    if special and dialect.encoding == "utf-8" and is_ascii(files[0]):
        dialect = dialect.model_copy(update={"encoding": special[0]})
    rejections, warnings = list[Finding](), list[Finding]()
    for file, (other, wrong, unusual) in zip(files, found, strict=True):
        rejections += [f for f in wrong if alone or f.kind not in SHORT]
        warnings += unusual
        if other.encoding == "utf-8" != dialect.encoding and is_ascii(file):
            # ASCII is the same text in the encoding of the other parts.
            other = other.model_copy(update={"encoding": dialect.encoding})
        if other != dialect and not wrong:
            rejections.append(_other_dialect(file, files[0], other, dialect))
    reject(advise_options(rejections), report)
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


def ask_for_target(raw: Path, report: Path, given: Given = NOT_GIVEN) -> str:
    """Return a message that asks for the target, with the names of the columns.

    Args:
        raw: The table.
        report: CSV file that gets the problems.
        given: What the user knows about how it is written.

    Raises:
        UserError: Its columns cannot be read.
    """
    names = list_names(column_names(raw_files(raw), report, given, raw), CHOICES)
    return f"{raw}: name the column to predict: --target COLUMN. It has {names}."


def column_names(
    files: Sequence[Path],
    report: Path,
    given: Given = NOT_GIVEN,
    raw: Path | None = None,
) -> list[str]:
    """Return the names of the columns of a table, from its first file.

    Raises:
        UserError: They cannot be read.
    """
    dialect, _ = read_dialect(files, None, report, given, raw)
    try:
        return [*names_in_file(files[0], dialect), *dialect.partitions]
    except pa.ArrowInvalid as error:
        reject(check_lines(files[0], dialect), report)
        raise UserError(f"{files[0]}: cannot be read: {error}") from error


def names_in_file(file: Path, dialect: CsvDialect) -> list[str]:
    """Return the names of the columns that a file itself has.

    Raises:
        pyarrow.ArrowInvalid: A line of JSON is not a flat object.
    """
    if file_format(file) == "csv":
        return csv_header(file, dialect)
    if file_format(file) == "parquet":
        return list(parquet_schema(file).names)
    batch = next(json_texts(file), None)
    return list(batch.schema.names) if batch else []


def unknown_column(file: Path, name: str, names: Sequence[str]) -> str:
    """Return a message about a column that a table does not have."""
    near = _closest(name, names)
    hint = f"Did you mean {quoted(near)}? " if near else ""
    if near and near != near.strip():
        # Lists of names are stripped of spaces, so no option could name it.
        hint = f"If you mean {quoted(near)}, remove the spaces in its name. "
    columns = list_names(names, SHOWN)
    return f"{file}: has no column {quoted(name)}. {hint}It has {columns}."


def _closest(name: str, names: Sequence[str]) -> str | None:
    """Return the name that was probably meant, whatever its case and its accents."""
    folded: dict[str, str] = {}
    for known in names:
        folded.setdefault(fold_lookalikes(known), known)
    near = difflib.get_close_matches(fold_lookalikes(name), folded, n=1, cutoff=0.5)
    return folded[near[0]] if near else None


def list_names(names: Sequence[str], limit: int) -> str:
    """Return names in quotes, of many the first."""
    return ", ".join(map(quoted, names[:limit])) + (", …" if names[limit:] else "")
