"""Draw the score of each trial of a search over each argument that it tried."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
import pandas as pd

from reproducible_ml.files import replacing
from reproducible_ml.models.draw import short
from reproducible_ml.params import load_params
from reproducible_ml.stage import run

if TYPE_CHECKING:
    from matplotlib.axes import Axes

logger = logging.getLogger(__name__)

# Columns of reports/search.csv that are no arguments.
FACTS = ("trial", "rows", "score", "deviation")

# Plots beside each other, and width and height of each in inches.
COLUMNS, SIZE = 3, (4.3, 3.6)


def draw_argument(axes: "Axes", trials: pd.DataFrame, name: str, label: str) -> None:
    """Draw score over argument; bars say how far the folds spread."""
    values = trials[name]
    numbers = pd.api.types.is_numeric_dtype(values)
    places = values if numbers else values.astype(str).map(short)
    axes.errorbar(places, trials["score"], yerr=trials["deviation"], fmt="o", alpha=0.5)
    if numbers and values.min() > 0 and values.max() > 20 * values.min():
        axes.set_xscale("log")
    axes.set(xlabel=name, ylabel=label)


def main(trials: Path, picture: Path) -> None:
    """Draw TRIALS, the table of a search, as PICTURE."""
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    table = pd.read_csv(trials)
    if "rows" in table:
        # Scores on fewer rows are no scores of the same thing.
        table = table[table["rows"] == table["rows"].max()]
    names = [name for name in table if name not in FACTS]
    metric = load_params().train.search.metric or "loss"
    columns = min(COLUMNS, len(names))
    rows = -(-len(names) // columns)
    size = (SIZE[0] * columns, SIZE[1] * rows)
    figure, axes = plt.subplots(
        rows, columns, figsize=size, layout="constrained", squeeze=False, sharey=True
    )
    for unused in axes.flat[len(names) :]:
        unused.remove()
    for name, place in zip(names, axes.flat, strict=False):
        draw_argument(place, table, str(name), f"{metric} over the folds")
    with replacing(picture) as temporary:
        figure.savefig(temporary, format="png", dpi=100)
    plt.close(figure)
    logger.info("Search: %s (picture), %s (numbers)", picture, trials)


if __name__ == "__main__":
    run(main)
