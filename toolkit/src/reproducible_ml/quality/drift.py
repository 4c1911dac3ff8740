"""Compare a table with the one of the last commit, by the rule of `difference`."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from reproducible_ml.contract.findings import Finding, quoted
from reproducible_ml.contract.schema import Contract, Data
from reproducible_ml.core.params import Compute
from reproducible_ml.quality.difference import Change, certain, change, rows_needed
from reproducible_ml.quality.distributions import Distribution, TableProfile, recount

# With a smaller share of columns in common, these are different tables.
IN_COMMON = 0.5

# A table with a smaller share of the former rows has probably lost some.
SHRUNK = 0.5


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
    tables = [TableProfile.model_validate(each) for each in (old, new, recounted)]
    was, now, same = (each.columns for each in tables)
    findings = list(_shrunk(tables[0], tables[1], raw))
    names = [
        name
        for name, column in same.items()
        if column.kind != "dates" and min(column.rows, was[name].rows) > 0
    ]
    changes = [change(was[name], same[name]) for name in names]
    for name, found, is_certain in zip(names, changes, certain(changes), strict=True):
        if is_certain and found.matters:
            words = describe(was[name], same[name], now.get(name))
            findings.append(_drifted(name, words, found, raw))
    if not findings and names and old != new:
        findings += _too_few({n: was[n] for n in names}, same[names[0]].rows, raw)
    return findings


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
    path = report.absolute()
    # Its own folder may have been removed.
    folder = next(parent for parent in path.parents if parent.is_dir())
    name = path.relative_to(folder).as_posix()
    command = ["git", "-C", str(folder), "show", f"HEAD:./{name}"]
    try:
        shown = subprocess.run(command, capture_output=True, check=True)
        found = json.loads(shown.stdout)
        TableProfile.model_validate(found)
    except (OSError, subprocess.CalledProcessError, ValueError, KeyError, TypeError):
        return None
    return dict(found)


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


def _too_few(old: dict[str, Distribution], new: int, raw: Path) -> Iterator[Finding]:
    """Yield a finding if drift would not be found in most of the columns."""
    needed = {name: rows_needed(column, len(old)) for name, column in old.items()}
    enough = [name for name, rows in needed.items() if rows and rows <= new]
    if 2 * len(enough) > len(old):
        return
    known = sorted(rows for rows in needed.values() if rows)
    least = (
        f"it takes {known[len(known) // 2]}"
        if 2 * len(known) > len(old)
        else "no number of rows would do"
    )
    rows = next(iter(old.values())).rows
    yield Finding(
        "too few rows to tell",
        raw,
        f"has {new} rows, and {rows} in the last commit: too few to tell whether the"
        f" columns drifted ({least} to find a shift of half a standard deviation)",
        "Compare the tables yourself.",
    )


def _shrunk(was: TableProfile, now: TableProfile, raw: Path) -> Iterator[Finding]:
    """Yield a finding if the same table lost most of its rows."""
    if not was.columns or was.columns.keys() != now.columns.keys():
        return
    rows = [was.rows, now.rows]
    if rows[1] < SHRUNK * rows[0]:
        yield Finding(
            "fewer rows",
            raw,
            f"has {rows[1]} rows, but {rows[0]} in the last commit",
            "If that is intended, commit; if not, check that the export is complete.",
        )
