"""Draw the tables of plots and of a search as pictures, with Matplotlib."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from reproducible_ml.core.files import replacing
from reproducible_ml.modeling.drawing.charts import (
    draw_calibration,
    draw_classes,
    draw_confusion_matrix,
    draw_importance,
    draw_learning_curve,
    draw_precision_recall,
    draw_predicted_actual,
    draw_residual_histogram,
    draw_residuals,
    draw_roc,
)
from reproducible_ml.modeling.drawing.style import (
    BLUE,
    Facts,
    few_ticks,
    logarithmic,
    name_ticks,
    percent,
    project_style,
    short,
    short_names,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Columns that hold names.
NAMES = {
    "confusion_matrix": ("actual", "predicted"),
    "classes": ("class",),
    "importance": ("feature",),
    "partial_dependence": ("feature", "class", "value"),
}

# How many plots are in each row of a picture, by their number; if more, COLUMNS.
ROWS = {1: (1,), 2: (2,), 3: (2, 1), 4: (2, 2), 5: (3, 2)}

# Width of the picture of the plots, and height of a row of it, in inches.
PICTURE, ROW, TALL_ROW = 12.0, 4.0, 5.4

# Characters of the title of a picture that fit into a line.
TITLE = 115

# Columns of reports/search.csv that are not arguments.
FACTS = ("trial", "rows", "score", "deviation")

# Plots beside each other, at most, and width and height of one of a search in inches.
COLUMNS, SIZE = 3, (4.3, 3.6)

# Characters of names that fit side by side below a plot of a search.
SIDE_BY_SIDE = 30

Draw = Callable[["Axes", pd.DataFrame, Facts], None]

DRAW: dict[str, dict[str, Draw]] = {
    "binary": {
        "roc": draw_roc,
        "precision_recall": draw_precision_recall,
        "calibration": draw_calibration,
        "confusion_matrix": draw_confusion_matrix,
        "importance": partial(draw_importance, score="loss of ROC AUC"),
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


def draw_plots(
    plots: Path, picture: Path, task: str, facts: Facts | None = None
) -> None:
    """Draw the tables in a folder side by side and save them as a PNG file.

    There is no plot of a table that is missing or has no rows, such as the learning
    curve of a model that has no iterations.
    """
    paths = {name: plots / f"{name}.csv" for name in DRAW[task]}
    tables = {name: read_plot(path) for name, path in paths.items() if path.is_file()}
    with project_style():
        save(plots_figure(tables, task, facts or Facts()), picture)


def plots_figure(
    tables: Mapping[str, pd.DataFrame], task: str, facts: Facts
) -> "Figure":
    """Return the figure of the tables that there are."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    known = {
        name: table
        for name in DRAW[task]
        if (table := tables.get(name)) is not None and len(table.dropna(how="all"))
    }
    facts = facts.with_tables(known, task)
    figure = Figure(layout=ConstrainedLayoutEngine(h_pad=0.08, w_pad=0.08))
    for place, (name, table) in zip(
        places(figure, len(known), tall=task == "multiclass"),
        known.items(),
        strict=True,
    ):
        DRAW[task][name](place, table, facts)
    figure.suptitle(describe(facts, task, known), x=0.01, ha="left")
    return figure


def places(figure: "Figure", count: int, *, tall: bool) -> list["Axes"]:
    """Return axes for plots, such that none is empty, and set the figure's size."""
    full, rest = divmod(count, COLUMNS)
    rows = ROWS.get(count, (COLUMNS,) * full + (rest,) * bool(rest))
    heights = [TALL_ROW if tall and not row else ROW for row in range(len(rows))]
    figure.set_size_inches(PICTURE, sum(heights) + 0.4)
    if not count:
        return []
    # Long names in one row leave the room between the plots of another as it is.
    strips = figure.subfigures(len(rows), 1, squeeze=False, height_ratios=heights)
    return [
        axes
        for strip, many in zip(strips.flat, rows, strict=True)
        for axes in strip.subplots(1, many, squeeze=False).flat
    ]


def describe(facts: Facts, task: str, tables: Mapping[str, pd.DataFrame]) -> str:
    """Return the title of the picture: what is predicted, and for how many rows."""
    words = [f"Prediction of {short(facts.target, 30)}"] if facts.target else []
    if facts.positive and facts.positives is not None:
        share = percent(facts.positives)
        words.append(f"positive class: {short(facts.positive, 20)} ({share})")
    elif task == "multiclass" and "classes" in tables:
        words.append(f"{len(tables['classes'])} classes")
    if facts.rows is not None:
        words.append(f"{facts.rows:,} test rows")
    if facts.estimator:
        words.append(short(facts.estimator, 40))
    line = "  |  ".join(words)
    return (
        line if len(line) <= TITLE else "\n".join(["  |  ".join(words[:-1]), words[-1]])
    )


def save(figure: "Figure", picture: Path) -> None:
    """Save a figure as a PNG file; it replaces an older one when it is complete."""
    with replacing(picture) as temporary:
        figure.savefig(temporary, format="png")


def draw_search(trials: Path, picture: Path, metric: str | None) -> None:
    """Draw the table of a search as a PNG file."""
    table = pd.read_csv(trials)
    if "rows" in table:
        # Scores of trials that were fitted to fewer rows cannot be compared.
        table = table[table["rows"] == table["rows"].max()]
    with project_style():
        save(search_figure(table, f"{metric or 'loss'} over the folds"), picture)


def search_figure(trials: pd.DataFrame, label: str) -> "Figure":
    """Return the figure of a search: the score over each argument."""
    from matplotlib.figure import Figure

    names = [str(name) for name in trials if name not in FACTS]
    columns = min(COLUMNS, len(names))
    rows = -(-len(names) // columns)
    figure = Figure((SIZE[0] * columns, SIZE[1] * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, sharey=True)
    for unused in axes.flat[len(names) :]:
        unused.remove()
    for name, place in zip(names, axes.flat, strict=False):
        draw_argument(place, trials, name)
    for left in axes[:, 0]:
        left.set_ylabel(label)
    return figure


def draw_argument(axes: "Axes", trials: pd.DataFrame, name: str) -> None:
    """Draw score over argument; bars are the standard deviation over the folds."""
    values = trials[name]
    is_number = pd.api.types.is_numeric_dtype(values)
    as_numbers = is_number and bool(values.notna().all())
    codes, known = pd.factorize(values, sort=True, use_na_sentinel=False)
    axes.errorbar(
        values if as_numbers else codes,
        trials["score"],
        yerr=trials["deviation"],
        fmt="o",
        color=BLUE,
        alpha=0.5,
        elinewidth=1.2,
    )
    axes.margins(x=0.1)
    few_ticks(axes, whole=as_numbers and bool((values == values.round()).all()))
    if not as_numbers:
        # A value that is missing in the table is None.
        as_text = "{:g}".format if is_number else str
        texts = ["None" if pd.isna(one) else as_text(one) for one in known]
        name_ticks(axes, short_names(texts), SIDE_BY_SIDE)
    elif values.min() > 0 and values.max() > 20 * values.min():
        logarithmic(axes)
    axes.set_xlabel(short(name, 40))
