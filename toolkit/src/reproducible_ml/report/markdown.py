"""Markdown for GitHub, with mermaid diagrams, in which text from users is no markup.

Names of columns, values, parameters and branches may come from strangers. They appear
only in code spans and fenced blocks, where GitHub makes no links, mentions or HTML.

The points of a mermaid line are equally spaced, so all lines of a chart share one grid.
There is no legend, so a key in words follows each chart. NaN and exponents (1e-05) are
syntax errors in it.
"""

import math
import os
import re
import sys
from collections.abc import Iterable, Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from reproducible_ml.card.markdown import cell, span
from reproducible_ml.core.errors import UserError, one_line
from reproducible_ml.versioning.dvc import run_dvc

# Limits: characters of a text, lines and bytes of a block or table.
WIDTH = 60
LINES = 60
BYTES = 6_000

# Characters of an error that are shown.
MESSAGE = 300

# Width of Markdown and of tables where the output is not a terminal.
PIPED_WIDTH = 120
UNLIMITED = 10_000

# A number, an interval or a dash.
NUMBERS = re.compile(r"[-+\d.,e]+( to [-+\d.,e]+)?")

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


def short(text: str, width: int = WIDTH) -> str:
    """Return at most `width` characters."""
    return text if len(text) <= width else text[: width - 1] + "…"


def code(text: object, width: int = WIDTH) -> str:
    """Return a text as a code span, short and on one line."""
    shown = short(one_line(str(text)), width).strip()
    return span(shown) if shown else "(empty)"


def listed(names: Iterable[object], limit: int = 5) -> str:
    """Return the first of some names, as code, and how many more there are."""
    known = [*names]
    more = f" and {len(known) - limit} more" if len(known) > limit else ""
    return ", ".join(code(name) for name in known[:limit]) + more


def fence(text: str, language: str = "") -> str:
    """Return lines as a code block that none of them can close."""
    lines = cut([short(one_line(line), 2 * WIDTH) for line in text.splitlines()])
    runs = re.findall("`+", "\n".join(lines))
    marks = "`" * max(3, 1 + max(map(len, runs), default=0))
    return "\n".join([f"{marks}{language}", *lines, marks])


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table, cut if it is long; columns of numbers are right-aligned.

    Args:
        header: Titles of the columns.
        rows: Cells; text from users must be `code`.
    """
    cells = [*rows]
    columns = [*zip(*cells, strict=True)] or [()] * len(header)
    sides = ["--:" if all(map(NUMBERS.fullmatch, c)) else ":--" for c in columns]
    shown = cut([_line(row) for row in cells], before_more="\n")
    return "\n".join([_line(header), _line(sides), *shown])


def bullets(lines: Sequence[str]) -> str:
    """Return a list, cut if it is long."""
    return "\n".join(cut([f"- {line}" for line in lines], before_more="- "))


def cut(lines: Sequence[str], before_more: str = "") -> list[str]:
    """Return the first LINES lines or BYTES bytes, and how many more there are."""
    sizes = accumulate(len(line.encode()) + 1 for line in lines)
    count = min(LINES, sum(size <= BYTES for size in sizes))
    more = [f"{before_more}… and {len(lines) - count} more"] * (count < len(lines))
    return [*lines[:count], *more]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(cell, cells))} |"


def details(summary: str, text: str) -> str:
    """Return folded text; the summary must not hold text from users."""
    return f"<details><summary>{summary}</summary>\n\n{text}\n\n</details>"


if TYPE_CHECKING:
    from rich.console import RenderableType


def show_in_terminal(shown: "RenderableType", ending: str = "") -> None:
    """Print Markdown, or what rich can draw, and a plain ending.

    The width is that of the terminal. In a pipe, Markdown is PIPED_WIDTH wide, a
    table is as wide as it needs, and no line ends in spaces.
    """
    from rich.console import Console
    from rich.markdown import Markdown

    is_markdown, is_piped = isinstance(shown, str), not sys.stdout.isatty()
    piped_width = PIPED_WIDTH if is_markdown else UNLIMITED
    console = Console(width=piped_width if is_piped else None)
    with console.capture() as captured:
        console.print(Markdown(shown) if isinstance(shown, str) else shown)
    text = captured.get()
    if is_piped:
        text = "".join(f"{line.rstrip()}\n" for line in text.splitlines())
    try:
        sys.stdout.write(f"{text}\n{ending}")
        sys.stdout.flush()
    except BrokenPipeError:
        # As in `rml report | head`. Python would write again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


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
