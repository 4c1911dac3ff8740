"""Plots of two revisions: curves over each other, and tables where axes have names."""

import csv
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from reproducible_ml.modeling.drawing.summary import format_number
from reproducible_ml.report.markdown import (
    POINTS,
    Axis,
    Floats,
    chart,
    code,
    exact_axis,
    grid,
    padded_axis,
    table,
)
from reproducible_ml.report.results import METRICS, number
from reproducible_ml.versioning.git import Revision

# Groups of points whose mean is shown, where there are only points.
BINS = 20

# Steps of a histogram: about as many as `evaluate` counts in, or it gets ragged.
STEPS = 25

# Shares that are all higher are drawn closer to 1, lower probabilities closer to 0.
ZOOM = 0.5

Rows = list[dict[str, str]]

# Number of rows by actual and predicted class.
Counts = dict[tuple[str, str], int]

# Classes up to which the whole matrix is shown, pairs of more that are shown, features.
CLASSES, PAIRS, FEATURES = 6, 10, 12

# Characters of a name in the header of a matrix, and of the longest bar.
WIDTH, BAR = 32, 20

# Counts beyond are errors.
LARGE = 10**12


class Curve(NamedTuple):
    """Places, not all different, and values there, both of shape (n,)."""

    x: Floats
    y: Floats


def floats(rows: Rows, column: str) -> Floats:
    """Return a column as numbers, NaN where there is none."""
    return np.array([_number(row.get(column)) for row in rows], dtype=np.float64)


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


def read_counts(rows: Rows) -> Counts:
    """Return the counts of a confusion matrix, without rows that are none."""
    found: Counts = {}
    for row in rows:
        actual, predicted, count = (
            row.get(name) for name in ("actual", "predicted", "rows")
        )
        if actual is None or predicted is None:
            continue
        if (number := _number(count)) is not None and 0 <= number < LARGE:
            found[actual, predicted] = int(number)
    return found


def _number(text: str | None) -> float | None:
    """Return a finite number, None if it is none."""
    try:
        value = float(text or "nan")
    except ValueError:
        return None
    return value if abs(value) < float("inf") else None


def _class_names(counts: Counts) -> list[str]:
    return [*dict.fromkeys(name for pair in counts for name in pair)]


def positives(counts: Counts) -> float | None:
    """Return the share of the second of two classes, which is the positive one."""
    names, total = _class_names(counts), sum(counts.values())
    if len(names) != 2 or not total:
        return None
    return _of_class(counts, names[1]) / total


def _of_class(counts: Counts, name: str) -> int:
    return sum(count for (actual, _), count in counts.items() if actual == name)


def confusion_matrix(old: Rows, new: Rows) -> str:
    """Return the confusion matrix; of many classes, the most frequent mistakes."""
    was, now = read_counts(old), read_counts(new)
    names = _class_names(now)
    if not names:
        return ""
    if len(names) > CLASSES:
        return _mistakes(was, now)
    header = ["actual \\ predicted", *(code(name, WIDTH) for name in names)]
    rows = [
        [code(actual, WIDTH), *(_cell((actual, other), was, now) for other in names)]
        for actual in names
    ]
    return (
        f"Confusion matrix: test rows, and their share of the actual class."
        f"{_arrow(was, now)}\n\n{table(header, rows)}"
    )


def _arrow(was: Counts, now: Counts) -> str:
    return " Before an arrow: the base." if was and was != now else ""


def _cell(pair: tuple[str, str], was: Counts, now: Counts) -> str:
    count, before = now.get(pair, 0), was.get(pair)
    arrow = f"{before:,} → " if before is not None and before != count else ""
    return f"{arrow}{count:,}{_share(count, _of_class(now, pair[0]))}"


def _share(count: int, total: int) -> str:
    return f" ({100 * count / total:.1f} %)" if total else ""


def _mistakes(was: Counts, now: Counts) -> str:
    """Return a table of the pairs of classes that are taken for each other most."""
    wrong = {pair: count for pair, count in now.items() if pair[0] != pair[1]}
    most = sorted((p for p in wrong if wrong[p]), key=lambda p: -wrong[p])
    count, total = sum(wrong.values()), sum(now.values())
    text = f"Confusion matrix: {count:,} of {total:,} test rows are wrong"
    if not most:
        return f"{text}."
    rows = [[*map(code, p), _cell(p, was, now)] for p in most]
    header = ["actual", "predicted", "rows (share of the actual class)"]
    return (
        f"{text}. The most frequent mistakes:{_arrow(was, now)}\n\n"
        f"{table(header, rows[:PAIRS])}"
    )


def importance(old: Rows, new: Rows) -> str:
    """Return a table of the most important features, with bars."""
    was, now = ({*_features(rows)} for rows in (old, new))
    if not now:
        return ""
    before = {name: value for name, value, _ in was}
    top = sorted(_features(new), key=lambda feature: -feature[1])[:FEATURES]
    longest = max(top[0][1], 0.0)
    changed = bool(before) and was != now
    rows = []
    for name, value, deviation in top:
        spread = "" if deviation is None else f" ± {format_number(deviation)}"
        cells = [code(name), f"{format_number(value)}{spread}"]
        if changed:
            cells.insert(1, format_number(before.get(name)))
        share = value / longest if longest else 0.0
        rows.append([*cells, "█" * round(BAR * max(share, 0.0)) or "-"])
    header = ["column", *(["base"] if changed else []), "now", "bar"]
    more = f" {len(top)} of {len(now)} columns." if len(top) < len(now) else ""
    return (
        "Permutation importance: how much worse the score gets when a column is"
        f" shuffled, ± standard deviation.{more}\n\n{table(header, rows)}"
    )


def _features(rows: Rows) -> Iterable[tuple[str, float, float | None]]:
    for row in rows:
        name, value = row.get("feature"), _number(row.get("importance"))
        if name is not None and value is not None:
            yield name, value, _number(row.get("deviation"))
