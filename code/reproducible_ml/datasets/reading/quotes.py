"""Judge the quotes of a text table: one too few, and whole rows become one value."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from reproducible_ml.datasets.findings import Finding
from reproducible_ml.datasets.reading.decode import LONGEST
from reproducible_ml.datasets.reading.rows import Rows
from reproducible_ml.datasets.reading.structure import Places, within

QUOTED = re.compile(rb'"[^"]*+(?:""[^"]*+)*+"')

# A number, a date or a time: digits and signs, no letters.
NUMBER = re.compile(rb"[^A-Za-z\x80-\xff]*[0-9][^A-Za-z\x80-\xff]*\Z")

FIX = 'Close the quote, or write a quote that belongs to the text twice ("").'


def row_width(row: bytes, delimiter: bytes) -> int:
    """Return the number of values in a row."""
    return QUOTED.sub(b"", row).count(delimiter) + 1


def judge_quotes(file: Path, rows: Rows, width: int) -> Iterator[Finding]:
    """Yield values that do not end where they should; `width` is the header's.

    After one of the kind "open quote", quoted and not quoted are confused.
    """
    if rows.regular and not len(rows.folds):
        return
    opens, closes = rows.quoted()
    if not rows.regular:
        yield from _badly_closed(file, rows, opens, closes)
        yield from _badly_opened(file, rows, opens, closes)
    if len(opens) > len(closes):
        yield _never_closed(file, rows, int(opens[-1]))
    if width > 1:
        yield from _swallowing(file, rows, opens, closes, width)


def _badly_closed(
    file: Path, rows: Rows, opens: Places, closes: Places
) -> Iterator[Finding]:
    """Yield values with text after the closing quote, which is none then."""
    ending = re.compile(rb"[ \t]*(?:[\r\n]|\Z|%s)" % re.escape(rows.delimiter))
    for first, last in zip(opens.tolist(), closes.tolist(), strict=False):
        if ending.match(rows.text, last + 1):
            continue
        lines = rows.text.count(b"\n", first, last)
        if lines:
            yield _open_quote(file, rows, first, lines)
            return
        problem = "has quotes within quotes that are not written twice"
        yield rows.finding("stray quote", file, first, problem, FIX)


def _badly_opened(
    file: Path, rows: Rows, opens: Places, closes: Places
) -> Iterator[Finding]:
    """Yield values with blanks before the opening quote, which is none then."""
    ends = re.escape(rows.delimiter)
    pattern = rb'(?:(?<=\n)|(?<=%s))[ \t]+"[^"\n]*"[ \t\r]*(?=\n|%s)' % (ends, ends)
    for match in re.finditer(pattern, rows.text):
        if not within(match.start(), opens, closes):
            problem = "has a blank before its quote, which thus belongs to the text"
            fix = "Remove the blank."
            yield rows.finding("stray quote", file, match.start(), problem, fix)


def _never_closed(file: Path, rows: Rows, first: int) -> Finding:
    # The line end that ends the file swallows nothing.
    lines = rows.text.rstrip().count(b"\n", first)
    if len(rows.text) > LONGEST:
        problem = f"opens a quote that is not closed within {LONGEST >> 20} MiB"
        fix = f"{FIX[:-1]}, or keep such values in files of their own."
        return rows.finding("open quote", file, first + 1, problem, fix)
    if lines:
        return _open_quote(file, rows, first, lines)
    problem = "is the last value and lacks its closing quote: the file is cut off"
    fix = "Copy or export it again."
    return rows.finding("cut", file, first + 1, problem, fix)


def _swallowing(
    file: Path, rows: Rows, opens: Places, closes: Places, width: int
) -> Iterator[Finding]:
    """Yield values that are closed, but much later than they should."""
    values, lines = np.unique(
        np.searchsorted(opens, rows.folds) - 1, return_counts=True
    )
    several = (lines > 1) & (values < len(closes))
    values, lines = values[several], lines[several]
    opens, closes = opens[values], closes[values]
    delimiters = _count(rows.text, rows.delimiter, opens, closes)
    # A whole row that is swallowed brings all of its delimiters and one line end.
    suspects = delimiters == lines * (width - 1) % 256
    for value in np.flatnonzero(suspects):
        first, last = int(opens[value]), int(closes[value])
        if _holds_rows(rows, first, last, width):
            yield _open_quote(file, rows, first, int(lines[value]))
            return


def _count(
    text: bytes, delimiter: bytes, opens: Places, closes: Places
) -> npt.NDArray[np.uint8]:
    """Return the number of delimiters in each value, modulo 256 for speed."""
    if not len(opens):
        return np.array([], np.uint8)
    is_delimiter = np.frombuffer(text, np.uint8) == ord(delimiter)
    ends = np.column_stack([opens, closes]).ravel()
    return np.add.reduceat(is_delimiter.view(np.uint8), ends, dtype=np.uint8)[::2]


def _holds_rows(rows: Rows, first: int, last: int, width: int) -> bool:
    """Say whether all lines of a quoted value look like rows of the table."""
    text = rows.text
    start, end = text.rfind(b"\n", 0, first) + 1, text.find(b"\n", last)
    # The first line of most values has too few delimiters, which spares the others.
    line = text[start:first] + text[first + 1 : text.find(b"\n", first)]
    if row_width(line, rows.delimiter) != width:
        return False
    row = text[start:first] + text[first + 1 : last] + text[last + 1 : end]
    lines = [QUOTED.sub(b"", line).split(rows.delimiter) for line in row.split(b"\n")]
    if any(len(line) != width for line in lines):
        return False
    numbers = [i for i, value in enumerate(lines[0]) if NUMBER.match(value)]
    if not numbers:
        # Text alone proves little: many values and lines are needed to be sure.
        return width > 2 and len(lines) > 3
    values = [line[i].strip() for line in lines for i in numbers]
    return all(not value or NUMBER.match(value) for value in values)


def _open_quote(file: Path, rows: Rows, first: int, lines: int) -> Finding:
    swallowed = "the next line" if lines == 1 else f"the next {lines} lines"
    problem = f"opens a quote that is not closed, and swallows {swallowed}"
    # The text is shown without the quote, which would look like one of the message.
    return rows.finding("open quote", file, first + 1, problem, FIX)
