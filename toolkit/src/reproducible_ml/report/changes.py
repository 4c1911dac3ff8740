"""Tables of what changed: parameters, packages, stages, data and the contract."""

import difflib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement

from reproducible_ml.report.markdown import code, details, fence, listed, table
from reproducible_ml.report.results import PARAMS, Results, section
from reproducible_ml.versioning.git import Revision
from reproducible_ml.versioning.lock import (
    Difference,
    changed_keys,
    compare_locks,
    flatten,
    locked_hashes,
    locked_stages,
)

LOCKS = ("environments/runtime.txt", "environments/dev.txt")

CONTRACT = "data/schema.yaml"

# Which report counts the rows of a table, and under which key, by the last part of the
# table's path.
ROW_COUNTS = {
    "validated": ("reports/validation.json", None),
    "clean": ("reports/cleaning.json", None),
    "train": ("reports/split.json", "train"),
    "test": ("reports/split.json", "test"),
}


def params(base: Results, head: Results) -> str:
    """Return a table of the parameters that changed, by dotted key."""
    old, new = dict(flatten(base.params)), dict(flatten(head.params))
    rows = [
        [code(key), _value(old, key), _value(new, key)]
        for key in changed_keys(old, new)
    ]
    if not rows:
        return f"Parameters: none changed in {PARAMS}."
    return table(["parameter", "base", "now"], rows)


def _value(values: Mapping[str, Any], key: str) -> str:
    if key not in values:
        return "-"
    return code(json.dumps(values[key], default=str, skipkeys=True, ensure_ascii=False))


def packages(base: Revision, head: Revision) -> str:
    """Return a table of the locked packages whose versions changed."""
    old, new = versions(base), versions(head)
    rows = [
        [
            code(name),
            *(code(side[name]) if name in side else "-" for side in (old, new)),
        ]
        for name in sorted(changed_keys(old, new))
    ]
    if not rows:
        return "Packages: none changed in environments/."
    note = "DVC does not track packages. After the commit, check with `make verify`."
    return f"{table(['package', 'base', 'now'], rows)}\n\n{note}"


def versions(revision: Revision) -> dict[str, str]:
    """Return the version of each package in the locked environment."""
    found = {}
    for path in LOCKS:
        for line in (revision.text(path) or "").splitlines():
            # Hashes and comments are on lines of their own, indented.
            if line[:1].isalnum():
                try:
                    wanted = Requirement(line.rstrip("\\ "))
                except InvalidRequirement:
                    continue
                found[wanted.name] = str(wanted.specifier).removeprefix("==")
    return found


def stages(base: Results, head: Results) -> str:
    """Return a table of the stages that ran again, why, and which results changed."""
    rows = []
    for found in compare_locks(base.lock, head.lock):
        made = listed(found.outputs, 3) if found.outputs else "none"
        if found.only_in:
            made = "-"
        rows.append([code(found.stage), _why(found), made])
    if not rows:
        return "Stages: none ran again."
    return table(["stage", "ran again because of", "changed results"], rows)


def _why(found: Difference) -> str:
    """Return the cause why a stage ran again."""
    if found.only_in:
        return "new stage" if found.only_in == "new" else "stage removed"
    if found.inputs:
        return listed(found.inputs)
    if found.upstream:
        return f"{listed(found.upstream)} of other stages"
    return "nothing recorded in dvc.lock"


def tables(base: Revision, head: Revision, old: Results, new: Results) -> str:
    """Return a table of the data that changed: rows and hash of each table.

    Args:
        base: Files at the base.
        head: Files now.
        old: Results at the base.
        new: Results now.
    """
    was, now = _hashes(old), _hashes(new)
    rows = [
        [
            code(path),
            _rows(base, path),
            _rows(head, path),
            _hash(was, path),
            _hash(now, path),
        ]
        for path in changed_keys(was, now)
    ]
    if not rows:
        return "Data: no table changed."
    titles = ["table", "rows at the base", "rows now", "hash at the base", "hash now"]
    return f"{table(titles, rows)}\n\n{_columns(base, head)}"


def _hashes(results: Results) -> dict[str, str]:
    """Return the hash of each table that a stage reads or writes, by path."""
    found: dict[str, str] = {}
    for stage in locked_stages(results.lock).values():
        for kind in ("deps", "outs"):
            known = locked_hashes(stage, kind).items()
            found |= {path: md5 for path, md5 in known if path.startswith("data/")}
    found.pop(CONTRACT, None)
    return found


def _hash(known: dict[str, str], path: str) -> str:
    return code(known[path][:8]) if path in known else "-"


def _rows(revision: Revision, path: str) -> str:
    report, key = ROW_COUNTS.get(path.rpartition("/")[2], ("", None))
    found = revision.json(report) if report else None
    if key and isinstance(found, dict):
        found = found.get(key)
    rows = found.get("rows") if isinstance(found, dict) else None
    return str(rows) if isinstance(rows, int) else "-"


def _columns(base: Revision, head: Revision) -> str:
    """List the columns that are new, gone, or of another type."""
    old, new = (section(r.yaml(CONTRACT), "columns") for r in (base, head))
    other = [n for n in new if n in old and _type(old[n]) != _type(new[n])]
    sides = {
        "new": [name for name in new if name not in old],
        "gone": [name for name in old if name not in new],
        "of another type": other,
    }
    parts = [f"{len(n)} {word}: {listed(n)}" for word, n in sides.items() if n]
    count = f"Columns: {len(old)} at the base, {len(new)} now"
    return f"{count}; {'; '.join(parts) or 'the same ones'}."


def _type(column: Any) -> Any:
    return column.get("dtype") if isinstance(column, dict) else None


def contract(base: Revision, head: Revision) -> str:
    """Return what changed in the contract, as a folded diff."""
    lines = [*_difference(base.text(CONTRACT) or "", head.text(CONTRACT) or "")]
    if not lines:
        return f"Contract: {CONTRACT} did not change."
    signs = [sum(line.startswith(sign) for line in lines) for sign in "+-"]
    summary = f"Contract: {CONTRACT} has {signs[0]} new and {signs[1]} removed lines"
    return details(summary, fence("\n".join(lines), "diff"))


def _difference(old: str, new: str) -> Iterator[str]:
    """Yield the lines of a diff with two lines of context, without file names."""
    found = difflib.unified_diff(old.splitlines(), new.splitlines(), n=2, lineterm="")
    return (line for number, line in enumerate(found) if number > 1)
