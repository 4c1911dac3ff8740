"""What was changed: parameters, packages, stages."""

import json
from collections.abc import Mapping
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement

from reproducible_ml.review.markdown import code, listed, table
from reproducible_ml.review.results import PARAMS, Results
from reproducible_ml.review.revisions import Revision
from reproducible_ml.review.stages import Difference, changed, differences, flat

LOCKS = ("environments/runtime.txt", "environments/dev.txt")


def params(base: Results, head: Results) -> str:
    """Return a table of the parameters that changed, by dotted key."""
    old, new = dict(flat(base.params)), dict(flat(head.params))
    rows = [
        [code(key), _value(old, key), _value(new, key)] for key in changed(old, new)
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
        for name in sorted(changed(old, new))
    ]
    if not rows:
        return "Packages: none changed in environments/."
    note = "DVC does not look at packages: after the commit, `make verify` does."
    return f"{table(['package', 'base', 'now'], rows)}\n\n{note}"


def versions(revision: Revision) -> dict[str, str]:
    """Return what the locked environment asks for, by the name of the package."""
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
    """Return a table of the stages that were run again, why, and what came of it."""
    rows = []
    for found in differences(base.lock, head.lock):
        made = listed(found.outputs, 3) if found.outputs else "the same as before"
        if found.only_in:
            made = "-"
        rows.append([code(found.stage), _why(found), made])
    if not rows:
        return "Stages: none was run again."
    return table(["stage", "run again because of", "changed results"], rows)


def _why(found: Difference) -> str:
    """Return what made a stage run again."""
    if found.only_in:
        return "new stage" if found.only_in == "new" else "stage removed"
    if found.inputs:
        return listed(found.inputs)
    if found.upstream:
        return f"{listed(found.upstream)} of other stages"
    return "nothing that the lock names"
