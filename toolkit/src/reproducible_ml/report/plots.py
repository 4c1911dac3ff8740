"""The plots of two revisions: curves over each other, and tables of what has names."""

import csv
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from reproducible_ml.modeling.drawing.summary import format_number
from reproducible_ml.report.compare import number
from reproducible_ml.report.mermaid import (
    POINTS,
    Axis,
    Floats,
    chart,
    exact_axis,
    grid,
    padded_axis,
)
from reproducible_ml.report.plot_tables import (
    Rows,
    confusion_matrix,
    importance,
    positives,
    read_counts,
)
from reproducible_ml.report.results import METRICS
from reproducible_ml.versioning.git import Revision

# Groups of points whose mean is shown, where there are only points.
BINS = 20

# Steps of a histogram: about as many as `evaluate` counts in, or it gets ragged.
STEPS = 25

# Shares that are all higher are drawn closer to 1, lower probabilities closer to 0.
ZOOM = 0.5


class Curve(NamedTuple):
    """Places, not all different, and values there, both of shape (n,)."""

    x: Floats
    y: Floats


def floats(rows: Rows, column: str) -> Floats:
    """Return a column as numbers, NaN where there is none."""
    return np.array([_float(row.get(column)) for row in rows], dtype=np.float64)


def _float(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return float("nan")


def curve(rows: Rows, x: str, y: str) -> Curve:
    """Return the points of two columns at which both are finite, sorted by place."""
    places, values = floats(rows, x), floats(rows, y)
    known = np.isfinite(places) & np.isfinite(values)
    order = np.argsort(places[known], kind="stable")
    return Curve(places[known][order], values[known][order])


def resample(points: Curve, places: Floats) -> Floats:
    """Return the curve at other places: the highest where it is upright there."""
    if not len(points.x):
        return np.full(len(places), np.nan)
    x, starts = np.unique(points.x, return_index=True)
    return np.interp(places, x, np.maximum.reduceat(points.y, starts))


def means(points: Curve, axis: Axis) -> Curve:
    """Return the mean of the values in each of BINS - 1 equal parts of an axis."""
    edges = np.linspace(axis.low, axis.high, BINS)
    part = np.clip(np.searchsorted(edges, points.x, side="right") - 1, 0, BINS - 2)
    counts = np.bincount(part, minlength=BINS - 1)
    sums = np.bincount(part, weights=points.y, minlength=BINS - 1)
    filled = counts > 0
    middle = (edges[1:] + edges[:-1]) / 2
    return Curve(middle[filled], sums[filled] / counts[filled])


def shares(points: Curve, axis: Axis) -> Floats:
    """Return how much of the rows is around each place of a grid, 0 outside."""
    places = grid(axis, STEPS)
    if len(points.x) < 2 or not points.y.sum():
        return np.full(len(places), np.nan)
    width = points.x[1] - points.x[0]
    density = points.y / (points.y.sum() * width)
    step = places[1] - places[0]
    found: Floats = np.interp(places, points.x, density, left=0.0, right=0.0) * step
    return found


class Facts(NamedTuple):
    """What the keys of charts say: metrics at the base and now, share of positives."""

    metrics: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
    positives: float | None = None

    def names(self, metric: str, short_name: str) -> tuple[str, str]:
        """Return names of the lines, as `now (AUC 0.993)`."""
        found = []
        for name, metrics in zip(("base", "now"), self.metrics, strict=True):
            value = number(metrics.get(metric))
            words = "" if value is None else f" ({short_name} {format_number(value)})"
            found.append(f"{name}{words}")
        return found[0], found[1]


NO_FACTS = Facts()


def draw(base: Revision | None, head: Revision) -> list[str]:
    """Return a chart or table for each kind of plot that head has."""
    counts = read_counts(_read(head, "reports/plots/confusion_matrix.csv"))
    facts = Facts((_metrics(base), _metrics(head)), positives(counts))
    found = []
    for name, function in CHARTS.items():
        old, new = (_read(r, f"reports/plots/{name}.csv") for r in (base, head))
        if new:
            found.append(function(old, new, facts))
    return found


def _metrics(revision: Revision | None) -> dict[str, Any]:
    found = revision.json(METRICS) if revision else None
    return found if isinstance(found, dict) else {}


def _read(revision: Revision | None, path: str) -> Rows:
    text = (revision.text(path) if revision else None) or ""
    try:
        return [*csv.DictReader(text.splitlines())]
    except csv.Error:
        return []


def overlay(
    title: str,
    x: Axis,
    y: Axis,
    both: list[Floats],
    ideal: tuple[str, Floats] | None = None,
    names: tuple[str, str] = ("base", "now"),
) -> str:
    """Return a chart of `both`, base and now; one line if they are the same.

    Args:
        title: Of the chart.
        x: As for `chart`.
        y: As for `chart`.
        both: Values at the base and now.
        ideal: Name and values of a line to compare with, if it is within the chart.
        names: Of the lines at the base and now.
    """
    old, new = both
    lines: dict[str, tuple[str, Floats]] = {}
    if ideal and y.low <= ideal[1].min() and ideal[1].max() <= y.high:
        lines[ideal[0]] = ("blue", ideal[1])
    if np.array_equal(old, new):
        now = names[1].removeprefix("now")
        lines[f"base and now, which are the same{now}"] = ("orange", new)
    else:
        if np.isfinite(old).any():
            lines[names[0]] = ("grey", old)
        lines[names[1]] = ("orange", new)
    return chart(title, x, y, lines)


def _roc(old: Rows, new: Rows, facts: Facts) -> str:
    x = Axis("false positive rate", 0.0, 1.0)
    both = [resample(curve(rows, "fpr", "tpr"), grid(x)) for rows in (old, new)]
    y = _shares_axis("true positive rate", both)
    chance = ("chance", grid(x))
    return overlay("ROC curve", x, y, both, chance, facts.names("roc_auc", "AUC"))


def _precision_recall(old: Rows, new: Rows, facts: Facts) -> str:
    x = Axis("recall", 0.0, 1.0)
    both = [
        resample(curve(rows, "recall", "precision"), grid(x)) for rows in (old, new)
    ]
    y = _shares_axis("precision", both)
    names = facts.names("average_precision", "AP")
    title = "Precision and recall"
    if facts.positives is None:
        return overlay(title, x, y, both, None, names)
    line = np.full(POINTS, facts.positives)
    drawn = overlay(title, x, y, both, ("chance", line), names)
    return f"{drawn} Chance is the share of positives, {facts.positives:.4f}."


def _shares_axis(title: str, both: list[Floats]) -> Axis:
    """Return an axis of shares: from 0, or closer to 1 if all of them are high."""
    lowest = min(lines[np.isfinite(lines)].min(initial=1.0) for lines in both)
    ends = np.array([0.0, 1.0] if lowest < ZOOM else [1.0])
    return padded_axis(title, [*both, ends], step=0.1)


def _calibration(old: Rows, new: Rows, _: Facts) -> str:
    """Draw actual over predicted probabilities, as far as there are any."""
    curves = [curve(rows, "predicted", "actual") for rows in (old, new)]
    both = [value for points in curves for value in points]
    highest = max(values.max(initial=0.0) for values in both)
    end = 1.0 if highest > ZOOM else padded_axis("", [np.array([0.0, highest])]).high
    x = Axis("predicted probability", 0.0, end)
    lines = [resample(points, grid(x)) for points in curves]
    y = Axis("share of positives", 0.0, end)
    return overlay("Calibration", x, y, lines, ("perfect", grid(x)))


def _classes(old: Rows, new: Rows, _: Facts) -> str:
    """Draw f1 of each class; a class is known by its number in the table of classes."""
    names = [row.get("class", "") for row in new][:POINTS]
    lines = []
    for rows in (old, new):
        known = dict(
            zip([row.get("class") for row in rows], floats(rows, "f1"), strict=True)
        )
        lines.append(np.array([known.get(name, np.nan) for name in names]))
    x = Axis("class, in the order of the contract", 1.0, len(names), whole=True)
    return overlay("F1 of each class", x, padded_axis("f1", lines, step=0.1), lines)


def _predicted_actual(old: Rows, new: Rows, facts: Facts) -> str:
    """Draw the mean of the truth around each prediction."""
    curves = [curve(rows, "predicted", "actual") for rows in (old, new)]
    x = exact_axis("predicted", [points.x for points in curves])
    places = grid(x, BINS)
    lines = [resample(means(points, x), places) for points in curves]
    y = padded_axis("mean of the actual", [*lines, places])
    names, ideal = facts.names("r2", "R²"), ("perfect", places)
    return overlay("Predicted and actual", x, y, lines, ideal, names)


def _residuals(old: Rows, new: Rows, facts: Facts) -> str:
    """Draw the share of the rows at each residual, per step of the grid."""
    curves = [curve(rows, "residual", "rows") for rows in (old, new)]
    x = padded_axis("actual - predicted", [points.x for points in curves])
    lines = [shares(points, x) for points in curves]
    y = padded_axis("share of the rows per step", [*lines, np.zeros(1)])
    return overlay("Residuals", x, y, lines, None, facts.names("rmse", "RMSE"))


CHARTS: dict[str, Callable[[Rows, Rows, Facts], str]] = {
    "roc": _roc,
    "precision_recall": _precision_recall,
    "calibration": _calibration,
    "classes": _classes,
    "predicted_actual": _predicted_actual,
    "residual_histogram": _residuals,
    "confusion_matrix": lambda old, new, _: confusion_matrix(old, new),
    "importance": lambda old, new, _: importance(old, new),
}
