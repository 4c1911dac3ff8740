"""How a metric changed in each group of rows."""

from collections.abc import Iterator, Sequence
from math import hypot
from typing import NamedTuple

from reproducible_ml.models.metrics import Metrics
from reproducible_ml.models.summary import show
from reproducible_ml.review.compare import Interval, judge, number
from reproducible_ml.review.markdown import code, table
from reproducible_ml.review.results import Evaluation, Group, Results, Value

# What is told of each class, and of other metrics if they moved so.
OF_CLASSES = "f1"
MOVED = ("better", "worse")

NOTE = (
    "Groups have no replicates in Git: these verdicts come from the intervals of both"
    " sides, as if they were independent, and so see less than pairs would."
)


class Row(NamedTuple):
    """A metric of a group of rows, at the base and now."""

    column: str
    group: str
    rows: int
    metric: str
    is_main: bool
    base: Value
    head: Value

    @property
    def change(self) -> float | None:
        """By how much the metric changed."""
        old, new = number(self.base.value), number(self.head.value)
        return None if old is None or new is None else new - old

    def verdict(self, metrics: Metrics) -> str:
        """Return what that means, in a word or two."""
        if self.change is None:
            return "not defined" if number(self.head.value) is None else "new"
        known = metrics.get(self.metric)
        better = known.greater_is_better if known else None
        return judge(self.change, independent(self.base, self.head), better)


def groups(base: Results, head: Results, metric: str, metrics: Metrics) -> str:
    """Return a table of groups of rows: a metric of all, others where they moved.

    Args:
        base: Results at the base.
        head: Results now.
        metric: The one to show of all groups; of classes it is OF_CLASSES.
        metrics: What is known of each metric by name.
    """
    rows = [
        row
        for row in every_row(base.evaluation, head.evaluation, metric)
        if row.is_main or row.verdict(metrics) in MOVED
    ]
    if not rows:
        return "Groups of rows: none are judged."
    titles = ["group", "rows", "metric", "base", "now", "change", "95 %", "verdict"]
    return f"{table(titles, (_cells(row, metrics) for row in rows))}\n\n{NOTE}"


def every_row(
    base: Evaluation | None, head: Evaluation | None, metric: str
) -> Iterator[Row]:
    """Yield the metrics of all groups and classes that are judged now."""
    if head is None:
        return
    old = base.slices if base else {}
    for column, now in head.slices.items():
        yield from _rows(column, old.get(column, ()), now, metric)
    yield from _rows("class", base.classes if base else (), head.classes, OF_CLASSES)


def _rows(
    column: str, old: Sequence[Group], new: Sequence[Group], main: str
) -> Iterator[Row]:
    was = {group.group: group.metrics for group in old}
    for group in new:
        for name, value in group.metrics.items():
            before = was.get(group.group, {}).get(name, Value())
            is_main = name == main
            yield Row(column, group.group, group.rows, name, is_main, before, value)


def _cells(row: Row, metrics: Metrics) -> list[str]:
    cells = [f"{code(row.column)} {code(row.group)}", str(row.rows), code(row.metric)]
    cells += [show(number(value.value)) for value in (row.base, row.head)]
    moved = "-" if row.change is None else signed(row.change)
    found = ends(independent(row.base, row.head))
    return [*cells, moved, found, row.verdict(metrics)]


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
