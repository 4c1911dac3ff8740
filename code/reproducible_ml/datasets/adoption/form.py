"""How the files of a table are written, and what their columns hold."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

import pyarrow as pa

from reproducible_ml.datasets.adoption.blanked import Blanked
from reproducible_ml.datasets.adoption.dialect import detect_dialect
from reproducible_ml.datasets.diagnosis.diagnose import diagnose
from reproducible_ml.datasets.diagnosis.places import with_lines
from reproducible_ml.datasets.diagnosis.shape import judge_shape
from reproducible_ml.datasets.findings import Finding, reject
from reproducible_ml.datasets.inference.infer import Hints, Inferred, infer
from reproducible_ml.datasets.reading.csv_files import csv_header
from reproducible_ml.datasets.reading.json_lines import sound_objects
from reproducible_ml.datasets.reading.raw import form, text_batches
from reproducible_ml.datasets.reading.scan import scan
from reproducible_ml.datasets.schema import Contract, Dialect
from reproducible_ml.errors import UserError

# Findings about one file that do not matter in a folder of several.
SHORT = ("no rows", "one row")

# Rows that belong to no column's values: told instead of what their values are not.
NO_ROWS = ("repeated header", "units below the header", "totals")


class Read(NamedTuple):
    """What a table looks like by itself.

    Attributes:
        dialect: How its CSV files are written.
        inferred: What each column holds.
        wrong: Why it cannot be taken so; each names its column.
        warnings: What to look at.
    """

    dialect: Dialect
    inferred: dict[str, Inferred]
    wrong: list[Finding]
    warnings: list[Finding]


def read_table_form(
    files: Sequence[Path],
    hints: Hints,
    missing: Sequence[str],
    existing: Contract | None,
    report: Path,
) -> Read:
    """Return what the files look like, or raise UserError if they are no table.

    Args:
        files: Parts of the table.
        hints: What the user knows of columns.
        missing: Texts that mean "no value" in every column.
        existing: The contract that people may have edited.
        report: CSV file that gets the problems.
    """
    dialect, warnings = read_dialect(files, existing, report)
    columns = existing.columns if existing else {}
    declared = {name: column.metadata.missing for name, column in columns.items()}
    blanked = Blanked(missing, declared, partial(text_batches, dialect=dialect))
    try:
        inferred = infer(files, blanked, hints)
    except pa.ArrowInvalid as error:
        reject([f for file in files for f in misshapen(file, dialect)], report)
        raise UserError(f"{files[0]}: cannot be read: {error}") from error
    inferred = {n: blanked.declare(n, found) for n, found in inferred.items()}
    wrong = _findings(inferred, dialect, "reject") + _findings(inferred, dialect, "ask")
    if wrong:
        wrong = _without_odd_rows(wrong, files, inferred, dialect)
    warnings += _findings(inferred, dialect, "warn")
    return Read(dialect, inferred, wrong, warnings)


def misshapen(file: Path, dialect: Dialect) -> list[Finding]:
    """Return what is wrong with the lines of a file, whatever its columns."""
    if form(file) == "csv":
        return judge_shape(file, dialect)
    findings: list[Finding] = []
    if form(file) == "json":
        for _ in sound_objects(file, findings):
            pass
    return findings


def read_dialect(
    files: Sequence[Path], existing: Contract | None, report: Path
) -> tuple[Dialect, list[Finding]]:
    """Return how the CSV files are written, and what to look at."""
    texts = [file for file in files if form(file) == "csv"]
    if not texts:
        return Dialect(), []
    if existing is not None and _suits(texts[0], existing):
        dialect, warnings = existing.metadata, list[Finding]()
    else:
        dialect, warnings = _detect(texts, report, alone=len(files) == 1)
    reject([finding for file in texts for finding in scan(file, dialect)], report)
    return dialect, warnings


def _suits(file: Path, contract: Contract) -> bool:
    """Say whether the header read by the contract's dialect names its columns."""
    try:
        names = csv_header(file, contract.metadata)
    except (UserError, UnicodeError):
        return False
    return len({*names} & {*contract.columns}) > len(contract.columns) / 2


def _detect(
    files: Sequence[Path], report: Path, *, alone: bool
) -> tuple[Dialect, list[Finding]]:
    found = [detect_dialect(file) for file in files]
    dialect = found[0][0]
    rejections, warnings = list[Finding](), list[Finding]()
    for file, (other, wrong, strange) in zip(files, found, strict=True):
        rejections += [f for f in wrong if alone or f.kind not in SHORT]
        warnings += strange
        if other != dialect and not wrong:
            rejections.append(_other_dialect(file, files[0], other, dialect))
    reject(rejections, report)
    return dialect, warnings


def _other_dialect(
    file: Path, first: Path, other: Dialect, dialect: Dialect
) -> Finding:
    ours, theirs = dialect.model_dump(), other.model_dump()
    differences = ", ".join(
        f"{name} {theirs[name]!r} instead of {ours[name]!r}"
        for name in ours
        if theirs[name] != ours[name]
    )
    problem = f"is written otherwise than {first.name}: {differences}"
    return Finding("dialect", file, problem, "Export all parts in the same way.")


def _findings(
    inferred: Mapping[str, Inferred],
    dialect: Dialect,
    severity: Literal["reject", "ask", "warn"],
) -> list[Finding]:
    found = [f for column in inferred.values() for f in column.found]
    return with_lines([f for f in found if f.severity == severity], dialect)


def _without_odd_rows(
    wrong: list[Finding],
    files: Sequence[Path],
    inferred: Mapping[str, Inferred],
    dialect: Dialect,
) -> list[Finding]:
    """Tell of repeated headers, units and totals once, not in each column."""
    columns = {name: found.column for name, found in inferred.items()}
    contract = Contract(metadata=dialect, columns=columns)
    told = [f for file in files for f in diagnose(file, contract) if f.kind in NO_ROWS]
    lines = {(finding.file, finding.line) for finding in told}
    return [*told, *(f for f in wrong if (f.file, f.line) not in lines)]
