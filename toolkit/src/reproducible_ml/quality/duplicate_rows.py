"""Find duplicate rows, conflicting targets, and ids of several rows."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from reproducible_ml.contract.findings import Finding
from reproducible_ml.contract.schema import Contract, Data
from reproducible_ml.core import keys
from reproducible_ml.core.equal_rows import find_duplicates
from reproducible_ml.core.params import Compute
from reproducible_ml.core.parts import count_rows, parts, rows_of

Records = npt.NDArray[np.int64]

# Shares of all rows.
REPEATED = 0.05
OVERLAPPING = 0.01


def check_duplicate_rows(
    table: Path,
    contract: Contract,
    data: Data,
    compute: Compute,
    some: pd.DataFrame,
    raw: Path,
) -> Iterator[Finding]:
    """Yield findings about rows that are equal, in all columns or in some.

    Args:
        table: Folder of parts; all of its rows are compared.
        contract: Its columns.
        data: Roles of the columns.
        compute: Where parts are read.
        some: Rows of the table by which that show how many are alike by chance.
        raw: What the table was read from, to be named in findings.
    """
    rows = count_rows(table)
    repeated = repeated_rows(table, contract, data, compute, list(contract.columns))
    if len(repeated) == rows - 1:
        yield _copies(rows, raw)
        return
    often = len(repeated) > REPEATED * rows
    if often and len(repeated) > expected_by_chance(some[list(contract.columns)], rows):
        yield _repeated(repeated, rows, raw)
    yield from _alike(table, contract, data, compute, some, raw, repeated)
    if data.id:
        yield from _ids(table, contract, data, compute, raw)


def check_identical_rows(
    table: Path, contract: Contract, data: Data, compute: Compute, raw: Path
) -> Iterator[Finding]:
    """Yield a finding if all rows are the same; see `check_duplicate_rows`."""
    rows = count_rows(table)
    if (
        len(repeated_rows(table, contract, data, compute, list(contract.columns)))
        == rows - 1
    ):
        yield _copies(rows, raw)


def expected_by_chance(features: pd.DataFrame, rows: int) -> float:
    """Return how many rows may have the same features by chance.

    It is the number of pairs of rows that would be equal if the features were
    independent, times a margin: a large one if each feature has few values.
    """
    same, distinct = 1.0, 0.0
    for name in features:
        counts = features[name].value_counts(dropna=False).to_numpy(dtype=np.float64)
        counts = counts[counts > 0]
        pairs = len(features) * (len(features) - 1)
        same *= float((counts * (counts - 1)).sum()) / pairs
        distinct = max(distinct, len(counts) / len(features))
    return rows * rows / 2 * same * (5 if distinct > 0.25 else 1000)


def first_records(table: Path) -> npt.NDArray[np.int64]:
    """Return the number of the first row of each part, from 0."""
    rows = list(map(rows_of, parts(table)))
    return np.cumsum([0, *rows[:-1]], dtype=np.int64)


def _copies(rows: int, raw: Path) -> Finding:
    return Finding(
        "one distinct row",
        raw,
        f"all {rows} rows are the same",
        "Check the export: a model cannot learn from a single row.",
    )


def repeated_rows(
    table: Path,
    contract: Contract,
    data: Data,
    compute: Compute,
    columns: Sequence[str],
    *,
    key: bool = False,
) -> Records:
    """Return the positions of rows that equal an earlier one in some columns."""
    # The row key is a hash of these columns, so that they need not be read.
    hashed = {*(data.id or contract.inputs(data))}
    if hashed <= {*columns}:
        columns, key = [name for name in columns if name not in hashed], True
    found = find_duplicates(table, compute, columns, with_key=key)
    firsts = first_records(table)
    return np.concatenate([p + first for p, first in zip(found, firsts, strict=True)])


def _repeated(repeated: Records, rows: int, raw: Path) -> Finding:
    return Finding(
        "duplicate rows",
        raw,
        f"{len(repeated) / rows:.0%} of the rows are duplicates of an earlier row",
        "If these are copies, set clean.duplicates: drop in params.yaml; if they are"
        " different cases, set it to keep.",
        rows=len(repeated),
        record=int(repeated[0]),
    )


def _alike(
    table: Path,
    contract: Contract,
    data: Data,
    compute: Compute,
    some: pd.DataFrame,
    raw: Path,
    repeated: Records,
) -> Iterator[Finding]:
    """Yield conflicting targets, and equal rows on both sides of the split."""
    features, target = contract.measured(data), data.target
    if not features:
        return
    alike, rows = (
        repeated_rows(table, contract, data, compute, features),
        count_rows(table),
    )
    if not len(alike) or len(alike) <= expected_by_chance(some[features], rows):
        return
    known = [*features, target]
    whole = len(known) == len(contract.columns)
    if not whole:
        repeated = repeated_rows(table, contract, data, compute, known)
    conflicts = np.setdiff1d(alike, repeated)
    conflicting = len(conflicts) > 0
    if data.task == "regression" and conflicting:
        often = len(conflicts) > OVERLAPPING * rows
        conflicting = often and _far(some, features, target)
    if conflicting:
        yield _conflicting(conflicts, target, raw)
    if data.group is None:
        copies = repeated_rows(table, contract, data, compute, features, key=True)
        apart = np.setdiff1d(alike, copies)
        if len(apart) > OVERLAPPING * rows:
            yield _overlapping(apart, raw)


def _conflicting(found: Records, target: str, raw: Path) -> Finding:
    return Finding(
        "conflicting targets",
        raw,
        "differs between rows with the same features, so no model can distinguish them",
        "Correct the target, or add a column that explains the difference.",
        column=target,
        rows=len(found),
        record=int(found[0]),
    )


def _overlapping(found: Records, raw: Path) -> Finding:
    return Finding(
        "train/test overlap",
        raw,
        "rows have the same features but different ids, so they may be both in the"
        " training and in the test set",
        "Remove the duplicates, or name what they belong to in data.group and set"
        " split.method: group in params.yaml.",
        rows=len(found),
        record=int(found[0]),
    )


def _far(some: pd.DataFrame, features: list[str], target: str) -> bool:
    """Return whether equal rows have targets nearly as far apart as other rows."""
    groups = some[target].astype(float).groupby(keys.hash_rows(some, features))
    apart = some[target] - groups.transform("mean")
    apart = apart[groups.transform("size") > 1]
    within = float(np.sqrt((apart**2).mean())) if len(apart) else 0.0
    return within > 0.5 * float(some[target].std())


def _ids(
    table: Path, contract: Contract, data: Data, compute: Compute, raw: Path
) -> Iterator[Finding]:
    """Yield a finding if the id of a row is that of an earlier row as well."""
    repeated = repeated_rows(table, contract, data, compute, data.id)
    if len(repeated):
        yield Finding(
            "duplicate id",
            raw,
            f"{', '.join(data.id)} should identify a row, but is the same as in an"
            " earlier row",
            "Remove the duplicates, or add the columns that differ to data.id.",
            rows=len(repeated),
            record=int(repeated[0]),
        )
