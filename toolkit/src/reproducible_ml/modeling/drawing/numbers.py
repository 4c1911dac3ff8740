"""Plots of a regression: predicted and actual numbers, and their differences."""

from typing import TYPE_CHECKING

import pandas as pd

from reproducible_ml.modeling.drawing.facts import Facts
from reproducible_ml.modeling.drawing.style import (
    BLUE,
    ORANGE,
    REFERENCE,
    few_ticks,
    legend,
    short,
)
from reproducible_ml.modeling.drawing.summary import format_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Outliers are not let in if the values would then span so many times the range of most.
FAR = 4

# Share of the values, at each end, that may be outliers.
TAIL = 0.02

Ends = tuple[float, float]


def draw_predicted_actual(axes: "Axes", rows: pd.DataFrame, facts: Facts) -> None:
    """Draw actual over predicted numbers."""
    most = [_most(rows[name]) for name in ("predicted", "actual")]
    low, high = min(ends[0] for ends in most), max(ends[1] for ends in most)
    axes.plot([low, high], [low, high], **REFERENCE, label="perfect")
    ends = (low, high)
    note = _scatter(axes, rows["predicted"], rows["actual"], (ends, ends))
    name = short(facts.target)
    axes.set(
        title=_title("Predicted and actual", "R²", facts.metric("r2")),
        xlabel=f"predicted {name}".strip() + note,
        ylabel=f"actual {name}".strip(),
    )
    few_ticks(axes, x=4)
    legend(axes, "lower right")


def draw_residuals(axes: "Axes", rows: pd.DataFrame, facts: Facts) -> None:
    """Draw residuals over predicted numbers."""
    axes.axhline(0, **REFERENCE)
    x, y = rows["predicted"], rows["residual"]
    note = _scatter(axes, x, y, (_most(x), _most(y)))
    axes.set(
        title=_title("Residuals", "RMSE", facts.metric("rmse")),
        xlabel=f"predicted {short(facts.target)}".strip() + note,
        ylabel="actual - predicted",
    )
    few_ticks(axes, x=4)


def _most(values: pd.Series) -> Ends:
    """Return the ends of all values, or of those that are no outliers."""
    low, high = float(values.min()), float(values.max())
    inner_low, inner_high = values.quantile([TAIL, 1 - TAIL])
    room = inner_high - inner_low
    if high - low > FAR * room > 0:
        return max(low, inner_low - room / 2), min(high, inner_high + room / 2)
    return low, high


def _title(words: str, name: str, metric: float | None) -> str:
    return words if metric is None else f"{words}: {name} {format_number(metric)}"


def _scatter(axes: "Axes", x: pd.Series, y: pd.Series, ends: tuple[Ends, Ends]) -> str:
    """Draw points, outliers as crosses at the edge; return a note on these."""
    places = [values.clip(*end) for values, end in zip((x, y), ends, strict=True)]
    out = ((places[0] != x) | (places[1] != y)).to_numpy(bool)
    x, y = places
    axes.scatter(x[~out], y[~out], s=14, alpha=0.5, color=BLUE, linewidths=0)
    if not out.any():
        return ""
    axes.scatter(x[out], y[out], s=40, marker="x", color=ORANGE)
    return f"\ncrosses: {out.sum()} of {len(out)} rows are farther out"


def draw_residual_histogram(axes: "Axes", bins: pd.DataFrame, _: Facts) -> None:
    """Draw the histogram of residuals."""
    middle = bins["residual"]
    axes.bar(middle, bins["rows"], width=middle.diff().mean(), color=BLUE)
    axes.axvline(0, **REFERENCE)
    axes.set(
        title="Histogram of residuals",
        xlabel="actual - predicted\n(first and last bar: all beyond)",
        ylabel="test rows",
    )
    few_ticks(axes, x=4)
