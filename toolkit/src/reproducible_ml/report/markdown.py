"""Markdown for GitHub in which text from users cannot act as markup.

Names of columns, values, parameters and branches may come from strangers. They appear
only in code spans and fenced blocks, where GitHub makes no links, mentions or HTML.
"""

import os
import re
import sys
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

from reproducible_ml.core.errors import one_line

# Limits: characters of a text, lines and bytes of a block or table.
WIDTH = 60
LINES = 60
BYTES = 6_000

# Characters of an error that are shown.
MESSAGE = 300

# Width of Markdown and of tables where the output is not a terminal.
PIPED_WIDTH = 120
UNLIMITED = 10_000

# These would end a code span, or a table cell even within one.
INERT = str.maketrans({"`": "'", "|": "¦"})

# A number, an interval or a dash.
NUMBERS = re.compile(r"[-+\d.,e]+( to [-+\d.,e]+)?")


def short(text: str, width: int = WIDTH) -> str:
    """Return at most `width` characters."""
    return text if len(text) <= width else text[: width - 1] + "…"


def code(text: object, width: int = WIDTH) -> str:
    """Return a text as a code span, short and on one line."""
    shown = short(one_line(str(text)).translate(INERT), width).strip()
    return f"`{shown}`" if shown else "(empty)"


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
    return f"| {' | '.join(cells)} |"


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
