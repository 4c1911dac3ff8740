"""Draw the metrics of all versions over time, with their intervals."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib.figure

from reproducible_ml.core.errors import UserError
from reproducible_ml.core.files import replacing
from reproducible_ml.modeling.drawing.style import (
    BLUE,
    GREY,
    name_ticks,
    project_style,
    short,
)
from reproducible_ml.registry.history import VersionRecord

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Versions that are drawn, the newest ones.
DRAWN = 30


def draw(records: Sequence[VersionRecord], path: Path) -> None:
    """Draw each metric of the newest versions with its intervals, into a PNG file.

    Raises:
        UserError: There is nothing to draw, or the file has another suffix.
    """
    shown = records[-DRAWN:]
    names = sorted({name for record in shown for name in record.metrics})
    if path.suffix != ".png":
        raise UserError(f"{path}: is no .png file. Fix: give a name that ends in .png")
    if not names:
        raise UserError("no version has metrics to draw. Fix: rml register")
    with project_style():
        width = max(4.5, 1.6 + 0.5 * len(shown))
        figure = matplotlib.figure.Figure(
            (2 * width, 2.6 * -(-len(names) // 2)), layout="constrained"
        )
        grid = figure.subplots(-(-len(names) // 2), 2, squeeze=False)
        for axes, name in zip(grid.flat, names, strict=False):
            _draw_metric(axes, name, shown)
        for axes in grid.flat[len(names) :]:
            axes.set_axis_off()
        figure.suptitle("Versions of the model, with 95 % intervals")
        with replacing(path) as temporary:
            figure.savefig(temporary, format="png", metadata={"Software": None})


def _draw_metric(axes: "Axes", name: str, records: Sequence[VersionRecord]) -> None:
    """Draw a metric: a line through versions that can be compared, else a gap."""
    line: list[tuple[int, float]] = []
    for place, record in enumerate(records):
        if place and not record.comparable_with_previous:
            axes.axvline(place - 0.5, color=GREY, linestyle="--", linewidth=1.2)
            _draw_line(axes, line)
            line = []
        found = record.metrics.get(name)
        if found is None or found.value is None:
            continue
        line.append((place, found.value))
        if found.low is not None and found.high is not None:
            axes.vlines(place, found.low, found.high, color=BLUE, alpha=0.5)
    _draw_line(axes, line)
    axes.set_xlim(-0.6, len(records) - 0.4)
    name_ticks(axes, [record.version for record in records], room=40)
    axes.set_title(short(name, 40))
    if any(not record.comparable_with_previous for record in records[1:]):
        axes.set_xlabel("dashed: other test rows or another question, not comparable")


def _draw_line(axes: "Axes", points: Sequence[tuple[int, float]]) -> None:
    if points:
        axes.plot(*zip(*points, strict=True), color=BLUE, marker="o", markersize=5)
