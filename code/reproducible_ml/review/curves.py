"""Curves at the places of a grid, from the tables that `evaluate` writes."""

from typing import NamedTuple

import numpy as np

from reproducible_ml.review.charts import Axis, Floats, grid

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
