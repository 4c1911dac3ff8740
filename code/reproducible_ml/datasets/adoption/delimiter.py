"""Which character separates the values of a CSV file, by what makes a table of it."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}

# Share of rows as wide as most that makes a table.
CONSISTENT = 0.9


class Row(NamedTuple):
    """The values of a row that is not blank, and the line it begins on."""

    line: int
    values: list[str]


class Reading(NamedTuple):
    """What a delimiter makes of the text: rows, and which of them look like a table."""

    delimiter: str
    rows: list[Row]
    width: int
    # Rows as wide as most, and the first of them.
    wide: int
    first: int

    @property
    def is_table(self) -> bool:
        """Whether it begins with a header and goes on as it began."""
        return self.first == 0 and self.wide >= CONSISTENT * len(self.rows)


def read(text: str) -> tuple[Reading, list[str]]:
    """Return the reading that makes most sense, and delimiters that make as much."""
    told = re.match(r"sep=(.)\r?\n", text)
    if told and told[1] in DELIMITERS:
        return _reading(text, told[1]), []
    readings = [_reading(text, delimiter) for delimiter in DELIMITERS]
    several = [reading for reading in readings if reading.width > 1]
    if not several:
        return readings[0], []
    best = max(several, key=lambda r: (r.is_table, r.wide, r.width))
    rivals = [r.delimiter for r in several if r.is_table and r is not best]
    return best, rivals if best.is_table else []


def _reading(text: str, delimiter: str) -> Reading:
    rows = [row for row in _rows(text, delimiter) if any(row.values)]
    widths = Counter(len(row.values) for row in rows if len(row.values) > 1)
    if not widths:
        return Reading(delimiter, rows, 1, len(rows), 0)
    # Of widths that are as frequent, the larger is less likely by chance.
    width = max(widths, key=lambda width: (widths[width], width))
    first = next(i for i, row in enumerate(rows) if len(row.values) == width)
    # Below a title, only a table that is one beyond doubt; otherwise one column.
    share = CONSISTENT if first else 0.5
    if widths[width] < share * (len(rows) - first):
        return Reading(delimiter, rows, 1, len(rows), 0)
    return Reading(delimiter, rows, width, widths[width], first)


def _rows(text: str, delimiter: str) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    line = 1
    try:
        for values in reader:
            yield Row(line, values)
            line = reader.line_num + 1
    except csv.Error:
        # A value of enormous length: what came before has to do.
        return
