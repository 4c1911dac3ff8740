"""Curves: of two classes at any threshold, calibration, and loss by iteration."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from reproducible_ml.modeling.drawing.facts import Facts, percent
from reproducible_ml.modeling.drawing.style import (
    BLUE,
    ORANGE,
    REFERENCE,
    few_ticks,
    legend,
    short,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Points of a curve from which it may be thinned, so that its area is not exact.
THINNED = 200

# Room beside a share of 0 and of 1.
UNIT = (-0.04, 1.04)


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
