"""The curves of two revisions, drawn over each other."""

import csv
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from reproducible_ml.report.charts import (
    POINTS,
    Axis,
    Floats,
    chart,
    exact_axis,
    grid,
    padded_axis,
)
from reproducible_ml.versioning.git import Revision

# Groups of points whose mean is shown, where there are only points.
BINS = 20

# Steps of a histogram: about as many as `evaluate` counts in, or it gets ragged.
STEPS = 25

Rows = list[dict[str, str]]


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


def draw(base: Revision | None, head: Revision) -> list[str]:
    """Return a chart for each kind of curve that head has."""
    found = []
    for name, function in CHARTS.items():
        old, new = (_read(r, f"reports/plots/{name}.csv") for r in (base, head))
        if new:
            found.append(function(old, new))
    return found


def _read(revision: Revision | None, path: str) -> Rows:
    text = (revision.text(path) if revision else None) or ""
    try:
        return [*csv.DictReader(text.splitlines())]
    except csv.Error:
        return []


def overlay(
    title: str, x: Axis, y: Axis, both: list[Floats], ideal: Floats | None = None
) -> str:
    """Return a chart of `both`, base and now; one line if they are the same."""
    old, new = both
    lines: dict[str, tuple[str, Floats]] = {}
    if ideal is not None:
        lines["perfect"] = ("blue", ideal)
    if np.array_equal(old, new):
        lines["base and now, which are the same"] = ("orange", new)
    else:
        if np.isfinite(old).any():
            lines["base"] = ("grey", old)
        lines["now"] = ("orange", new)
    return chart(title, x, y, lines)


def _unit_chart(
    title: str, x: str, y: str, axes: tuple[str, str]
) -> Callable[..., str]:
    """Return a function that draws shares over shares, from 0 to 1."""

    def draw_it(old: Rows, new: Rows) -> str:
        axis = Axis(axes[0], 0.0, 1.0)
        lines = [resample(curve(rows, x, y), grid(axis)) for rows in (old, new)]
        ideal = grid(axis) if x == "predicted" else None
        shown = lines if ideal is None else [*lines, ideal]
        return overlay(title, axis, padded_axis(axes[1], shown, step=0.1), lines, ideal)

    return draw_it


def _classes(old: Rows, new: Rows) -> str:
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


def _predicted_actual(old: Rows, new: Rows) -> str:
    """Draw the mean of the truth around each prediction."""
    curves = [curve(rows, "predicted", "actual") for rows in (old, new)]
    x = exact_axis("predicted", [points.x for points in curves])
    places = grid(x, BINS)
    lines = [resample(means(points, x), places) for points in curves]
    y = padded_axis("mean of the actual", [*lines, places])
    return overlay("Predicted and actual", x, y, lines, places)


def _residuals(old: Rows, new: Rows) -> str:
    """Draw the share of the rows at each residual, per step of the grid."""
    curves = [curve(rows, "residual", "rows") for rows in (old, new)]
    x = padded_axis("actual - predicted", [points.x for points in curves])
    lines = [shares(points, x) for points in curves]
    y = padded_axis("share of the rows per step", [*lines, np.zeros(1)])
    return overlay("Residuals", x, y, lines)


CHARTS: dict[str, Callable[[Rows, Rows], str]] = {
    "roc": _unit_chart(
        "ROC curve", "fpr", "tpr", ("false positive rate", "true positive rate")
    ),
    "precision_recall": _unit_chart(
        "Precision and recall", "recall", "precision", ("recall", "precision")
    ),
    "calibration": _unit_chart(
        "Calibration",
        "predicted",
        "actual",
        ("predicted probability", "share of positives"),
    ),
    "classes": _classes,
    "predicted_actual": _predicted_actual,
    "residual_histogram": _residuals,
}
