"""How a metric changed in each group of rows."""

from collections.abc import Iterator, Sequence
from math import hypot
from typing import NamedTuple

from reproducible_ml.models.metrics import Metrics
from reproducible_ml.models.summary import show
from reproducible_ml.review.compare import Interval, judge, number
from reproducible_ml.review.markdown import code, table
from reproducible_ml.review.results import Evaluation, Group, Results, Value

# What is told of each class.
OF_CLASSES = "f1"

NOTE = (
    "Groups have no replicates in Git: these verdicts come from the intervals of both"
    " sides, as if they were independent, and so see less than pairs would."
)


class Row(NamedTuple):
    """A group at the base and now; the places of columns that the report shows."""

    column: str
    group: str
    base: Value
    head: Value
    rows: int


def groups(base: Results, head: Results, metric: str, metrics: Metrics) -> str:
    """Return a table of the groups of both revisions, those that changed most first.

    Args:
        base: Results at the base; those of another question are left out by the caller.
        head: Results now.
        metric: The metric to show of slices; of classes it is OF_CLASSES.
        metrics: What is known of each metric by name.
    """
    parts = []
    if rows := [*_slices(base.evaluation, head.evaluation, metric)]:
        better = metrics[metric].greater_is_better if metric in metrics else None
        parts.append(f"{code(metric)} of groups of rows\n\n{_table(rows, better)}")
    if rows := [*_classes(base.evaluation, head.evaluation)]:
        parts.append(f"{code(OF_CLASSES)} of each class\n\n{_table(rows, True)}")
    return "\n\n".join([*parts, NOTE]) if parts else "Groups of rows: none are judged."


def _slices(
    base: Evaluation | None, head: Evaluation | None, metric: str
) -> Iterator[Row]:
    old = base.slices if base else {}
    for column, now in (head.slices if head else {}).items():
        yield from _rows(column, old.get(column, ()), now, metric)


def _classes(base: Evaluation | None, head: Evaluation | None) -> Iterator[Row]:
    if head:
        yield from _rows(
            "class", base.classes if base else (), head.classes, OF_CLASSES
        )


def _rows(
    column: str, old: Sequence[Group], new: Sequence[Group], metric: str
) -> Iterator[Row]:
    was = {group.group: group.metrics.get(metric, Value()) for group in old}
    for group in new:
        now = group.metrics.get(metric, Value())
        yield Row(column, group.group, was.get(group.group, Value()), now, group.rows)


def _table(rows: Sequence[Row], better: bool | None) -> str:
    titles = ["group", "rows", "base", "now", "change", "95 % interval", "verdict"]
    ordered = sorted(rows, key=lambda row: -abs(_change(row) or 0.0))
    return table(titles, (_cells(row, better) for row in ordered))


def _cells(row: Row, better: bool | None) -> list[str]:
    change = _change(row)
    found = independent(row.base, row.head)
    name = f"{code(row.column)} {code(row.group)}"
    values = [show(number(value.value)) for value in (row.base, row.head)]
    if change is None:
        word = "new" if row.head.value is not None else "not defined"
        return [name, str(row.rows), *values, "-", "-", word]
    verdict = judge(change, found, better)
    return [name, str(row.rows), *values, signed(change), ends(found), verdict]


def _change(row: Row) -> float | None:
    old, new = number(row.base.value), number(row.head.value)
    return None if old is None or new is None else new - old


def independent(base: Value, head: Value) -> Interval | None:
    """Return an interval of head - base from the interval of each.

    The method of variance estimates recovery (Zou and Donner, "Construction of
    confidence limits about effect measures", Statistics in Medicine 27, 2008).
    """
    if base == head and base.complete:
        return 0.0, 0.0
    if base.complete is None or head.complete is None:
        return None
    (b_low, b, b_high), (h_low, h, h_high) = base.complete, head.complete
    return h - b - hypot(h - h_low, b_high - b), h - b + hypot(h_high - h, b - b_low)


def signed(value: float) -> str:
    """Return a change with its sign."""
    return f"{'+' if value > 0 else '-' if value < 0 else ''}{show(abs(value))}"


def ends(interval: Interval | None) -> str:
    """Return an interval of changes; a dash where there is none to tell."""
    return " to ".join(map(signed, interval)) if interval and any(interval) else "-"
