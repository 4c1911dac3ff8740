"""What is strange about rows that are alike, in all columns or in some."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from reproducible_ml.datasets import keys
from reproducible_ml.datasets.duplicates import find_duplicates
from reproducible_ml.datasets.findings import Finding
from reproducible_ml.datasets.schema import Contract
from reproducible_ml.datasets.suspicion.located import first_records
from reproducible_ml.datasets.tables import count_rows
from reproducible_ml.params import Params

Records = npt.NDArray[np.int64]

# Shares of all rows.
REPEATED = 0.05
OVERLAPPING = 0.01
SAME_ENTITY = 0.1

ENTITY = re.compile(r"(?:^|[_\W])(?i:id|uuid|guid)$|[a-z](?:Id|ID|Uuid|UUID)$")
IDENTIFIER = re.compile(r"identif", re.I)

# Columns named so say whose row it is, if they are no categories as "new", "returning".
WHOSE = re.compile(
    r"(?:^|[_\W])(?:patient|subject|customer|client|user|member|account|student"
    r"|employee|person|kunde)(?:[_\W]?(?:no|nr|code|number|name))?$",
    re.IGNORECASE,
)


def judge_repeats(
    table: Path, contract: Contract, params: Params, some: pd.DataFrame, raw: Path
) -> Iterator[Finding]:
    """Yield what is strange about rows that are alike.

    Args:
        table: Folder of parts; all of its rows are compared.
        contract: Its columns.
        params: Says what they are for, and how many processes to use.
        some: Rows of the table by which to tell what is alike by chance.
        raw: What the table was read from, to be named in findings.
    """
    rows = count_rows(table)
    repeated = _repeats(table, contract, params, list(contract.columns))
    if len(repeated) == rows - 1:
        yield _copies(rows, raw)
        return
    expected = by_chance(some[list(contract.columns)], rows)
    if len(repeated) > max(REPEATED * rows, expected):
        yield _repeated(repeated, rows, params, raw)
    yield from _alike(table, contract, params, some, raw, repeated)
    yield from _entities(table, contract, params, raw)


def judge_copies(
    table: Path, contract: Contract, params: Params, raw: Path
) -> Iterator[Finding]:
    """Yield a finding if all rows are the same; arguments as in `judge_repeats`."""
    rows = count_rows(table)
    if len(_repeats(table, contract, params, list(contract.columns))) == rows - 1:
        yield _copies(rows, raw)


def _copies(rows: int, raw: Path) -> Finding:
    return Finding(
        "one distinct row",
        raw,
        f"all {rows} rows are the same",
        "Check the export: there is nothing to learn from one row.",
    )


def _repeats(
    table: Path,
    contract: Contract,
    params: Params,
    columns: Sequence[str],
    *,
    key: bool = False,
) -> Records:
    """Return the places of the rows that repeat an earlier one in some columns."""
    # The row key is a hash of these columns, so that they need not be read.
    hashed = params.data.id or tuple(contract.inputs(params.data))
    if {*hashed} <= {*columns}:
        columns, key = [name for name in columns if name not in hashed], True
    found = find_duplicates(table, params.compute, columns, with_key=key)
    firsts = first_records(table)
    return np.concatenate([p + first for p, first in zip(found, firsts, strict=True)])


def _repeated(repeated: Records, rows: int, params: Params, raw: Path) -> Finding:
    drop = "Nothing to do if these are copies: `clean` drops them. If they are"
    drop += " different cases, set clean.duplicates: keep in params.yaml."
    keep = "If these are copies, set clean.duplicates: drop in params.yaml."
    return Finding(
        "repeated rows",
        raw,
        f"{len(repeated) / rows:.0%} of the rows repeat an earlier row in all columns",
        drop if params.clean.duplicates == "drop" else keep,
        rows=len(repeated),
        record=int(repeated[0]),
    )


def _alike(
    table: Path,
    contract: Contract,
    params: Params,
    some: pd.DataFrame,
    raw: Path,
    repeated: Records,
) -> Iterator[Finding]:
    """Yield conflicting targets, and rows that are alike on both sides of the split."""
    features, target = list(contract.features(params.data)), params.data.target
    alike, rows = _repeats(table, contract, params, features), count_rows(table)
    if not len(alike) or len(alike) <= by_chance(some[features], rows):
        return
    known = [*features, target]
    whole = len(known) == len(contract.columns)
    if not whole:
        repeated = _repeats(table, contract, params, known)
    conflicts = np.setdiff1d(alike, repeated)
    conflicting = len(conflicts) > 0
    if params.data.task == "regression" and conflicting:
        often = len(conflicts) > OVERLAPPING * rows
        conflicting = often and _far(some, features, target)
    if conflicting:
        yield _conflicting(conflicts, target, raw)
    if params.split.method == "hash":
        copies = _repeats(table, contract, params, features, key=True)
        apart = np.setdiff1d(alike, copies)
        if len(apart) > OVERLAPPING * rows:
            yield _overlapping(apart, raw)


def _conflicting(found: Records, target: str, raw: Path) -> Finding:
    return Finding(
        "conflicting targets",
        raw,
        "differs between rows that are alike in all features, so no model can tell"
        " them apart",
        "Correct the target, or add a column that makes the difference.",
        column=target,
        rows=len(found),
        record=int(found[0]),
    )


def _overlapping(found: Records, raw: Path) -> Finding:
    return Finding(
        "train/test overlap",
        raw,
        "rows are alike in all features but have different ids, so they may be in the"
        " training and in the test set",
        "Remove the repeats, or name what they belong to in data.group and set"
        " split.method: group in params.yaml.",
        rows=len(found),
        record=int(found[0]),
    )


def by_chance(features: pd.DataFrame, rows: int) -> float:
    """Return how many rows may be alike in all features without being suspicious.

    It is the number of pairs of rows that would be alike if the features did not depend
    on each other, and many times that if each of them has few values, as then they may.
    """
    same, distinct = 1.0, 0.0
    for name in features:
        counts = features[name].value_counts(dropna=False).to_numpy(dtype=np.float64)
        counts = counts[counts > 0]
        pairs = len(features) * (len(features) - 1)
        same *= float((counts * (counts - 1)).sum()) / pairs
        distinct = max(distinct, len(counts) / len(features))
    return rows * rows / 2 * same * (5 if distinct > 0.25 else 1000)


def _far(some: pd.DataFrame, features: list[str], target: str) -> bool:
    """Say whether rows that are alike have targets nearly as far apart as any."""
    groups = some[target].astype(float).groupby(keys.hash_rows(some, features))
    apart = some[target] - groups.transform("mean")
    apart = apart[groups.transform("size") > 1]
    within = float(np.sqrt((apart**2).mean())) if len(apart) else 0.0
    return within > 0.5 * float(some[target].std())


def _entities(
    table: Path, contract: Contract, params: Params, raw: Path
) -> Iterator[Finding]:
    """Yield columns that say which entity a row belongs to, if entities have many."""
    data, rows = params.data, count_rows(table)
    if data.id and len(repeated := _repeats(table, contract, params, data.id)):
        yield Finding(
            "repeated id",
            raw,
            f"{', '.join(data.id)} should say which row it is, but an earlier row has"
            " the same",
            "Remove the repeats, or name the columns that differ in data.id.",
            rows=len(repeated),
            record=int(repeated[0]),
        )
    if params.split.method == "group" or data.group:
        return
    for name in _identifiers(contract, params):
        count = len(_repeats(table, contract, params, [name]))
        if SAME_ENTITY * rows < count < rows - 2:
            yield Finding(
                "repeated entity",
                raw,
                f"names {rows - count} entities in {rows} rows, and rows of one may"
                " be in the training and in the test set",
                f"To keep them together, set data.group: {name} and split.method: group"
                " in params.yaml.",
                column=name,
            )


def _identifiers(contract: Contract, params: Params) -> list[str]:
    """Return the columns that are identifiers by their name or by what is known."""
    data = params.data
    return [
        name
        for name, column in contract.columns.items()
        if name not in {data.target, *data.id, data.time}
        and column.dtype in ("str", "int64", "Int64", "category")
        and not column.unique
        and (
            ENTITY.search(name)
            or IDENTIFIER.search(column.metadata.reason or "")
            or (column.dtype != "category" and WHOSE.search(name))
        )
    ]
