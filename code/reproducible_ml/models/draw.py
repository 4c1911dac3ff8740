"""Draw all plots as one picture."""

from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
import pandas as pd

from reproducible_ml.files import replacing
from reproducible_ml.stage import run

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Features shown, so that their names can be read.
FEATURES = 12


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
    """Draw what happened over what was predicted."""
    axes.plot([0, 1], [0, 1], color="grey", linestyle=":", label="perfect")
    axes.plot(points["predicted"], points["actual"], marker="o", label="model")
    axes.set(
        title="Calibration", xlabel="predicted probability", ylabel="share of positives"
    )
    axes.legend()


def draw_confusion_matrix(axes: "Axes", counts: pd.DataFrame) -> None:
    """Draw the rows of each actual and predicted class."""
    matrix = counts.pivot_table("rows", "actual", "predicted", sort=False)
    axes.imshow(matrix, cmap="Blues")
    for (row, column), rows in np.ndenumerate(matrix):
        color = "white" if rows > matrix.to_numpy().max() / 2 else "black"
        axes.text(column, row, f"{rows:g}", ha="center", va="center", color=color)
    axes.set_xticks(range(len(matrix.columns)), matrix.columns)
    axes.set_yticks(range(len(matrix.index)), matrix.index)
    axes.set(title="Confusion matrix", xlabel="predicted", ylabel="actual")


def draw_importance(axes: "Axes", features: pd.DataFrame) -> None:
    """Draw the most important features, the first on top."""
    top = features.head(FEATURES).iloc[::-1]
    axes.barh(top["feature"], top["importance"], xerr=top["deviation"])
    axes.set(title="Permutation importance", xlabel="loss of area under the ROC curve")
    axes.locator_params(axis="x", nbins=4)


DRAW = {
    "roc": draw_roc,
    "precision_recall": draw_precision_recall,
    "calibration": draw_calibration,
    "confusion_matrix": draw_confusion_matrix,
    "importance": draw_importance,
}


def main(plots: Path, picture: Path) -> None:
    """Draw the tables in the folder PLOTS side by side and save them as PICTURE."""
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(2, 3, figsize=(13, 8), layout="constrained")
    axes.flat[-1].remove()
    for (name, draw), place in zip(DRAW.items(), axes.flat, strict=False):
        draw(place, pd.read_csv(plots / f"{name}.csv"))
    with replacing(picture) as temporary:
        figure.savefig(temporary, format="png", dpi=100)
    plt.close(figure)


if __name__ == "__main__":
    run(main)
