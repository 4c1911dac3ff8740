"""Plots whose axes are names: of classes and of features."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from reproducible_ml.modeling.drawing.facts import Facts, percent
from reproducible_ml.modeling.drawing.style import (
    BLUE,
    DARK,
    ORANGE,
    few_ticks,
    name_ticks,
    short,
    short_names,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

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
