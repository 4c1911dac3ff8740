"""Divide the text of a file into rows of values, by the delimiter that fits best."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}

# Share of rows with the most frequent width that makes a table.
CONSISTENT = 0.9


class Row(NamedTuple):
    """The values of a row that is not blank, and the line that it begins on."""

    line: int
    values: list[str]


class Layout(NamedTuple):
    """The rows that a delimiter makes of a text.

    Attributes:
        delimiter: Between values.
        rows: All that are not blank.
        width: Most frequent number of values in a row.
        wide: Number of rows of that width.
        first: Position of the first of them.
    """

    delimiter: str
    rows: list[Row]
    width: int
    wide: int
    first: int

    @property
    def is_table(self) -> bool:
        """Whether nearly all rows, from the first on, have the same width."""
        return self.first == 0 and self.wide >= CONSISTENT * len(self.rows)


def find_delimiter(text: str) -> tuple[Layout, list[str]]:
    """Return the most plausible layout, and delimiters that are as plausible."""
    declared = re.match(r"sep=([^\w\"])\r?\n", text)
    if declared:
        return make_layout(text, declared[1]), []
    layouts = [make_layout(text, delimiter) for delimiter in DELIMITERS]
    several = [layout for layout in layouts if layout.width > 1]
    if not several:
        return layouts[0], []
    best = max(several, key=lambda r: (r.is_table, r.wide, r.width))
    rivals = [r.delimiter for r in several if r.is_table and r is not best]
    return best, rivals if best.is_table else []


def make_layout(text: str, delimiter: str) -> Layout:
    """Return the rows that a delimiter of one character makes of a text."""
    rows = [row for row in _rows(text, delimiter) if any(row.values)]
    widths = Counter(len(row.values) for row in rows if len(row.values) > 1)
    if not widths:
        return Layout(delimiter, rows, 1, len(rows), 0)
    # Of equally frequent widths, the larger is less likely by chance.
    width = max(widths, key=lambda width: (widths[width], width))
    first = next(i for i, row in enumerate(rows) if len(row.values) == width)
    # Below a title, only a clear table counts; otherwise it is one column.
    share = CONSISTENT if first else 0.5
    if widths[width] < share * (len(rows) - first):
        return Layout(delimiter, rows, 1, len(rows), 0)
    return Layout(delimiter, rows, width, widths[width], first)


def _rows(text: str, delimiter: str) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    line = 1
    try:
        for values in reader:
            yield Row(line, values)
            line = reader.line_num + 1
    except csv.Error:
        # A value is longer than csv allows: the rows before it suffice.
        return
