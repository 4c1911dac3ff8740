"""Charts and graphs as mermaid diagrams, which GitHub draws in its light or dark style.

The points of a mermaid line are equally spaced, so all lines of a chart share one grid.
There is no legend, so a key in words follows each chart. NaN and exponents (1e-05) are
syntax errors in it.
"""

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from reproducible_ml.core.errors import UserError, one_line
from reproducible_ml.report.markdown import details, fence, short
from reproducible_ml.versioning.dvc import run_dvc

Floats = npt.NDArray[np.float64]

# Points of a line.
POINTS = 50

# Values beyond LARGE are not drawn; smaller differences than SMALL cannot be seen.
LARGE, SMALL = 1e15, 1e-12

# Whole numbers that fit along an axis without overlap.
LABELS = 20

# Visible on white and on black, and distinguishable for the colour-blind.
COLOURS = {"grey": "#8c959f", "orange": "#e8590c", "blue": "#388bfd"}

# Without a background, the chart stands on that of the page, be it light or dark.
SETTINGS = (
    '%%{{init: {{"xyChart": {{"width": 640, "height": 320}}, "themeVariables":'
    ' {{"xyChart": {{"backgroundColor": "transparent", "plotColorPalette":'
    ' "{colours}"}}}}}}}}%%'
)

# Nodes and edges that are drawn.
SHOWN = 150

NODE = re.compile(r'\s*(node\d+)\["(.*)"\]')
EDGE = re.compile(r"\s*node\d+-->node\d+")

# Characters that mermaid may take for syntax.
SPECIAL = re.compile(r"[^\w\s./-]")


class Axis(NamedTuple):
    """Title and ends of an axis; `whole` if its values are whole numbers."""

    title: str
    low: float
    high: float
    whole: bool = False


def chart(title: str, x: Axis, y: Axis, lines: dict[str, tuple[str, Floats]]) -> str:
    """Return a chart and the key to its colours.

    Args:
        title: Of the chart; must not hold text from users.
        x: The first and last point lie at its ends.
        y: Values beyond its ends are clipped.
        lines: Colour and values (at most POINTS) of each line, by its name in the key.
    """
    colours = ", ".join(COLOURS[colour] for colour, _ in lines.values())
    (x, _), (y, size) = short_number(x), short_number(y)
    text = [
        SETTINGS.format(colours=colours),
        "xychart-beta",
        f'  title "{title}"',
        f'  x-axis "{x.title}" {_range(x)}',
        f'  y-axis "{y.title}" {_range(y)}',
    ]
    for _, values in lines.values():
        shown = np.nan_to_num(values / size, nan=y.low).clip(y.low, y.high)
        text.append(f"  line [{', '.join(decimals([*shown], y))}]")
    key = ", ".join(f"{colour}: {name}" for name, (colour, _) in lines.items())
    return f"{mermaid(text)}\n\n{title}. Colours: {key}."


def mermaid(lines: Sequence[str]) -> str:
    """Return the lines of a diagram as a code block."""
    text = "\n".join(lines)
    return fence("", "mermaid").replace("\n", f"\n{text}\n", 1)


def _range(axis: Axis) -> str:
    if axis.whole and axis.high - axis.low < LABELS:
        places = range(int(axis.low), int(axis.high) + 1)
        quoted = ", ".join(f'"{place}"' for place in places)
        return f"[{quoted}]"
    return " --> ".join(decimals([axis.low, axis.high], axis))


def short_number(axis: Axis) -> tuple[Axis, float]:
    """Return the axis in a unit that keeps its labels short, and that unit."""
    largest = max(abs(axis.low), abs(axis.high))
    if 1e-3 <= largest < 1e5:
        return axis, 1.0
    power = math.floor(math.log10(largest) / 3) * 3
    unit = 10.0**power
    title = f"{axis.title}, in units of 10^{power}"
    return Axis(title, axis.low / unit, axis.high / unit, axis.whole), unit


def decimals(values: Sequence[float], axis: Axis) -> list[str]:
    """Format numbers without exponents, with as many decimals as the axis needs."""
    size = axis.high - axis.low
    count = min(max(0, 3 - math.floor(math.log10(size))), 15)
    # Adding 0.0 turns -0.0 into 0.0.
    return [f"{round(value, count) + 0.0:.{count}f}" for value in values]


def padded_axis(
    title: str, values: Sequence[Floats], *, step: float | None = None
) -> Axis:
    """Return an axis that covers all values and ends at round numbers."""
    _, low, high, _ = exact_axis(title, values)
    if step is None:
        size = max(high - low, abs(low) / 1e6, abs(high) / 1e6)
        step = 10.0 ** math.floor(math.log10(size if size > SMALL else 1.0)) / 2
    low, high = math.floor(low / step) * step, math.ceil(high / step) * step
    return Axis(title, float(low), float(high if high > low else low + step))


def exact_axis(title: str, values: Sequence[Floats]) -> Axis:
    """Return an axis from the lowest to the highest value, never of length 0."""
    known = np.concatenate([*values, np.zeros(0)])
    known = known[np.abs(np.nan_to_num(known, nan=np.inf)) < LARGE]
    low, high = (known.min(), known.max()) if len(known) else (0.0, 1.0)
    return Axis(title, float(low), float(max(high, low + SMALL + abs(low) / 1e6)))


def grid(axis: Axis, points: int = POINTS) -> Floats:
    """Return equally spaced points from end to end."""
    return np.linspace(axis.low, axis.high, points)


def pipeline_graph(root: Path) -> str:
    """Return the graph of the pipeline, folded."""
    try:
        drawn = run_dvc("dag", "--md", cwd=root)
    except UserError:
        return "Pipeline: `dvc dag` failed."
    lines = clean_graph(drawn)
    more = len(lines) - SHOWN
    note = f"\n\n… and {more} more nodes and edges" if more > 0 else ""
    picture = mermaid(["flowchart TD", *lines[:SHOWN]])
    return details("The pipeline", f"{picture}{note}")


def clean_graph(drawn: str) -> list[str]:
    """Return DVC's nodes and edges, without mermaid syntax in the names."""
    lines = []
    for line in drawn.splitlines():
        if node := NODE.fullmatch(line):
            name = SPECIAL.sub("_", short(one_line(node[2])))
            lines.append(f'  {node[1]}["{name}"]')
        elif EDGE.fullmatch(line):
            lines.append(f"  {line.strip()}")
    return lines
