"""Gates: the conditions in params.yaml that a change must meet."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from reproducible_ml.core.errors import UserError
from reproducible_ml.core.params import Distance, Finite, Section
from reproducible_ml.modeling.drawing.summary import format_number
from reproducible_ml.modeling.metrics.metric import Metrics
from reproducible_ml.report.markdown import MESSAGE, code, listed
from reproducible_ml.report.results import (
    EVALUATION,
    METRICS,
    Change,
    Group,
    Results,
    number,
)
from reproducible_ml.versioning.dvc import default_remote, find_lost_folders, run_dvc
from reproducible_ml.versioning.git import missing_base
from reproducible_ml.versioning.lock import flatten

# Metrics below a floor that are listed.
SHOWN = 10

# How the name of the gate ends that compares with the base.
AGAINST_BASE = "against the base"

REMOTE = "outputs are in the remote"

# States in `dvc status --cloud`: only here, and neither here nor there.
NEW, MISSING = "new", "missing"


class Gate(Section):
    """Section `gate` of params.yaml: when a change is refused."""

    metric: str | None = None
    tolerance: Distance = 0.0
    only_beyond_noise: bool = True
    floors: dict[str, Finite] = {}
    slice_floors: dict[str, dict[str, Finite]] = {}
    tolerance_numeric: Distance = 0.0001


class GateResult(NamedTuple):
    """A condition, whether it is met (None: not checked), and why."""

    name: str
    passed: bool | None
    reason: str


def check_gates(
    gate: Gate,
    names: Sequence[str],
    head: Results,
    changes: Sequence[Change],
    metrics: Metrics,
) -> list[GateResult]:
    """Check all gates that concern metrics.

    Args:
        gate: The conditions.
        names: Metrics that params.yaml names; the gate is about the first, unless it
            names another.
        head: Results now.
        changes: How they differ from the base.
        metrics: The known metrics by name.
    """
    found = [check_numbers(names, head.metrics)]
    found.append(_against_base(gate, gate.metric or names[0], changes, metrics))
    if gate.floors:
        missed = [*_missed(head.metrics, gate.floors, metrics)]
        found.append(_floors("floors", missed))
    if gate.slice_floors:
        missed = [*_missed_by_groups(gate.slice_floors, head, metrics)]
        found.append(_floors("floors of groups", missed))
    return found


def check_numbers(wanted: Sequence[str], found: Mapping[str, Any]) -> GateResult:
    """Check that every metric is a finite number, also those that nobody asked for."""
    written = dict(flatten(found))
    wrong = [
        f"{code(name)} is {code(written[name]) if name in written else 'missing'}"
        for name in dict.fromkeys([*wanted, *written])
        if number(written.get(name)) is None
        # Texts and lists beside the metrics are allowed.
        if name in wanted or isinstance(written[name], float | None)
    ]
    reason = (
        f"{METRICS}: {'; '.join(wrong[:SHOWN])}" if wrong else "all are finite numbers"
    )
    return GateResult("metrics are numbers", not wrong, reason)


def _against_base(
    gate: Gate, name: str, changes: Sequence[Change], metrics: Metrics
) -> GateResult:
    """Check that the gate's metric is not worse than at the base."""
    title = f"{code(name)} {AGAINST_BASE}"
    change = next(change for change in changes if change.name == name)
    if change.head is None:
        return GateResult(title, False, f"it is {change.verdict}")
    if change.base is None:
        return GateResult(title, True, "the base has none to compare with")
    if name not in metrics:
        return GateResult(
            title,
            False,
            "it is not a metric of the task, so its better direction is unknown",
        )
    sign = 1 if metrics[name].greater_is_better else -1
    loss = (change.base - change.head) * sign
    allowed = f"by {format_number(loss)}, tolerance {format_number(gate.tolerance)}"
    if loss <= gate.tolerance:
        return GateResult(
            title, True, f"{change.verdict}{f' {allowed}' if loss > 0 else ''}"
        )
    beyond = not change.is_noise
    reason = f"worse {allowed}; {change.verdict if not beyond else 'more than noise'}"
    if beyond and change.interval is None:
        reason = f"worse {allowed}; without an interval, so it may be noise"
    return GateResult(title, gate.only_beyond_noise and not beyond, reason)


def _missed(
    found: Mapping[str, Any], floors: Mapping[str, float], metrics: Metrics
) -> Iterator[str]:
    """Yield a text for each metric that is worse than its floor, or undefined."""
    for name, floor in floors.items():
        value = number(found.get(name))
        if value is None or name not in metrics:
            yield f"{code(name)} is not defined"
            continue
        better = metrics[name].greater_is_better
        if value < floor if better else value > floor:
            word = "below" if better else "above"
            is_ = f"{code(name)} is {format_number(value)}"
            yield f"{is_}, {word} {format_number(floor)}"


def _missed_by_groups(
    slice_floors: Mapping[str, Mapping[str, float]], head: Results, metrics: Metrics
) -> Iterator[str]:
    """Yield a text for each group of rows in which a metric is worse than its floor."""
    slices: Mapping[str, list[Group]] = (
        head.evaluation.slices if head.evaluation else {}
    )
    for column, floors in slice_floors.items():
        groups = slices.get(column, [])
        if floors and not groups:
            yield f"{EVALUATION} has no groups of {code(column)}"
        for group in groups:
            values = {name: value.value for name, value in group.metrics.items()}
            for reason in _missed(values, floors, metrics):
                where = f"{code(column)} {code(group.group)} ({group.rows} rows)"
                yield f"{where}: {reason}"


def _floors(title: str, missed: Sequence[str]) -> GateResult:
    more = len(missed) - SHOWN
    shown = [*missed[:SHOWN], *([f"and {more} more"] if more > 0 else [])]
    return GateResult(title, not missed, "; ".join(shown) or "all are met")


def base_status(root: Path, base: str | None) -> GateResult | None:
    """Check that there was a commit to compare with; None if there was.

    The first commit of a repository has none before it.
    """
    reason = missing_base(root, base)
    return GateResult("base commit", False, reason) if reason else None


def remote_status(root: Path, *, offline: bool) -> GateResult | None:
    """Check that all outputs in dvc.lock were pushed; None without a remote.

    Args:
        root: Of the repository.
        offline: Do not contact the remote, as where there is no login.
    """
    if default_remote(root) is None:
        return None
    if offline:
        return GateResult(REMOTE, None, "not checked (offline)")
    try:
        status = json.loads(run_dvc("status", "--cloud", "--json", cwd=root) or "{}")
        lost = find_lost_folders(root)
    except UserError as error:
        fix = "check address and credentials (`.cloud/README.md`)"
        reason = f"{code(error, MESSAGE)}: {fix}"
        return GateResult(REMOTE, False, reason)
    lacking = [path for path, state in status.items() if state == NEW]
    nowhere = [path for path, state in status.items() if state == MISSING]
    nowhere += [path for path in lost if path not in nowhere]
    if nowhere:
        reason = (
            f"neither here nor pushed: {listed([*nowhere, *lacking])}. Fix: `make"
            " repro`, then `dvc push`"
        )
    elif lacking:
        reason = f"not pushed: {listed(lacking)}. Fix: `dvc push`"
    else:
        reason = "all are there"
    return GateResult(REMOTE, not lacking and not nowhere, reason)
