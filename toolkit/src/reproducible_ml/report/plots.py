"""The curves of two revisions over each other, as mermaid diagrams, which GitHub draws.

The points of a mermaid line are equally spaced, so all lines of a chart share one grid.
There is no legend, so a key in words follows each chart. NaN and exponents (1e-05) are
syntax errors in it.
"""

import csv
import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from reproducible_ml.core.errors import UserError, one_line
from reproducible_ml.report.markdown import details, fence, short
from reproducible_ml.versioning.dvc import run_dvc
from reproducible_ml.versioning.git import Revision

Floats = npt.NDArray[np.float64]

# Points of a line.
POINTS = 50

# Values beyond LARGE are not drawn; smaller differences than SMALL cannot be seen.
LARGE, SMALL = 1e15, 1e-12

# Whole numbers that fit along an axis without overlap.
LABELS = 20

# Visible on white and on black, and distinguishable for the colour-blind.
COLOURS = {"grey": "#8c959f", "orange": "#e8590c", "blue": "#388bfd"}

SETTINGS = (
    '%%{{init: {{"xyChart": {{"width": 640, "height": 320}}, "themeVariables":'
    ' {{"xyChart": {{"plotColorPalette": "{colours}"}}}}}}}}%%'
)

# Nodes and edges that are drawn.
SHOWN = 150

NODE = re.compile(r'\s*(node\d+)\["(.*)"\]')
EDGE = re.compile(r"\s*node\d+-->node\d+")

# Characters that mermaid may take for syntax.
SPECIAL = re.compile(r"[^\w\s./-]")

# Groups of points whose mean is shown, where there are only points.
BINS = 20

# Steps of a histogram: about as many as `evaluate` counts in, or it gets ragged.
STEPS = 25

Rows = list[dict[str, str]]


class Axis(NamedTuple):
    """Title and ends of an axis; `whole` if its values are whole numbers."""

    title: str
    low: float
    high: float
    whole: bool = False


def chart(title: str, x: Axis, y: Axis, lines: dict[str, tuple[str, Floats]]) -> str:
    """Return a chart and the key to its colours.

    Args:
        title: Of the chart; must not hold text from users.
        x: The first and last point lie at its ends.
        y: Values beyond its ends are clipped.
        lines: Colour and values (at most POINTS) of each line, by its name in the key.
    """
    colours = ", ".join(COLOURS[colour] for colour, _ in lines.values())
    (x, _), (y, size) = short_number(x), short_number(y)
    text = [
        SETTINGS.format(colours=colours),
        "xychart-beta",
        f'  title "{title}"',
        f'  x-axis "{x.title}" {_range(x)}',
        f'  y-axis "{y.title}" {_range(y)}',
    ]
    for _, values in lines.values():
        shown = np.nan_to_num(values / size, nan=y.low).clip(y.low, y.high)
        text.append(f"  line [{', '.join(decimals([*shown], y))}]")
    key = ", ".join(f"{colour}: {name}" for name, (colour, _) in lines.items())
    return f"{mermaid(text)}\n\n{title}. Colours: {key}."


def mermaid(lines: Sequence[str]) -> str:
    """Return the lines of a diagram as a code block."""
    text = "\n".join(lines)
    return fence("", "mermaid").replace("\n", f"\n{text}\n", 1)


def _range(axis: Axis) -> str:
    if axis.whole and axis.high - axis.low < LABELS:
        places = range(int(axis.low), int(axis.high) + 1)
        quoted = ", ".join(f'"{place}"' for place in places)
        return f"[{quoted}]"
    return " --> ".join(decimals([axis.low, axis.high], axis))


def short_number(axis: Axis) -> tuple[Axis, float]:
    """Return the axis in a unit that keeps its labels short, and that unit."""
    largest = max(abs(axis.low), abs(axis.high))
    if 1e-3 <= largest < 1e5:
        return axis, 1.0
    power = math.floor(math.log10(largest) / 3) * 3
    unit = 10.0**power
    title = f"{axis.title}, in units of 10^{power}"
    return Axis(title, axis.low / unit, axis.high / unit, axis.whole), unit


def decimals(values: Sequence[float], axis: Axis) -> list[str]:
    """Format numbers without exponents, with as many decimals as the axis needs."""
    size = axis.high - axis.low
    count = min(max(0, 3 - math.floor(math.log10(size))), 15)
    # Adding 0.0 turns -0.0 into 0.0.
    return [f"{round(value, count) + 0.0:.{count}f}" for value in values]


def padded_axis(
    title: str, values: Sequence[Floats], *, step: float | None = None
) -> Axis:
    """Return an axis that covers all values and ends at round numbers."""
    _, low, high, _ = exact_axis(title, values)
    if step is None:
        size = max(high - low, abs(low) / 1e6, abs(high) / 1e6)
        step = 10.0 ** math.floor(math.log10(size if size > SMALL else 1.0)) / 2
    low, high = math.floor(low / step) * step, math.ceil(high / step) * step
    return Axis(title, float(low), float(high if high > low else low + step))


def exact_axis(title: str, values: Sequence[Floats]) -> Axis:
    """Return an axis from the lowest to the highest value, never of length 0."""
    known = np.concatenate([*values, np.zeros(0)])
    known = known[np.abs(np.nan_to_num(known, nan=np.inf)) < LARGE]
    low, high = (known.min(), known.max()) if len(known) else (0.0, 1.0)
    return Axis(title, float(low), float(max(high, low + SMALL + abs(low) / 1e6)))


def grid(axis: Axis, points: int = POINTS) -> Floats:
    """Return equally spaced points from end to end."""
    return np.linspace(axis.low, axis.high, points)


def pipeline_graph(root: Path) -> str:
    """Return the graph of the pipeline, folded."""
    try:
        drawn = run_dvc("dag", "--md", cwd=root)
    except UserError:
        return "Pipeline: `dvc dag` failed."
    lines = clean_graph(drawn)
    more = len(lines) - SHOWN
    note = f"\n\n… and {more} more nodes and edges" if more > 0 else ""
    picture = mermaid(["flowchart TD", *lines[:SHOWN]])
    return details("The pipeline", f"{picture}{note}")


def clean_graph(drawn: str) -> list[str]:
    """Return DVC's nodes and edges, without mermaid syntax in the names."""
    lines = []
    for line in drawn.splitlines():
        if node := NODE.fullmatch(line):
            name = SPECIAL.sub("_", short(one_line(node[2])))
            lines.append(f'  {node[1]}["{name}"]')
        elif EDGE.fullmatch(line):
            lines.append(f"  {line.strip()}")
    return lines


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
