"""Gates: the conditions in params.yaml that a change must meet."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from reproducible_ml.core.errors import UserError
from reproducible_ml.core.params import Distance, Finite, Section
from reproducible_ml.modeling.drawing.summary import format_number
from reproducible_ml.modeling.metrics.metric import Metrics
from reproducible_ml.modeling.scoring.gaps import GAPS
from reproducible_ml.report.markdown import MESSAGE, code, listed
from reproducible_ml.report.results import (
    EVALUATION,
    METRICS,
    Change,
    Gap,
    Group,
    Results,
    number,
)
from reproducible_ml.versioning.dvc import (
    default_remote,
    find_lost_folders,
    missing_objects,
    read_pointer,
    run_dvc,
)
from reproducible_ml.versioning.git import Revision, missing_base
from reproducible_ml.versioning.lock import LOCK, flatten, locked_outputs
from reproducible_ml.versioning.tombstone import read_tombstones

# Metrics below a floor that are listed.
SHOWN = 10

# How the name of the gate ends that compares with the base.
AGAINST_BASE = "against the base"

GROUP_GAPS = "gaps of protected groups"

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
    max_group_gap: dict[str, Distance] = {}
    tolerance_numeric: Distance = 0.0001

    def problem(self, task: str, *, protected: bool) -> str | None:
        """Return what is wrong with `max_group_gap`, if anything.

        Args:
            task: Of the model.
            protected: Whether there are protected columns.
        """
        known = GAPS[task]
        if unknown := sorted(self.max_group_gap.keys() - {*known}):
            names = ", ".join(known)
            return f"gate.max_group_gap names {unknown[0]}, not one of {names}"
        if self.max_group_gap and not protected:
            return "gate.max_group_gap needs a column in evaluate.protected"
        return None


class GateResult(NamedTuple):
    """A condition, whether it is met (None: nobody knows), and why."""

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
    if gate.max_group_gap:
        found.append(_group_gaps(gate, head))
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


def _group_gaps(gate: Gate, head: Results) -> GateResult:
    """Check that protected groups do not differ by more than the limits.

    It fails if one of the differences does, and is not decided if one is not.
    """
    protected = head.evaluation.protected if head.evaluation else {}
    if not protected:
        reason = f"{EVALUATION} has no protected groups"
        return GateResult(GROUP_GAPS, False, reason)
    found = [
        (*_within(name, limit, each.gaps.get(name), gate), column, each)
        for column, each in protected.items()
        for name, limit in gate.max_group_gap.items()
    ]
    # What fails, and then what is not decided, is said first.
    found.sort(key=lambda each: (each[0] is not False, each[0] is not None))
    reasons = [f"{code(column)}: {words}" for _, words, column, _ in found]
    more = len(reasons) - SHOWN
    shown = [*reasons[:SHOWN], *([f"and {more} more"] if more > 0 else [])]
    sizes = [
        f"{code(each.smallest.group)} of {code(column)}, {each.smallest.rows} rows"
        for column, each in protected.items()
    ]
    shown.append(f"smallest groups: {', '.join(sizes)}")
    return GateResult(GROUP_GAPS, found[0][0], "; ".join(shown))


def _within(
    name: str, limit: float, gap: Gap | None, gate: Gate
) -> tuple[bool | None, str]:
    """Return whether a difference is within its limit, None if unknown, and why.

    By default it fails only if the whole interval is above the limit.
    """
    if gap is None:
        return False, f"{EVALUATION} has no {code(name)}"
    found = gap.difference
    if found.value is None:
        return None, f"{code(name)}: not two groups have rows that it is defined for"
    of_class = f" of {code(gap.of_class)}" if gap.of_class is not None else ""
    words = (
        f"{code(name)}{of_class} differs by {format_number(found.value)}"
        f" ({format_number(found.low)} to {format_number(found.high)}) from"
        f" {code(gap.lowest)} to {code(gap.highest)}"
    )
    is_above = found.value > limit
    shown = format_number(limit)
    if is_above and not gate.only_beyond_noise:
        return False, f"{words}, above {shown}"
    if is_above and (found.low is None or found.low > limit):
        surest = " and ".join(map(code, gap.surest or ()))
        between = f", surest between {surest}" if surest else ""
        return False, f"{words}, above {shown} by more than noise{between}"
    words += f", above {shown} within noise" if is_above else f", at most {shown}"
    if gap.few:
        return None, f"{words}; too few rows to decide: {name_few(gap)}"
    return True, words


def name_few(gap: Gap) -> str:
    """Return the groups with too few rows to compare them."""
    named = [
        f"{code(each.group)} has {each.rows} {each.of}"
        + (f" for {code(each.of_class)}" if each.of_class is not None else "")
        for each in gap.few
    ]
    more = gap.few_count - len(named)
    return ", ".join([*named, *([f"and {more} more"] if more > 0 else [])])


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
    if nowhere and (why := _why_deleted(root, nowhere)):
        reason = f"{why}: {listed(nowhere)}. Fix: take newer data"
    elif nowhere:
        reason = (
            f"neither here nor pushed: {listed([*nowhere, *lacking])}. Fix: `make"
            " repro`, then `dvc push`"
        )
    elif lacking:
        reason = f"not pushed: {listed(lacking)}. Fix: `dvc push`"
    else:
        reason = "all are there"
    return GateResult(REMOTE, not lacking and not nowhere, reason)


def _why_deleted(root: Path, paths: Sequence[str]) -> str:
    """Return what is said of data that all were deleted on purpose, or nothing."""
    outputs = locked_outputs(Revision(root).yaml(LOCK))
    outputs |= {path: str(md5) for path, md5 in _tracked(root)}
    return read_tombstones(root).why(
        digest
        for path in paths
        for digest in missing_objects(root, outputs.get(path, "")) or [""]
    )


def _tracked(root: Path) -> Iterator[tuple[str, Any]]:
    for pointer in sorted((root / "data").glob("**/*.dvc")):
        for out in read_pointer(pointer).get("outs") or ():
            path = pointer.parent / str(out.get("path"))
            yield path.relative_to(root).as_posix(), out.get("md5")
