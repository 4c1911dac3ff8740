"""Check the quality of a table that meets its contract: target, duplicates, leaks."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from reproducible_ml.contract.findings import Finding, of_sample, quoted
from reproducible_ml.contract.schema import Contract, CsvDialect, Data
from reproducible_ml.contract.target import ClassSummary, summarise_table_target
from reproducible_ml.core.params import Compute
from reproducible_ml.core.parts import count_rows, map_parts
from reproducible_ml.quality.columns import (
    EXCLUDE,
    NUMBER,
    check_classes,
    check_columns,
    check_numbers,
)
from reproducible_ml.quality.distributions import read_subset, subset_records
from reproducible_ml.quality.duplicate_rows import (
    check_duplicate_rows,
    check_identical_rows,
    first_records,
)
from reproducible_ml.quality.entities import check_codes, check_entities
from reproducible_ml.quality.formulas import Formula, find_formula
from reproducible_ml.quality.leaks import Leak, find_leaks
from reproducible_ml.quality.near_copies import check_near_copies
from reproducible_ml.reading.raw import raw_files, row_lines

# With fewer rows, a model cannot be trained; with fewer than FEW, its metrics are
# rough.
NEEDED, FEW = 10, 50

# Kind of the finding about missing values that reveal the target, but are numbers.
BY_CODE = "target by code"

# Kinds of findings under which a model cannot be trained, or would be wrong.
REJECTED = {
    "too few rows",
    "no features",
    "one distinct row",
    "constant target",
    "no positive class",
    "single row of a class",
    "class spelled in several ways",
}

# Findings about a value, to which a row with that value is added.
ABOUT_VALUES = {
    "single row of a class",
    "rare class",
    "class spelled in several ways",
    "letters alike",
    "code for no value",
}


class QualityReport(NamedTuple):
    """Findings about the quality of a table.

    Attributes:
        rejections: Why the table cannot be used as it is.
        warnings: What to look at; leaks are among them.
        leaks: Columns that are the target itself, each with the reason.
    """

    rejections: list[Finding]
    warnings: list[Finding]
    leaks: dict[str, str]


def check_quality(
    table: Path, contract: Contract, data: Data, compute: Compute, raw: Path
) -> QualityReport:
    """Return what is wrong or unusual in a table that meets its contract.

    Classes and equal rows are looked for in all rows; what columns hold and how they
    depend on each other, in a sample of 200,000, which the findings name.

    Args:
        table: Folder of parts, as `validate` writes them.
        contract: What its columns hold.
        data: Roles of the columns.
        compute: Where parts are read.
        raw: What the table was read from, to be named in findings.
    """
    rows = count_rows(table)
    if rows < NEEDED:
        return QualityReport([few_rows(rows, raw)], [], {})
    features = contract.measured(data)
    if not contract.features(data):
        same = list(check_identical_rows(table, contract, data, compute, raw))
        return QualityReport(same or [_no_features(data, raw)], [], {})
    some = read_subset(table, compute)
    sampled = partial(of_sample, sample=len(some), rows=rows)
    leaks = find_leaks(some, features, data)
    findings = [few_rows(rows, raw)] if rows < FEW else []
    numeric = contract.treated("numeric", data)
    if data.task == "regression":
        findings += sampled(check_numbers(some[data.target], data.target, raw))
        numeric = [*numeric, data.target]
    else:
        summary = summarise_table_target(table, data, compute)
        assert isinstance(summary, ClassSummary)
        findings += check_classes(summary.counts, data, raw)
    findings += check_duplicate_rows(table, contract, data, compute, some, raw)
    entities = list(check_entities(table, contract, data, compute, some, raw))
    findings += entities
    if not entities:
        records = subset_records(table)
        copies = check_near_copies(some, contract, data, records, raw)
        findings += sampled(copies)
    findings += sampled(check_columns(some, features, numeric, raw))
    findings += sampled(check_codes(some, contract, data, raw))
    # That an entity has one value of the target is a reason to group, not to exclude.
    grouped = {finding.column for finding in entities}
    guessed = [one for one in leaks if _is_by_code(one, contract)]
    leaks = [one for one in leaks if one not in guessed]
    relations = [_code(one, contract, raw) for one in guessed]
    relations += [
        _leak(one, raw) for one in leaks if one.certain or one.column not in grouped
    ]
    if (formula := find_formula(some, contract, data)) is not None:
        relations.append(_computed(formula, data.target, raw))
    findings += sampled(relations)
    findings = with_line_numbers(findings, table, raw, contract.metadata, compute)
    return QualityReport(
        [finding for finding in findings if finding.kind in REJECTED],
        [finding for finding in findings if finding.kind not in REJECTED],
        {leak.column: leak.reason for leak in leaks if leak.certain},
    )


def few_rows(rows: int, raw: Path) -> Finding:
    """Return the finding that a table has too few rows, or few."""
    needed = rows < NEEDED
    count = "1 row" if rows == 1 else f"{rows} rows"
    return Finding(
        "too few rows" if needed else "few rows",
        raw,
        f"has only {count}, "
        + ("too few to train on" if needed else "so its metrics will be rough"),
        f"Provide at least {NEEDED if needed else FEW} rows.",
    )


def _no_features(data: Data, raw: Path) -> Finding:
    return Finding(
        "no features",
        raw,
        f"has no features: all columns but the target {data.target} are excluded or"
        " have another role",
        "Change the treatment of one in data/schema.yaml.",
    )


def _computed(formula: Formula, target: str, raw: Path) -> Finding:
    share = "all" if formula.share == 1 else f"{formula.share:.1%} of the"
    return Finding(
        "computed target",
        raw,
        f"is computed from other columns in {share} rows: {formula.text}",
        "Exclude those that are known only with the target: set their treatment to"
        " exclude in data/schema.yaml.",
        column=target,
    )


def _is_by_code(leak: Leak, contract: Contract) -> bool:
    """Return whether a leak is by missing values that are numbers in the file.

    They may be values, such as the cap 99999 of an income: the column is no leak then.
    """
    column = contract.columns[leak.column]
    by_missing = leak.reason.startswith(("is missing", "is given"))
    numbers = [text for text in column.metadata.missing if NUMBER.fullmatch(text)]
    return by_missing and bool(numbers)


def _code(leak: Leak, contract: Contract, raw: Path) -> Finding:
    spelled = contract.columns[leak.column].metadata.missing
    texts = ", ".join(quoted(text) for text in spelled if NUMBER.fullmatch(text))
    problem = f"{leak.reason}, as {texts} is read as a missing value"
    fix = "If it is a value, remove it from `missing` in data/schema.yaml."
    return Finding(BY_CODE, raw, problem, fix, column=leak.column)


def _leak(leak: Leak, raw: Path) -> Finding:
    fix = f"{EXCLUDE[:-1]}, unless its value is known before the prediction."
    return Finding("leak", raw, leak.reason, fix, column=leak.column)


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
