"""What is strange about rows that are alike, in all columns or in some."""

import re
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from reproducible_ml.contract.findings import Finding
from reproducible_ml.contract.schema import Contract, Data, Dialect
from reproducible_ml.core import keys
from reproducible_ml.core.duplicates import find_duplicates
from reproducible_ml.core.params import Compute
from reproducible_ml.core.parts import count_rows, map_parts, parts
from reproducible_ml.reading.places import row_lines
from reproducible_ml.reading.raw import raw_files

# Findings about a value of which people want to see a row.
ABOUT_VALUES = {
    "single row of a class",
    "rare class",
    "class spelled in several ways",
    "letters alike",
    "code for no value",
}


def first_records(table: Path) -> npt.NDArray[np.int64]:
    """Return the number of the first row of each part, from 0."""
    from pyarrow.parquet import read_metadata

    rows = [read_metadata(part).num_rows for part in parts(table)]
    return np.cumsum([0, *rows[:-1]], dtype=np.int64)


def with_first_lines(
    findings: Sequence[Finding],
    table: Path,
    raw: Path,
    dialect: Dialect,
    compute: Compute,
) -> list[Finding]:
    """Return the findings, with the file and the line of the first row that they mean.

    Args:
        findings: Those with a `record`, or about a value, get a line.
        table: Folder of parts with the rows of the raw files, in their order.
        raw: The raw table; where it is gone, findings stay as they are.
        dialect: How its CSV files are written.
        compute: How many threads or processes.
    """
    placed = [_with_record(finding, table, compute) for finding in findings]
    records = {f.record for f in placed if f.record is not None}
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
    """Return the place of the first row with this value, by its text or number."""
    (name,) = rows
    values = rows[name]
    is_number = pd.api.types.is_numeric_dtype(values)
    if is_number and not pd.api.types.is_bool_dtype(values):
        numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
        # The text of a number has twelve digits.
        same = np.isclose(numbers, float(value), rtol=1e-11, atol=0.0)
    else:
        same = (values.astype("str") == value).to_numpy(dtype=bool)
    found = np.flatnonzero(same)
    return int(found[0]) if len(found) else None


def _lines(
    files: Sequence[Path], dialect: Dialect, records: set[int]
) -> dict[int, tuple[Path, int]]:
    """Return the file and the line of each record."""
    found = {}
    for record, place in enumerate(_places(files, dialect)):
        if record in records:
            found[record] = place
        if len(found) == len(records):
            break
    return found


def _places(files: Sequence[Path], dialect: Dialect) -> Iterator[tuple[Path, int]]:
    for file in files:
        for line in row_lines(file, dialect):
            yield file, line


def _with_line(finding: Finding, lines: dict[int, tuple[Path, int]]) -> Finding:
    if finding.record is None:
        return finding
    file, line = lines[finding.record]
    return finding._replace(file=file, line=line, record=None)


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


def check_repeated_rows(
    table: Path,
    contract: Contract,
    data: Data,
    compute: Compute,
    some: pd.DataFrame,
    raw: Path,
) -> Iterator[Finding]:
    """Yield what is strange about rows that are alike.

    Args:
        table: Folder of parts; all of its rows are compared.
        contract: Its columns.
        data: Roles of the columns.
        compute: Where parts are read.
        some: Rows of the table by which to tell what is alike by chance.
        raw: What the table was read from, to be named in findings.
    """
    rows = count_rows(table)
    repeated = _repeats(table, contract, data, compute, list(contract.columns))
    if len(repeated) == rows - 1:
        yield _copies(rows, raw)
        return
    expected = by_chance(some[list(contract.columns)], rows)
    if len(repeated) > max(REPEATED * rows, expected):
        yield _repeated(repeated, rows, raw)
    yield from _alike(table, contract, data, compute, some, raw, repeated)
    yield from _entities(table, contract, data, compute, raw)


def check_copies(
    table: Path, contract: Contract, data: Data, compute: Compute, raw: Path
) -> Iterator[Finding]:
    """Yield a finding if all rows are the same; see `check_repeated_rows`."""
    rows = count_rows(table)
    if (
        len(_repeats(table, contract, data, compute, list(contract.columns)))
        == rows - 1
    ):
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
    data: Data,
    compute: Compute,
    columns: Sequence[str],
    *,
    key: bool = False,
) -> Records:
    """Return the places of the rows that repeat an earlier one in some columns."""
    # The row key is a hash of these columns, so that they need not be read.
    hashed = data.id or tuple(contract.inputs(data))
    if {*hashed} <= {*columns}:
        columns, key = [name for name in columns if name not in hashed], True
    found = find_duplicates(table, compute, columns, with_key=key)
    firsts = first_records(table)
    return np.concatenate([p + first for p, first in zip(found, firsts, strict=True)])


def _repeated(repeated: Records, rows: int, raw: Path) -> Finding:
    return Finding(
        "repeated rows",
        raw,
        f"{len(repeated) / rows:.0%} of the rows repeat an earlier row in all columns",
        "If these are copies, let `clean` drop them (clean.duplicates: drop in"
        " params.yaml). If they are different cases, set clean.duplicates: keep.",
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
    """Yield conflicting targets, and rows that are alike on both sides of the split."""
    features, target = list(contract.features(data)), data.target
    alike, rows = _repeats(table, contract, data, compute, features), count_rows(table)
    if not len(alike) or len(alike) <= by_chance(some[features], rows):
        return
    known = [*features, target]
    whole = len(known) == len(contract.columns)
    if not whole:
        repeated = _repeats(table, contract, data, compute, known)
    conflicts = np.setdiff1d(alike, repeated)
    conflicting = len(conflicts) > 0
    if data.task == "regression" and conflicting:
        often = len(conflicts) > OVERLAPPING * rows
        conflicting = often and _far(some, features, target)
    if conflicting:
        yield _conflicting(conflicts, target, raw)
    if data.group is None:
        copies = _repeats(table, contract, data, compute, features, key=True)
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
    table: Path, contract: Contract, data: Data, compute: Compute, raw: Path
) -> Iterator[Finding]:
    """Yield columns that say which entity a row belongs to, if entities have many."""
    rows = count_rows(table)
    if data.id and len(repeated := _repeats(table, contract, data, compute, data.id)):
        yield Finding(
            "repeated id",
            raw,
            f"{', '.join(data.id)} should say which row it is, but an earlier row has"
            " the same",
            "Remove the repeats, or name the columns that differ in data.id.",
            rows=len(repeated),
            record=int(repeated[0]),
        )
    if data.group:
        return
    for name in _identifiers(contract, data):
        count = len(_repeats(table, contract, data, compute, [name]))
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


def _identifiers(contract: Contract, data: Data) -> list[str]:
    """Return the columns that are identifiers by their name or by what is known."""
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
