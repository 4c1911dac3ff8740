"""Divide the text of a file into rows of values, and name what is odd about it.

The delimiter that fits best divides it; a file that is no table as it is gets a finding
that says what it looks like.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from reproducible_ml.adopt.header import is_header, is_number
from reproducible_ml.contract.findings import Finding, quoted
from reproducible_ml.contract.schema import SEPARATOR
from reproducible_ml.quality.raw_rows import row_in_quotes, whole_row_quoted
from reproducible_ml.reading.csv_files import replace_delimiter

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}

# Share of rows with the most frequent width that makes a table.
CONSISTENT = 0.9

# Lines that are compared with the header.
LINES = 1000

# Signs that occur within words and dates: two names are too few to tell.
WITHIN_WORDS = set("-.'()@&_")

# An index of pandas counts upwards in so many of its rows, anew after each part, or has
# another order. Its numbers are below this multiple of the rows, and are not years.
UPWARDS, SPARSE, YEARS = 0.9, 100, (1800, 2200)

# The columns of fixed width are divided by this, often with names that have blanks.
GAP = re.compile(r"\S\s{2,}\S")


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
    present = [delimiter for delimiter in DELIMITERS if delimiter in text]
    layouts = [make_layout(text, each) for each in present or [","]]
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


def other_delimiter(file: Path, text: str, layout: Layout) -> Finding | None:
    """Return a finding if something unusual divides the names, and the rows alike."""
    if layout.width > 1 and layout.is_table and not _is_half_divided(layout):
        return None
    lines = [line for line in text.splitlines() if line.strip()][:LINES]
    if len(lines) < 2:
        return None
    header, *rows = lines
    for delimiter in _signs(header):
        width = _width(header, delimiter)
        same = sum(_width(row, delimiter) == width for row in rows)
        least = 3 if delimiter in WITHIN_WORDS else 2
        if width >= least and same >= CONSISTENT * len(rows):
            if delimiter.strip("'") in DELIMITERS and delimiter == f"'{delimiter[1]}'":
                return _single_quotes(file, header)
            return _divided(file, header, delimiter, width)
    if layout.width == 1 and GAP.search(header.strip()):
        gaps = sum(GAP.search(row.strip()) is not None for row in rows)
        even = sum(len(row) == len(header) for row in rows)
        if max(gaps, even) >= CONSISTENT * len(rows):
            return _fixed_width(file, header)
    return None


def _is_half_divided(layout: Layout) -> bool:
    """Say whether all names have the rest of a longer delimiter between them."""
    names = layout.rows[0].values
    if layout.delimiter * 2 in layout.delimiter.join(names[:-1]):
        return not any(names[1::2])
    edges = [name[-1:] for name in names[:-1]] + [name[:1] for name in names[1:]]
    return all(edge and not edge.isalnum() and not edge.isspace() for edge in edges)


def _signs(header: str) -> Iterator[str]:
    """Yield what may divide the names, runs of signs before single ones."""
    runs = re.findall(r'[^\w\s"]+|_+|\t\t+', header)
    signs = [*sorted(runs, key=len, reverse=True), *"".join(runs)]
    yield from dict.fromkeys(sign for sign in signs if sign not in DELIMITERS)
    if re.search(r"\S\s+\S", header):
        yield " "


def _width(line: str, delimiter: str) -> int:
    if len(delimiter.encode()) > 8:
        return 0
    marked = replace_delimiter(line.encode(), delimiter).decode()
    return marked.count(SEPARATOR) + 1


def _divided(file: Path, header: str, delimiter: str, width: int) -> Finding:
    shown = "blanks" if delimiter == " " else quoted(delimiter)
    typed = delimiter if delimiter.isprintable() else ascii(delimiter)[1:-1]
    problem = f"looks like {width} names divided by {shown}"
    fix = f'Set `delimiter: "{typed}"` in metadata of data/schema.yaml.'
    return Finding("delimiter", file, problem, fix, 1, value=header)


def _single_quotes(file: Path, header: str) -> Finding:
    problem = "has values in single quotes, which would be parts of them"
    fix = "Export it with double quotes, or without any."
    return Finding("delimiter", file, problem, fix, 1, value=header)


def _fixed_width(file: Path, header: str) -> Finding:
    problem = "looks like names above columns of a fixed width"
    fix = "Save it as CSV, as `pandas.read_fwf(...).to_csv(..., index=False)` does."
    return Finding("delimiter", file, problem, fix, 1, value=header)


def quoted_rows(file: Path, text: str) -> Finding | None:
    """Return a finding if most rows are in quotes as a whole."""
    for delimiter in DELIMITERS:
        header, *rows = make_layout(text, delimiter).rows or [Row(1, [])]
        width = len(header.values)
        if width == 1:
            width = row_in_quotes(header.values[0], delimiter)
        found = [
            row
            for row in rows
            if len(row.values) == 1 and row_in_quotes(row.values[0], delimiter) == width
        ]
        if width > 1 and found and len(found) >= len(rows) / 2:
            return whole_row_quoted(file, found[0].line, len(found))
    return None


def two_headers(
    file: Path, line: int, names: Sequence[str], below: Sequence[Sequence[str]]
) -> Finding | None:
    """Return a finding if the names need those of the next line to be unique.

    Args:
        file: The file.
        line: Line of the header.
        names: Its names, some of which are empty or equal.
        below: Rows below it.
    """
    if len(below) < 2:
        return None
    second = below[0]
    named = [text for text in second if text.strip()]
    many = len({*named}) > 1 or len({*names}) > 1
    if any(map(is_number, named)) or not many or not is_header(second, below[1:]):
        return None
    problem = "and the next line both hold names"
    fix = "Keep one line with a name for each column."
    value = ", ".join(names)
    return Finding("two headers", file, problem, fix, line, value=value)


def is_index(values: Sequence[str]) -> bool:
    """Say whether values number the rows, as the index that pandas writes."""
    texts = [value.strip() for value in values]
    if not texts or not all(re.fullmatch(r"\d{1,12}", text) for text in texts):
        return False
    numbers = [int(text) for text in texts]
    low, high = min(numbers), max(numbers)
    if high >= SPARSE * len(numbers) or (low >= YEARS[0] and high <= YEARS[1]):
        return False
    upwards = sum(after > before for before, after in pairwise(numbers))
    return upwards >= UPWARDS * (len(numbers) - 1) or len({*numbers}) == len(numbers)
