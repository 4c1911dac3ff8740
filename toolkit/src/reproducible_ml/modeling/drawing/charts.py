"""The charts of an evaluation: curves, classes and features, and residuals."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from reproducible_ml.modeling.drawing.style import (
    BLUE,
    DARK,
    ORANGE,
    REFERENCE,
    Facts,
    few_ticks,
    legend,
    name_ticks,
    percent,
    short,
    short_names,
)
from reproducible_ml.modeling.drawing.summary import format_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Points of a curve from which it may be thinned, so that its area is not exact.
THINNED = 200

# Room beside a share of 0 and of 1.
UNIT = (-0.04, 1.04)

# Features and classes shown, at most, and characters of the names of features.
FEATURES = 12
CLASSES = 12
FEATURE_WIDTH = 24

# Classes up to which each cell of a confusion matrix also shows a share.
SHARES = 5

# Characters of names that fit side by side: of two classes, and of more, whose plot is
# wider.
PAIR, SIDE_BY_SIDE = 26, 44

# A cell with a larger share is so dark that its text is white.
IS_DARK = 0.5

# Outliers are not let in if the values would then span so many times the range of most.
FAR = 4

# Share of the values, at each end, that may be outliers.
TAIL = 0.02

Ends = tuple[float, float]


def draw_roc(axes: "Axes", points: pd.DataFrame, facts: Facts) -> None:
    """Draw the ROC curve against that of chance."""
    widths, heights = points["fpr"].diff(), points["tpr"].rolling(2).mean()
    label = _area("AUC", facts.metric("roc_auc"), widths * heights)
    axes.plot([0, 1], [0, 1], **REFERENCE, label="chance: AUC 0.5")
    axes.plot(points["fpr"], points["tpr"], color=BLUE, label=label)
    if facts.rates:
        _mark_threshold(axes, facts.rates[:2], facts.threshold)
    axes.set(
        title="ROC curve",
        xlabel="false positive rate",
        ylabel="true positive rate",
        xlim=UNIT,
        ylim=UNIT,
    )
    legend(axes, "lower right")


def draw_precision_recall(axes: "Axes", points: pd.DataFrame, facts: Facts) -> None:
    """Draw precision over recall in steps: the area is the average precision."""
    widths = points["recall"].diff()
    label = _area("AP", facts.metric("average_precision"), widths * points["precision"])
    if facts.positives is not None:
        words = f"chance: {percent(facts.positives)} positive"
        axes.axhline(facts.positives, **REFERENCE, label=words)
    axes.plot(
        points["recall"],
        points["precision"],
        drawstyle="steps-pre",
        color=BLUE,
        label=label,
    )
    if facts.rates:
        _mark_threshold(axes, facts.rates[1:], facts.threshold)
    axes.set(
        title="Precision and recall",
        xlabel="recall",
        ylabel="precision",
        xlim=UNIT,
        ylim=UNIT,
    )
    legend(axes)


def _area(name: str, metric: float | None, parts: pd.Series) -> str:
    """Return the area below a curve: the metric, or what the points tell."""
    if metric is not None:
        return f"model: {name} {metric:.3f}"
    area = float(parts.sum())
    exact = len(parts) < THINNED
    return f"model: {name} {area:.3f}" if exact else f"model: {name} ≈ {area:.2f}"


def _mark_threshold(
    axes: "Axes", place: tuple[float, ...], threshold: float | None
) -> None:
    """Mark where the confusion matrix is on a curve."""
    if threshold is not None and np.isfinite(place).all():
        x, y = place
        label = f"threshold {threshold:g}"
        axes.plot([x], [y], "o", color=ORANGE, markersize=8, label=label)


def draw_calibration(axes: "Axes", points: pd.DataFrame, facts: Facts) -> None:
    """Draw the actual over the predicted probability, as far as there are any."""
    # Probabilities of a rare class would else be in a corner.
    highest = 1.1 * float(points[["predicted", "actual"]].to_numpy().max())
    end = 1.0 if highest > 0.5 else max(highest, 1e-6)
    rows = f"{facts.rows:,} rows" if facts.rows else "rows"
    axes.plot([0, end], [0, end], **REFERENCE, label="perfect")
    axes.plot(
        points["predicted"],
        points["actual"],
        marker="o",
        color=BLUE,
        label=f"{rows} in {len(points)} groups",
    )
    axes.set(
        title="Calibration",
        xlabel="mean predicted probability",
        ylabel=f"share of {short(facts.positive or 'positives')}",
        xlim=(end * UNIT[0], end * UNIT[1]),
        ylim=(end * UNIT[0], end * UNIT[1]),
    )
    few_ticks(axes)
    legend(axes)


def draw_learning_curve(
    axes: "Axes", losses: pd.DataFrame, _: Facts, *, loss: str
) -> None:
    """Draw the loss by iteration."""
    best = losses["iteration"].iloc[int(losses["test"].argmin())]
    axes.plot(losses["iteration"], losses["train"], color=BLUE, label="training rows")
    axes.plot(
        losses["iteration"],
        losses["test"],
        color=ORANGE,
        label=f"test rows: lowest at {best:g}",
    )
    axes.axvline(best, **REFERENCE)
    axes.set(title="Learning curve", xlabel="iteration", ylabel=loss)
    few_ticks(axes, whole=True)
    legend(axes)


def draw_confusion_matrix(axes: "Axes", counts: pd.DataFrame, facts: Facts) -> None:
    """Draw the rows of each pair of classes; colours are shares of the actual class.

    Of many classes the most frequent ones are drawn, and all others as one.
    """
    table = counts.pivot_table(
        "rows", "actual", "predicted", aggfunc="sum", sort=False, fill_value=0
    )
    matrix = table.reindex(columns=table.index, fill_value=0)
    shown = most_frequent(matrix.sum(axis=1))
    names, cells = short_names(shown), matrix.loc[shown, shown].to_numpy()
    if others := len(matrix) - len(shown):
        names.append(f"{others} others")
        cells = _merged(matrix, shown)
    axes.imshow(_shares(cells), cmap="Blues", vmin=0, vmax=1, aspect="auto")
    write_cells(axes, cells)
    axes.set_yticks(range(len(names)), names)
    below = short_names(names, PAIR // 2) if len(names) == 2 else names
    name_ticks(axes, below, PAIR if len(names) == 2 else SIDE_BY_SIDE)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    right = np.trace(matrix.to_numpy()) / max(matrix.to_numpy().sum(), 1)
    name = short(facts.target)
    axes.set(
        title=f"Confusion matrix: accuracy {percent(right)}",
        xlabel=f"predicted {name}".strip(),
        ylabel=f"actual {name}".strip(),
    )


def _merged(matrix: pd.DataFrame, shown: Sequence[Any]) -> Any:
    """Return the counts with all classes that are not shown as the last one."""
    places = np.full(len(matrix), len(shown))
    places[matrix.index.get_indexer(pd.Index(shown))] = range(len(shown))
    cells = np.zeros((len(shown) + 1, len(shown) + 1), dtype=int)
    np.add.at(cells, (places[:, None], places[None, :]), matrix.to_numpy())
    return cells


def _shares(cells: Any) -> Any:
    """Return the share of each cell in its row, 0 in a row without any."""
    return cells / np.maximum(cells.sum(axis=1, keepdims=True), 1)


def write_cells(axes: "Axes", cells: Any) -> None:
    """Write counts into cells, and shares of the row where there is room."""
    few = len(cells) <= SHARES
    for (row, column), share in np.ndenumerate(_shares(cells)):
        count = f"{cells[row, column]:,}"
        axes.text(
            column,
            row,
            f"{count}\n{percent(share)}" if few else count,
            ha="center",
            va="center",
            color="white" if share > IS_DARK else DARK,
            fontsize=10.5 if few else 8.5,
        )


def draw_classes(axes: "Axes", classes: pd.DataFrame, _: Facts) -> None:
    """Draw precision and recall of the most frequent classes, the first on top."""
    rows = classes.set_index("class")
    top = rows.loc[most_frequent(rows["rows"])]
    places = np.arange(len(top))
    for name, shift, colour in (("precision", -0.2, BLUE), ("recall", 0.2, ORANGE)):
        axes.barh(
            places + shift, top[name].fillna(0), height=0.4, label=name, color=colour
        )
    names = zip(short_names([*top.index]), top["rows"], strict=True)
    axes.set_yticks(places, [f"{name} ({count:,})" for name, count in names])
    axes.invert_yaxis()
    title = "Classes (test rows)"
    if len(top) < len(rows):
        title = f"{len(top)} most frequent of {len(rows)} classes (test rows)"
    axes.set(title=title, xlim=(0, 1))
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.06), ncols=2, frameon=False)


def most_frequent(rows: pd.Series) -> list[Any]:
    """Return the CLASSES classes with most rows, in their order."""
    largest = rows.nlargest(CLASSES).index
    return [name for name in rows.index if name in largest]


def draw_importance(
    axes: "Axes", features: pd.DataFrame, _: Facts, *, score: str
) -> None:
    """Draw the most important features, the first on top."""
    top = features.head(FEATURES)
    places = np.arange(len(top))
    axes.barh(
        places,
        top["importance"],
        xerr=top["deviation"],
        color=BLUE,
        error_kw={"ecolor": DARK, "elinewidth": 1.2, "capsize": 2},
    )
    axes.set_yticks(places, short_names(top["feature"].tolist(), FEATURE_WIDTH))
    axes.invert_yaxis()
    title = "Permutation importance"
    if len(top) < len(features):
        title = f"Importance of {len(top)} of {len(features)} columns"
    axes.set(title=title, xlabel=score)
    few_ticks(axes, x=4, y=None)


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
