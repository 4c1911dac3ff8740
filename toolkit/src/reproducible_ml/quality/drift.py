"""Compare a table with the one of the last commit.

A column has drifted if its distribution differs by more than the sample explains, with
the Benjamini-Hochberg correction over all columns, *and* by so much that it matters.
"""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from reproducible_ml.contract.findings import Finding, quoted
from reproducible_ml.contract.schema import Contract, Data
from reproducible_ml.core.params import Compute
from reproducible_ml.quality.distributions import Distribution, TableProfile, recount

Floats = npt.NDArray[np.float64]

# Expected share of false alarms among all alarms.
ALPHA = 0.01

# From here on, a difference matters: population stability index, share of rows moved.
PSI, MOVED = 0.1, 0.1

# Bins with fewer rows in both tables together are merged.
BIN_ROWS = 10

# The approximation of the chi-squared test needs so many expected rows in each bin.
EXPECTED = 5

# Simulated tables instead of it, for each column that is compared.
SIMULATED = 20_000

# If only larger moves than this share of the rows would be found, the tables are too
# small; and with which probability a change is to be found.
LARGE, POWER = 0.3, 0.8

# With a smaller share of columns in common, these are different tables.
IN_COMMON = 0.5

# A table with a smaller share of the former rows has probably lost some.
SHRUNK = 0.5


class Change(NamedTuple):
    """How one distribution differs from another.

    Attributes:
        p: Chance of such a difference if nothing had changed (chi-squared test, by
            simulation where the tables are small).
        psi: Population stability index, sum of (new - old) * log(new / old).
        moved: Share of rows that are in other bins than before.
    """

    p: float
    psi: float
    moved: float

    @property
    def matters(self) -> bool:
        """Whether the difference is large enough, however certain it is."""
        return self.psi > PSI or self.moved > MOVED


def compare_with_committed(
    profile: Path,
    table: Path,
    now: dict[str, Any],
    contract: Contract,
    data: Data,
    compute: Compute,
    raw: Path,
) -> list[Finding]:
    """Return how a table differs from the one of the last commit, if there is one.

    Args:
        profile: The report whose last committed version is compared.
        table: Folder of parts of this table.
        now: TableProfile of this table.
        contract: What its columns hold.
        data: Roles of the columns.
        compute: Where parts are read.
        raw: What the table was read from, to be named in findings.
    """
    before = committed_profile(profile)
    if before is None or not is_same_table(before, now, data.target):
        return []
    recounted = recount(table, before, contract, data, compute)
    return compare(before, now, recounted, raw)


def is_same_table(old: dict[str, Any], new: dict[str, Any], target: str) -> bool:
    """Return whether two profiles are of versions of the same table.

    Versions of a table share the target and most columns, of the same kind.
    """
    was, now = (TableProfile.model_validate(profile).columns for profile in (old, new))
    same = {n for n in was.keys() & now.keys() if was[n].kind == now[n].kind}
    return target in same and len(same) >= IN_COMMON * len(was.keys() | now.keys())


def compare(
    old: dict[str, Any], new: dict[str, Any], recounted: dict[str, Any], raw: Path
) -> list[Finding]:
    """Return what changed between two tables; dates are expected to go on.

    Args:
        old: TableProfile of the former table.
        new: TableProfile of this table.
        recounted: Counts of this table in the bins of `old`; see `recount`.
        raw: What the table was read from, to be named in findings.
    """
    was, now, same = (
        TableProfile.model_validate(p).columns for p in (old, new, recounted)
    )
    findings = list(_shrunk(was, now, raw))
    names = [
        name
        for name, column in same.items()
        if column.kind != "dates" and min(column.rows, was[name].rows) > 0
    ]
    changes = [change(was[name], same[name], len(names)) for name in names]
    for name, found, certain in zip(names, changes, _certain(changes), strict=True):
        if certain and found.matters:
            words = describe(was[name], same[name], now.get(name))
            findings.append(_drifted(name, words, found, raw))
    if not findings and names and old != new:
        rows = [columns[names[0]].rows for columns in (was, same)]
        findings += _too_few(rows[0], rows[1], len(names), raw)
    return findings


def smallest_move(old: int, new: int, columns: int) -> float:
    """Return the share of rows that must move for a change to be found.

    It is that of a value which half of the rows have, by the normal approximation.

    Args:
        old: Rows of one table.
        new: Rows of the other.
        columns: How many are compared: the correction for one change among them.
    """
    from scipy.stats import norm

    z = norm.isf(ALPHA / (2 * columns)) + norm.ppf(POWER)
    return float(z * np.sqrt(0.25 * (1 / old + 1 / new)))


def change(old: Distribution, new: Distribution, columns: int = 1) -> Change:
    """Return how the counts of two tables in the same bins differ.

    Args:
        old: Counts of one table.
        new: Counts of the other.
        columns: How many are compared, which the probability must be exact enough for.
    """
    counts = np.array([[*d.counts, d.missing] for d in (old, new)], dtype=np.float64)
    counts = _merged(counts, ordered=old.kind in ("numbers", "lengths"))
    if counts.shape[1] < 2:
        return Change(1.0, 0.0, 0.0)
    shares = counts / counts.sum(axis=1, keepdims=True)
    # Half a row more in each bin, or an empty one would make the index infinite.
    was, now = (c / c.sum() for c in counts + 0.5)
    psi = float(((now - was) * np.log(now / was)).sum())
    moved = float(np.abs(shares[1] - shares[0]).sum() / 2)
    return Change(_probability(counts, columns), psi, moved)


def _merged(counts: Floats, *, ordered: bool) -> Floats:
    """Return the counts with bins of few rows merged, with a neighbour if ordered."""
    if ordered:
        ends = [0]
        for place, rows in enumerate(np.cumsum(counts[:, :-1].sum(axis=0)), start=1):
            if rows - counts[:, : ends[-1]].sum() >= BIN_ROWS:
                ends.append(place)
        # What is left after the last bin belongs to it.
        bins = np.add.reduceat(counts[:, :-1], ends[:-1] or [0], axis=1)
        counts = np.column_stack([bins, counts[:, -1]])
    few = counts.sum(axis=0) < BIN_ROWS
    counts = np.column_stack([counts[:, ~few], counts[:, few].sum(axis=1)])
    return np.asarray(counts[:, counts.sum(axis=0) > 0])


def _probability(counts: Floats, columns: int) -> float:
    """Return the chance of such counts of two tables if nothing had changed."""
    from scipy.stats import chi2_contingency

    statistic, p, _, expected = chi2_contingency(counts, correction=False)
    # What is far from certain either way need not be simulated.
    if expected.min() >= EXPECTED or p > 10 * ALPHA:
        return float(p)
    totals, rows = counts.sum(axis=0).astype(np.int64), int(counts[1].sum())
    size = SIMULATED + 200 * columns
    random = np.random.default_rng(0)
    drawn = random.multivariate_hypergeometric(totals, rows, size, method="marginals")
    squares = (drawn - expected[1]) ** 2 * (1 / expected[0] + 1 / expected[1])
    as_far = (squares.sum(axis=1) >= statistic * (1 - 1e-9)).sum()
    return float((as_far + 1) / (size + 1))


def describe(old: Distribution, same: Distribution, new: Distribution | None) -> str:
    """Describe what changed most: missing values, the mean, or the share of a value."""
    missing = [d.missing / d.rows for d in (old, same)]
    moved = change(old, same).moved
    if abs(missing[1] - missing[0]) > moved / 2:
        return f"missing values went from {missing[0]:.1%} to {missing[1]:.1%}"
    if old.kind == "values":
        return _describe_values(old, same, new)
    if new is None or None in (old.mean, old.sd, new.mean, new.sd):
        return "has other values than before, or other shares of them"
    what = "mean length" if old.kind == "lengths" else "mean"
    spread = f"standard deviation from {old.sd:.4g} to {new.sd:.4g}"
    return f"{what} went from {old.mean:.4g} to {new.mean:.4g}, {spread}"


def committed_profile(report: Path) -> dict[str, Any] | None:
    """Return the profile of the last commit; None if there is none.

    That is never an error: there may be no Git, no commit, or a report of another
    version.
    """
    command = ["git", "-C", str(report.parent), "show", f"HEAD:./{report.name}"]
    try:
        shown = subprocess.run(command, capture_output=True, check=True)
        found = json.loads(shown.stdout)
        TableProfile.model_validate(found)
    except (OSError, subprocess.CalledProcessError, ValueError, KeyError, TypeError):
        return None
    return dict(found)


def _certain(changes: list[Change]) -> list[bool]:
    from scipy.stats import false_discovery_control

    if not changes:
        return []
    corrected = false_discovery_control([change.p for change in changes])
    return [bool(p < ALPHA) for p in corrected]


def _describe_values(
    old: Distribution, same: Distribution, new: Distribution | None
) -> str:
    """Describe which value changed its share most; a new one is named."""
    shares = np.array([old.counts, same.counts]) / [[old.rows], [same.rows]]
    most = int(np.argmax(np.abs(shares[1] - shares[0])))
    before, after = shares[:, most]
    labels = [quoted(str(value)) for value in old.bins]
    label = [*labels, _new_value(old, new)][most]
    return f"{label} went from {before:.1%} to {after:.1%}"


def _new_value(old: Distribution, new: Distribution | None) -> str:
    """Return a name for values without a bin: the most common of them, if known."""
    bins, counts = (new.bins, new.counts) if new else ((), ())
    known = dict(zip(bins, counts, strict=False))
    unknown = [value for value in known if value not in old.bins]
    if not unknown:
        return "other values"
    return f"new values, as {quoted(str(max(unknown, key=known.__getitem__)))},"


def _drifted(name: str, words: str, found: Change, raw: Path) -> Finding:
    return Finding(
        "drift",
        raw,
        f"{words} since the last commit ({found.moved:.0%} of the rows moved, PSI"
        f" {found.psi:.2f})",
        "If the data really changed like this, commit; if not, check the export.",
        column=name,
    )


def _too_few(old: int, new: int, columns: int, raw: Path) -> Iterator[Finding]:
    """Yield a finding if only a large change would have been found."""
    needed = smallest_move(old, new, columns)
    if needed > LARGE:
        least = "none" if needed >= 1 else f"only moves of {needed:.0%} of the rows"
        yield Finding(
            "too few rows to tell",
            raw,
            f"has {new} rows, and {old} in the last commit: too few to tell whether"
            f" the columns drifted ({least} would be found)",
            "Compare the tables yourself.",
        )


def _shrunk(
    was: dict[str, Distribution], now: dict[str, Distribution], raw: Path
) -> Iterator[Finding]:
    """Yield a finding if the same table lost most of its rows."""
    if not was or was.keys() != now.keys():
        return
    rows = [next(iter(columns.values())).rows for columns in (was, now)]
    if rows[1] < SHRUNK * rows[0]:
        yield Finding(
            "fewer rows",
            raw,
            f"has {rows[1]} rows, but {rows[0]} in the last commit",
            "If that is intended, commit; if not, check that the export is complete.",
        )
