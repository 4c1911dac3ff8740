"""What is suspicious about a table that honours its contract."""

from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from reproducible_ml.datasets.findings import Finding
from reproducible_ml.datasets.schema import Contract
from reproducible_ml.datasets.suspicion.columns import EXCLUDE, judge_columns
from reproducible_ml.datasets.suspicion.labels import (
    Labels,
    count_labels,
    judge_classes,
    judge_numbers,
    judge_split,
)
from reproducible_ml.datasets.suspicion.leaks import Leak, find_leaks
from reproducible_ml.datasets.suspicion.located import with_first_lines
from reproducible_ml.datasets.suspicion.repeats import judge_copies, judge_repeats
from reproducible_ml.datasets.suspicion.subset import read_subset
from reproducible_ml.datasets.tables import count_rows, map_parts
from reproducible_ml.params import Params

# Rows without which nothing can be learned, and with which it is hardly more than luck.
NEEDED, FEW = 10, 50

# Kinds of findings that leave nothing to learn, or would be learned wrongly.
REJECTED = {
    "too few rows",
    "no features",
    "one distinct row",
    "constant target",
    "no positive class",
    "single row of a class",
    "class spelled in several ways",
}


class Judgement(NamedTuple):
    """What is suspicious about a table.

    Attributes:
        rejections: What makes the table useless as it is.
        warnings: What a person should look at. Leaks are among them.
        leaks: Columns that are the target itself, and why: "is the target recoded".
    """

    rejections: list[Finding]
    warnings: list[Finding]
    leaks: dict[str, str]


def judge(table: Path, contract: Contract, params: Params, raw: Path) -> Judgement:
    """Judge a table that honours its contract.

    Targets and repeats are looked for in all rows; columns in at most 200,000 of them.

    Args:
        table: Folder of parts, as `validate` writes them.
        contract: What its columns hold.
        params: What they are for.
        raw: What the table was read from, to be named in findings.
    """
    rows = count_rows(table)
    if rows < NEEDED:
        return Judgement([_few(rows, raw)], [], {})
    if not contract.features(params.data):
        same = list(judge_copies(table, contract, params, raw))
        return Judgement(same or [_no_features(params, raw)], [], {})
    some = read_subset(table, params.compute)
    leaks = find_leaks(some, list(contract.features(params.data)), params.data)
    findings = list(_findings(table, contract, params, some, raw))
    findings += [_leak(leak, raw) for leak in leaks]
    dialect, compute = contract.metadata, params.compute
    findings = with_first_lines(findings, table, raw, dialect, compute)
    return Judgement(
        [finding for finding in findings if finding.kind in REJECTED],
        [finding for finding in findings if finding.kind not in REJECTED],
        {leak.column: leak.reason for leak in leaks if leak.certain},
    )


def _findings(
    table: Path, contract: Contract, params: Params, some: pd.DataFrame, raw: Path
) -> Iterator[Finding]:
    target, features = params.data.target, list(contract.features(params.data))
    rows = count_rows(table)
    if rows < FEW:
        yield _few(rows, raw)
    numeric = contract.treated("numeric", params.data)
    if params.data.task == "regression":
        yield from judge_numbers(some[target], params, raw)
        numeric = [*numeric, target]
    else:
        counts, trained = _count(table, params)
        yield from judge_classes(counts, params, raw)
        yield from judge_split(counts, trained, params, raw)
    yield from judge_repeats(table, contract, params, some, raw)
    yield from judge_columns(some, features, numeric, raw)


def _count(table: Path, params: Params) -> Labels:
    """Return the rows of each class, and those of them in the training set."""
    columns = {params.data.target, params.split_column} - {None}
    work = partial(count_labels, params=params)
    found = map_parts(work, table, params.compute, sorted(map(str, columns)))
    every, trained = zip(*found, strict=True)
    return sum(every, Counter[str]()), sum(trained, Counter[str]())


def _few(rows: int, raw: Path) -> Finding:
    needed = rows < NEEDED
    count = "1 row" if rows == 1 else f"{rows} rows"
    return Finding(
        "too few rows" if needed else "few rows",
        raw,
        f"holds only {count}, "
        + ("too few to learn from" if needed else "so its metrics will be rough"),
        f"Bring {NEEDED if needed else FEW} rows or more.",
    )


def _no_features(params: Params, raw: Path) -> Finding:
    return Finding(
        "no features",
        raw,
        f"every column but the target {params.data.target} has a role or is excluded",
        "Change the treatment of one in data/schema.yaml.",
    )


def _leak(leak: Leak, raw: Path) -> Finding:
    fix = f"{EXCLUDE[:-1]}, unless it is known when a prediction is wanted."
    return Finding("leak", raw, leak.reason, fix, column=leak.column)
