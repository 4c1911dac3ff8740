"""Draw the tables of plots and of a search as pictures, with Matplotlib."""

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
import pandas as pd

from reproducible_ml.core.files import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# On its first use on a machine, it reports that it has listed the fonts.
logging.getLogger("matplotlib.font_manager").setLevel(logging.WARNING)

# Features and classes shown, and characters of their names, at most.
FEATURES = 12
CLASSES = 12
WIDTH = 16

# Columns that hold names.
NAMES = {
    "confusion_matrix": ("actual", "predicted"),
    "classes": ("class",),
    "importance": ("feature",),
}

# Rows and columns of the picture, and its width and height in inches.
GRIDS = {
    "binary": ((2, 3), (13, 8)),
    "multiclass": ((2, 2), (13, 12)),
    "regression": ((2, 3), (15, 8)),
}

# Columns of reports/search.csv that are not arguments.
FACTS = ("trial", "rows", "score", "deviation")

# Plots of a search beside each other, and width and height of each in inches.
COLUMNS, SIZE = 3, (4.3, 3.6)


def draw_roc(axes: "Axes", points: pd.DataFrame) -> None:
    """Draw the ROC curve against that of chance."""
    axes.plot([0, 1], [0, 1], color="grey", linestyle=":", label="chance")
    axes.plot(points["fpr"], points["tpr"], label="model")
    axes.set(
        title="ROC curve", xlabel="false positive rate", ylabel="true positive rate"
    )
    axes.legend()


def draw_precision_recall(axes: "Axes", points: pd.DataFrame) -> None:
    """Draw precision over recall."""
    axes.plot(points["recall"], points["precision"])
    axes.set(title="Precision and recall", xlabel="recall", ylabel="precision")
    axes.set_ylim(0, 1.05)


def draw_calibration(axes: "Axes", points: pd.DataFrame) -> None:
    """Draw the actual over the predicted probability."""
    axes.plot([0, 1], [0, 1], color="grey", linestyle=":", label="perfect")
    axes.plot(points["predicted"], points["actual"], marker="o", label="model")
    axes.set(
        title="Calibration", xlabel="predicted probability", ylabel="share of positives"
    )
    axes.legend()


def draw_confusion_matrix(axes: "Axes", counts: pd.DataFrame) -> None:
    """Draw the number of rows of each pair of classes, of the most frequent ones."""
    from sklearn.metrics import ConfusionMatrixDisplay

    matrix = counts.pivot_table("rows", "actual", "predicted", sort=False)
    shown = most_frequent(matrix.sum(axis=1))
    title = "Confusion matrix"
    if len(shown) < len(matrix):
        title += f" ({len(shown)} most frequent of {len(matrix)} classes)"
    names = [short(name) for name in shown]
    display = ConfusionMatrixDisplay(
        matrix.loc[shown, shown].to_numpy(), display_labels=names
    )
    display.plot(
        ax=axes,
        cmap="Blues",
        colorbar=False,
        values_format=".0f",
        xticks_rotation="vertical" if len(names) > 2 else "horizontal",
        text_kw={"fontsize": 10 if len(names) <= CLASSES / 2 else 7},
    )
    axes.set(title=title, xlabel="predicted", ylabel="actual")


def draw_classes(axes: "Axes", classes: pd.DataFrame) -> None:
    """Draw precision and recall of the most frequent classes, the first on top."""
    rows = classes.set_index("class")
    top = rows.loc[most_frequent(rows["rows"])].iloc[::-1]
    places = np.arange(len(top))
    axes.barh(places + 0.2, top["precision"].fillna(0), height=0.4, label="precision")
    axes.barh(places - 0.2, top["recall"].fillna(0), height=0.4, label="recall")
    names = [f"{short(name)} ({count})" for name, count in top["rows"].items()]
    axes.set_yticks(places, names)
    axes.set(title="Classes (test rows)", xlabel="share of rows", xlim=(0, 1))
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=2)


def most_frequent(rows: pd.Series) -> list[Any]:
    """Return the CLASSES classes with most rows, in their order."""
    largest = rows.nlargest(CLASSES).index
    return [name for name in rows.index if name in largest]


def short(name: object) -> str:
    """Return a name, cut to WIDTH characters."""
    text = str(name)
    return text if len(text) <= WIDTH else text[: WIDTH - 1] + "…"


def draw_predicted_actual(axes: "Axes", rows: pd.DataFrame) -> None:
    """Draw actual over predicted numbers."""
    ends = [rows.min().min(), rows.max().max()]
    axes.plot(ends, ends, color="grey", linestyle=":", label="perfect")
    axes.scatter(rows["predicted"], rows["actual"], s=10, alpha=0.6, label="test row")
    axes.set(title="Predicted and actual", xlabel="predicted", ylabel="actual")
    axes.legend()


def draw_residuals(axes: "Axes", rows: pd.DataFrame) -> None:
    """Draw residuals over predicted numbers."""
    axes.axhline(0, color="grey", linestyle=":")
    axes.scatter(rows["predicted"], rows["residual"], s=10, alpha=0.6)
    axes.set(title="Residuals", xlabel="predicted", ylabel="actual - predicted")


def draw_residual_histogram(axes: "Axes", bins: pd.DataFrame) -> None:
    """Draw the histogram of residuals."""
    middle = bins["residual"]
    axes.bar(middle, bins["rows"], width=middle.diff().mean())
    axes.axvline(0, color="grey", linestyle=":")
    axes.set(
        title="Histogram of residuals", xlabel="actual - predicted", ylabel="test rows"
    )


def draw_importance(axes: "Axes", features: pd.DataFrame, score: str) -> None:
    """Draw the most important features, the first on top."""
    top = features.head(FEATURES).iloc[::-1]
    axes.barh(top["feature"], top["importance"], xerr=top["deviation"])
    axes.set(title="Permutation importance", xlabel=score)
    axes.locator_params(axis="x", nbins=4)


def draw_learning_curve(axes: "Axes", losses: pd.DataFrame, loss: str) -> None:
    """Draw the loss by iteration, or a note if the model has no iterations."""
    if losses.empty:
        axes.text(0.5, 0.5, "not trained in iterations", ha="center", color="grey")
        axes.set_axis_off()
    else:
        axes.plot(losses["iteration"], losses["train"], label="training rows")
        axes.plot(losses["iteration"], losses["test"], label="test rows")
        axes.legend()
    axes.set(title="Learning curve", xlabel="iteration", ylabel=loss)


DRAW: dict[str, dict[str, Callable[["Axes", pd.DataFrame], None]]] = {
    "binary": {
        "roc": draw_roc,
        "precision_recall": draw_precision_recall,
        "calibration": draw_calibration,
        "confusion_matrix": draw_confusion_matrix,
        "importance": partial(
            draw_importance, score="loss of area under the ROC curve"
        ),
        "learning_curve": partial(draw_learning_curve, loss="log loss"),
    },
    "multiclass": {
        "confusion_matrix": draw_confusion_matrix,
        "classes": draw_classes,
        "importance": partial(draw_importance, score="rise of the log loss"),
        "learning_curve": partial(draw_learning_curve, loss="log loss"),
    },
    "regression": {
        "predicted_actual": draw_predicted_actual,
        "residuals": draw_residuals,
        "residual_histogram": draw_residual_histogram,
        "importance": partial(draw_importance, score="loss of R²"),
        "learning_curve": partial(draw_learning_curve, loss="root mean squared error"),
    },
}


def read_plot(table: Path) -> pd.DataFrame:
    """Read the table of a plot; names stay as they are, even `NA` or `007`."""
    texts = dict.fromkeys(NAMES.get(table.stem, ()), str)
    return pd.read_csv(table, dtype=texts, keep_default_na=False, na_values=[""])


def draw_plots(plots: Path, picture: Path, task: str) -> None:
    """Draw the tables in a folder side by side and save them as a PNG file."""
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    (rows, columns), size = GRIDS[task]
    figure, axes = plt.subplots(rows, columns, figsize=size, layout="constrained")
    for unused in axes.flat[len(DRAW[task]) :]:
        unused.remove()
    for (name, draw), place in zip(DRAW[task].items(), axes.flat, strict=False):
        draw(place, read_plot(plots / f"{name}.csv"))
    with replacing(picture) as temporary:
        figure.savefig(temporary, format="png", dpi=100)
    plt.close(figure)


def draw_argument(axes: "Axes", trials: pd.DataFrame, name: str, label: str) -> None:
    """Draw score over argument; bars are the standard deviation over the folds."""
    values = trials[name]
    numbers = pd.api.types.is_numeric_dtype(values)
    places = values if numbers else values.astype(str).map(short)
    axes.errorbar(places, trials["score"], yerr=trials["deviation"], fmt="o", alpha=0.5)
    if numbers and values.min() > 0 and values.max() > 20 * values.min():
        axes.set_xscale("log")
    axes.set(xlabel=name, ylabel=label)


def draw_search(trials: Path, picture: Path, metric: str | None) -> None:
    """Draw the table of a search as a PNG file."""
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    table = pd.read_csv(trials)
    if "rows" in table:
        # Scores of trials that were fitted to fewer rows cannot be compared.
        table = table[table["rows"] == table["rows"].max()]
    names = [name for name in table if name not in FACTS]
    columns = min(COLUMNS, len(names))
    rows = -(-len(names) // columns)
    size = (SIZE[0] * columns, SIZE[1] * rows)
    figure, axes = plt.subplots(
        rows, columns, figsize=size, layout="constrained", squeeze=False, sharey=True
    )
    for unused in axes.flat[len(names) :]:
        unused.remove()
    for name, place in zip(names, axes.flat, strict=False):
        draw_argument(place, table, str(name), f"{metric or 'loss'} over the folds")
    with replacing(picture) as temporary:
        figure.savefig(temporary, format="png", dpi=100)
    plt.close(figure)
