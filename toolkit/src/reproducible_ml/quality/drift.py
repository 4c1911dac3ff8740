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

# Rows that both tables need.
ROWS = 500

# Expected share of false alarms among all alarms.
ALPHA = 0.01

# From here on, a difference matters: population stability index, share of rows moved.
PSI, MOVED = 0.1, 0.1

# Bins with fewer rows in both tables together are merged.
BIN_ROWS = 10

# With a smaller share of columns in common, these are different tables.
IN_COMMON = 0.5

# A table with a smaller share of the former rows has probably lost some.
SHRUNK = 0.5


class Change(NamedTuple):
    """How one distribution differs from another.

    Attributes:
        p: Chance of such a difference if nothing had changed (chi-squared test).
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
        if column.kind != "dates" and min(column.rows, was[name].rows) >= ROWS
    ]
    changes = [change(was[name], same[name]) for name in names]
    for name, found, certain in zip(names, changes, _certain(changes), strict=True):
        if certain and found.matters:
            words = describe(was[name], same[name], now.get(name))
            findings.append(_drifted(name, words, found, raw))
    return findings


def change(old: Distribution, new: Distribution) -> Change:
    """Return how the counts of two tables in the same bins differ."""
    from scipy.stats import chi2_contingency

    counts = np.array([[*d.counts, d.missing] for d in (old, new)], dtype=np.float64)
    few = counts.sum(axis=0) < BIN_ROWS
    counts = np.column_stack([counts[:, ~few], counts[:, few].sum(axis=1)])
    counts = counts[:, counts.sum(axis=0) > 0]
    if counts.shape[1] < 2:
        return Change(1.0, 0.0, 0.0)
    shares = counts / counts.sum(axis=1, keepdims=True)
    # Half a row more in each bin, or an empty one would make the index infinite.
    was, now = (c / c.sum() for c in counts + 0.5)
    psi = float(((now - was) * np.log(now / was)).sum())
    moved = float(np.abs(shares[1] - shares[0]).sum() / 2)
    return Change(float(chi2_contingency(counts, correction=False)[1]), psi, moved)


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
