"""Check columns for constants, codes for missing values, and copies of each other."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from reproducible_ml.contract.findings import Finding, quoted
from reproducible_ml.quality.leaks import ODDS, as_numbers, odds_against

# A code for "no value" occurs in at least this many rows, and this share of them: a
# mistake is rarer.
CODE_ROWS = 3
CODE_SHARE = 0.002

# How far it lies from all other values, as a share of their range; less for a number
# made of nines. Zero is a number like others, except among years.
FAR, FAR_NINES = 1.0, 0.25
YEARS = (1500, 2100)

# Equal columns that are named.
NAMED = 20

EXCLUDE = "Set its treatment to exclude in data/schema.yaml."


def check_columns(
    rows: pd.DataFrame, features: Sequence[str], numeric: Sequence[str], raw: Path
) -> Iterator[Finding]:
    """Yield columns that hold nothing useful, or codes for missing values.

    Args:
        rows: A table or some of its rows.
        features: Columns that a model uses.
        numeric: Columns of quantities; the target may be one of them.
        raw: What the table was read from, to be named in findings.
    """
    for name in features:
        if (finding := _constant(rows[name], raw)) is not None:
            yield finding
    for name in numeric:
        yield from _codes(rows[name], raw)
    yield from _same(rows[list(features)], raw)


def find_missing_codes(
    levels: npt.NDArray[np.float64], counts: npt.NDArray[np.intp]
) -> list[tuple[float, int]]:
    """Return numbers that lie far beyond all others, and the rows of each.

    Args:
        levels: Different numbers, ascending.
        counts: Rows of each.
    """
    often = max(CODE_ROWS, CODE_SHARE * counts.sum())
    found = []
    while len(levels) > 3:
        low = _gap(levels[0], levels[1], levels[1:])
        high = _gap(levels[-1], levels[-2], levels[:-1])
        end = 0 if low >= high else -1
        if max(low, high) < 1 or counts[end] < often:
            break
        found.append((float(levels[end]), int(counts[end])))
        levels, counts = np.delete(levels, end), np.delete(counts, end)
    return found


def _constant(values: pd.Series, raw: Path) -> Finding | None:
    first: Any = values.iloc[0]
    last: Any = values.iloc[-1]
    if pd.notna(first) and pd.notna(last) and first != last:
        return None
    known = values.dropna()
    if known.empty:
        problem = "is missing in every row"
        return Finding("empty column", raw, problem, EXCLUDE, column=str(values.name))
    if len(known) < len(values) or (known != known.iloc[0]).any():
        return None
    return Finding(
        "constant column",
        raw,
        "is the value of every row",
        EXCLUDE,
        column=str(values.name),
        value=str(known.iloc[0]),
    )


def _codes(values: pd.Series, raw: Path) -> Iterator[Finding]:
    """Yield numbers that look like codes for "no value", such as -999."""
    if pd.api.types.is_datetime64_any_dtype(values):
        return
    numbers = as_numbers(values)
    if numbers is None:
        return
    levels, counts = np.unique(numbers[~np.isnan(numbers)], return_counts=True)
    for code, rows in find_missing_codes(levels, counts):
        yield Finding(
            "code for no value",
            raw,
            "is far from all other numbers and repeats, so it may be a code for a"
            " missing value, or the cap of larger ones",
            "If it is a code, add it to metadata.missing of the column in"
            " data/schema.yaml and set nullable: true; if it is the target, remove the"
            " rows.",
            column=str(values.name),
            value=f"{code:.12g}",
            rows=rows,
        )


def _gap(end: float, nearest: float, others: npt.NDArray[np.float64]) -> float:
    """Return the distance of an extreme number, as a multiple of the threshold."""
    if end == 0 and not (YEARS[0] <= others.min() and others.max() <= YEARS[1]):
        return 0.0
    nines = re.fullmatch(r"99+|9+\.9+", f"{abs(end):.12g}")
    limit = FAR_NINES if nines else FAR
    gap = float(abs(end - nearest) / (limit * np.ptp(others)))
    # Beside numbers that are positive or zero, the distance does not matter.
    return max(gap, 1.0) if nines and end < 0 <= nearest else gap


def _same(rows: pd.DataFrame, raw: Path) -> Iterator[Finding]:
    """Yield columns that equal an earlier column in all rows."""
    equal: dict[bytes, list[str]] = {}
    for name, values in rows.items():
        digest = hashlib.sha256(_content(values)).digest()
        equal.setdefault(digest, []).append(str(name))
    for first, *others in equal.values():
        if others and _is_distinctive(rows[first]):
            yield _equal(first, others, raw)


def _is_distinctive(values: pd.Series) -> bool:
    """Say whether another column would hardly have the same values by chance."""
    codes, known = pd.factorize(values, use_na_sentinel=False)
    return len(known) > 1 and odds_against(codes, 1) >= ODDS


def _equal(first: str, others: list[str], raw: Path) -> Finding:
    """Return one finding about all columns that equal the first."""
    problem = f"equals column {quoted(first)} in all rows"
    fix = EXCLUDE
    if others[1:]:
        shown = ", ".join(map(quoted, others[1 : 1 + NAMED]))
        more = f" and {len(others) - 1 - NAMED} more" if others[1 + NAMED :] else ""
        problem += f", as {shown}{more} do"
        fix = "Set their treatment to exclude in data/schema.yaml."
    return Finding("equal columns", raw, problem, fix, column=others[0])


def _content(values: pd.Series) -> bytes:
    """Return bytes that are the same for equal values, such as 1 and 1.0."""
    numbers = as_numbers(values)
    if numbers is not None:
        return (numbers + 0.0).tobytes()
    if isinstance(values.dtype, pd.CategoricalDtype):
        return _category_content(values)
    texts = values.astype("str").astype("category")
    codes = texts.cat.codes.to_numpy(dtype=np.int64).tobytes()
    return codes + "\0".join(texts.cat.categories).encode()


def _category_content(values: pd.Series) -> bytes:
    """Return the bytes that the same texts have, without looking at each row's."""
    names = [str(name) for name in values.cat.categories]
    codes = values.cat.codes.to_numpy(dtype=np.int64)
    present = np.unique(codes[codes >= 0]).tolist()
    order = sorted(present, key=names.__getitem__)
    ranks = np.full(len(names) + 1, -1)  # the last one is that of missing values
    ranks[order] = np.arange(len(order))
    return ranks[codes].tobytes() + "\0".join(names[i] for i in order).encode()
