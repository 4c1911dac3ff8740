"""Check the quality of a table that meets its contract: target, duplicates, leaks."""

from pathlib import Path
from typing import NamedTuple

from reproducible_ml.contract.findings import Finding, quoted
from reproducible_ml.contract.schema import Contract, Data
from reproducible_ml.contract.target import ClassSummary, summarise_table_target
from reproducible_ml.core.params import Compute
from reproducible_ml.core.parts import count_rows
from reproducible_ml.quality.codes import check_codes
from reproducible_ml.quality.columns import EXCLUDE, check_columns
from reproducible_ml.quality.distributions import read_subset, subset_records
from reproducible_ml.quality.duplicate_rows import (
    check_duplicate_rows,
    check_identical_rows,
)
from reproducible_ml.quality.entities import check_entities
from reproducible_ml.quality.formulas import Formula, find_formula
from reproducible_ml.quality.leaks import Leak, find_leaks
from reproducible_ml.quality.locations import with_line_numbers
from reproducible_ml.quality.near_copies import check_near_copies
from reproducible_ml.quality.target import NUMBER, check_classes, check_numbers

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

    Target and duplicates are checked in all rows; columns in a sample of 200,000.

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
    leaks = find_leaks(some, features, data)
    findings = [few_rows(rows, raw)] if rows < FEW else []
    numeric = contract.treated("numeric", data)
    if data.task == "regression":
        findings += check_numbers(some[data.target], data.target, raw)
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
        findings += check_near_copies(some, contract, data, records, raw)
    findings += check_columns(some, features, numeric, raw)
    findings += check_codes(some, contract, data, raw)
    # That an entity has one value of the target is a reason to group, not to exclude.
    grouped = {finding.column for finding in entities}
    guessed = [one for one in leaks if _is_by_code(one, contract)]
    leaks = [one for one in leaks if one not in guessed]
    findings += [_code(one, contract, raw) for one in guessed]
    findings += [
        _leak(one, raw) for one in leaks if one.certain or one.column not in grouped
    ]
    if (formula := find_formula(some, contract, data)) is not None:
        findings.append(_computed(formula, data.target, raw))
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
