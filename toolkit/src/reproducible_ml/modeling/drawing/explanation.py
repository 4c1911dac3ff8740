"""The picture of `rml explain`: what moved the predictions of some rows."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from reproducible_ml.modeling.drawing.style import (
    BLUE,
    DARK,
    ORANGE,
    REFERENCE,
    few_ticks,
    project_style,
    short,
    short_names,
)

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

# Rows in a picture, at most, characters of the name of a bar, and inches of a bar.
ROWS, WIDTH, BAR = 6, 34, 0.28


class Bars(NamedTuple):
    """What is drawn for a row.

    Attributes:
        title: The row and its prediction, a line each.
        names: Of the bars.
        values: Contributions, the largest first.
        errors: Their standard errors; None: exact.
        base: The base value.
        scale: What contributions add up to.
    """

    title: str
    names: Sequence[str]
    values: Sequence[float]
    errors: Sequence[float] | None
    base: float
    scale: str


def draw_explanations(rows: Sequence[Bars], picture: "Path") -> None:
    """Draw bars that begin where the one above ends, from base value to prediction."""
    from matplotlib.figure import Figure

    from reproducible_ml.modeling.drawing.draw import save

    with project_style():
        heights = [1.5 + BAR * len(row.names) for row in rows]
        figure = Figure((8.5, sum(heights)), layout="constrained")
        places = figure.subplots(len(rows), 1, squeeze=False, height_ratios=heights)
        for axes, row in zip(places.flat, rows, strict=True):
            _draw(axes, row)
        save(figure, picture)


def _draw(axes: "Axes", row: Bars) -> None:
    values = np.array(row.values)
    starts = row.base + np.concatenate([[0.0], np.cumsum(values)[:-1]])
    places = np.arange(len(values))
    colours = [ORANGE if value > 0 else BLUE for value in row.values]
    axes.barh(
        places,
        values,
        left=starts,
        xerr=row.errors,
        color=colours,
        error_kw={"ecolor": DARK, "elinewidth": 1.2, "capsize": 2},
    )
    axes.axvline(row.base, **REFERENCE)
    axes.set_yticks(places, short_names(row.names, WIDTH))
    axes.invert_yaxis()
    title = "\n".join(short(line, 60) for line in row.title.split("\n"))
    axes.set(title=title, xlabel=f"{row.scale}; dashed: base value")
    axes.use_sticky_edges = False  # bars do not end at the edge of the plot
    few_ticks(axes, x=6, y=None)
