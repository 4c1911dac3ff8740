"""Check the text of a table in one fast pass, before it is read as a table.

This finds what CSV readers misread silently: quotes that are never closed, truncated
files, merge conflicts, NUL bytes and wrong encodings.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from reproducible_ml.contract.findings import MAX_LISTED, Finding
from reproducible_ml.contract.schema import CsvDialect
from reproducible_ml.reading.encoding import (
    MAX_ROW_BYTES,
    damaged_file,
    detect_encoding,
    text_blocks,
    wrong_encoding,
)
from reproducible_ml.reading.file_type import compression
from reproducible_ml.reading.rows import Positions, Rows, read_row_blocks, within

QUOTED = re.compile(rb'"[^"]*+(?:""[^"]*+)*+"')

# A number, a date or a time: digits and symbols, no letters.
NUMBER = re.compile(rb"[^A-Za-z\x80-\xff]*[0-9][^A-Za-z\x80-\xff]*\Z")

FIX = 'Close the quote, or double a quote that belongs to the text ("").'


MARKER = re.compile(rb"^(?:<{7} .*|={7}|>{7} .*)\r?$", re.MULTILINE)

COPY_AGAIN = "Copy or export it again."


def scan(file: Path, dialect: CsvDialect) -> list[Finding]:
    """Return the problems of the text of a table, in the order of the file.

    These are at most a hundred findings, and one that says that there are more. Rows
    with too many or too few values are not checked, because readers find them.
    """
    try:
        findings = _scan(file, dialect)
        other = _other_encoding(file, dialect.encoding, findings)
    except (UnicodeDecodeError, pa.ArrowInvalid):
        return [wrong_encoding(file, dialect.encoding)]
    except OSError:
        if compression(file) is None:
            raise
        return [damaged_file(file)]
    return [wrong_encoding(file, dialect.encoding)] if other else findings


def _scan(file: Path, dialect: CsvDialect) -> list[Finding]:
    findings: list[Finding] = []
    width = 0
    for rows in read_row_blocks(file, dialect):
        if not width:
            width = _header_width(rows)
        elif not rows.complete:
            findings += _truncated(file, rows, width)
        findings += _long_rows(file, rows)
        findings += _nul_bytes(file, rows)
        findings += _conflict_markers(file, rows)
        findings += check_quotes(file, rows, width)
        if len(findings) > MAX_LISTED or any(f.kind == "open quote" for f in findings):
            break
    findings.sort(key=lambda finding: finding.line or 0)
    return findings[:MAX_LISTED] + [
        _more_problems(f) for f in findings[MAX_LISTED : MAX_LISTED + 1]
    ]


def _more_problems(finding: Finding) -> Finding:
    """Return a finding that there are more problems, from this one on."""
    problem = f"is the first of more problems than the {MAX_LISTED} that are listed"
    fix = "Correct those first."
    return finding._replace(kind="more", problem=problem, fix=fix, value=None)


def _other_encoding(file: Path, encoding: str, findings: list[Finding]) -> bool:
    """Return whether text that can be decoded seems to have another encoding."""
    if any(finding.kind == "zero" for finding in findings):
        # As UTF-8, UTF-16 is text in which every other byte is zero.
        return detect_encoding(file)[0] not in ("", "utf-8", encoding)
    if encoding.startswith("utf") or encoding == "ascii":
        return False
    try:
        plain = [block.isascii() for block in text_blocks(file, "utf-8")]
    except pa.ArrowInvalid:
        return False
    return not all(plain)


def _header_width(rows: Rows) -> int:
    """Return the number of columns, 0 if the header is not in these rows."""
    start = len(rows.text) - len(rows.text.lstrip(b"\r\n"))
    end = rows.text.find(b"\n", start)
    quoted = rows.quoted()
    while within(end, *quoted):
        end = rows.text.find(b"\n", end + 1)
    header = rows.text[start:end] if end >= 0 else rows.text[start:]
    return row_width(header, rows.delimiter) if header else 0


def _truncated(file: Path, rows: Rows, width: int) -> Iterator[Finding]:
    """Yield a finding if the last row has too few values and no line end."""
    opens, closes = rows.quoted()
    values = row_width(rows.text, rows.delimiter)
    # Open quotes and rows that are too long have findings of their own.
    if len(opens) > len(closes) or len(rows.text) > MAX_ROW_BYTES:
        return
    if values < width and rows.text.strip():
        problem = (
            f"is the end and has {values} of {width} values: the file is truncated"
        )
        yield rows.finding("cut", file, 0, problem, COPY_AGAIN)


def _long_rows(file: Path, rows: Rows) -> Iterator[Finding]:
    """Yield the rows that are too long, but not because of an open quote."""
    if len(rows.text) <= MAX_ROW_BYTES:
        return
    opens, closes = rows.quoted()
    ends = np.flatnonzero(np.frombuffer(rows.text, np.uint8) == ord("\n"))
    ends = ends[~np.isin(ends, rows.folds)]
    if not rows.complete and len(opens) == len(closes):
        ends = np.append(ends, len(rows.text))
    starts = np.concatenate([[0], ends + 1])[: len(ends)]
    problem = f"begins a row of more than {MAX_ROW_BYTES >> 20} MiB"
    fix = "Look for lost line ends, or move such values to files of their own."
    for start in starts[ends - starts > MAX_ROW_BYTES].tolist():
        yield rows.finding("long row", file, start, problem, fix)


def _nul_bytes(file: Path, rows: Rows) -> Iterator[Finding]:
    # Searching a single byte is much faster than a pattern.
    if b"\0" not in rows.text:
        return
    problem = "contains a NUL byte"
    fix = "Export it again: such bytes come from a crash or another encoding."
    for match in re.finditer(rb"[^\n\0]{0,20}\0[^\n]*", rows.text):
        yield rows.finding("zero", file, match.start(), problem, fix)


def _conflict_markers(file: Path, rows: Rows) -> Iterator[Finding]:
    if not any(c in rows.text and c * 7 in rows.text for c in (b"<", b">")):
        return
    problem = "is the marker of a merge conflict"
    fix = "Take one side of the conflict, or export the table again."
    quoted = rows.quoted()
    for match in MARKER.finditer(rows.text):
        if not within(match.start(), *quoted):
            yield rows.finding("conflict", file, match.start(), problem, fix)


def row_width(row: bytes, delimiter: bytes) -> int:
    """Return the number of values in a row."""
    return QUOTED.sub(b"", row).count(delimiter) + 1


def check_quotes(file: Path, rows: Rows, width: int) -> Iterator[Finding]:
    """Yield findings about quotes; `width` is the number of columns.

    After a finding of the kind "open quote", quoted and unquoted text are confused.
    """
    if rows.regular and not len(rows.folds):
        return
    opens, closes = rows.quoted()
    if not rows.regular:
        yield from _text_after_quotes(file, rows, opens, closes)
        yield from _space_before_quotes(file, rows, opens, closes)
    if len(opens) > len(closes):
        yield _never_closed(file, rows, int(opens[-1]))
    if width > 1:
        yield from _swallowing(file, rows, opens, closes, width)


def _text_after_quotes(
    file: Path, rows: Rows, opens: Positions, closes: Positions
) -> Iterator[Finding]:
    """Yield values with text after the closing quote."""
    ending = re.compile(rb"[ \t]*(?:[\r\n]|\Z|%s)" % re.escape(rows.delimiter))
    for first, last in zip(opens.tolist(), closes.tolist(), strict=False):
        if ending.match(rows.text, last + 1):
            continue
        lines = rows.text.count(b"\n", first, last)
        if lines:
            yield _open_quote(file, rows, first, lines)
            return
        problem = "has quotes within quotes that are not doubled"
        yield rows.finding("stray quote", file, first, problem, FIX)


def _space_before_quotes(
    file: Path, rows: Rows, opens: Positions, closes: Positions
) -> Iterator[Finding]:
    """Yield values with spaces before the opening quote, which is then part of them."""
    ends = re.escape(rows.delimiter)
    pattern = rb'(?:(?<=\n)|(?<=%s))[ \t]+"[^"\n]*"[ \t\r]*(?=\n|%s)' % (ends, ends)
    for match in re.finditer(pattern, rows.text):
        if not within(match.start(), opens, closes):
            problem = (
                "has a space before its quote, which makes the quote part of the text"
            )
            fix = "Remove the space."
            yield rows.finding("stray quote", file, match.start(), problem, fix)


def _never_closed(file: Path, rows: Rows, first: int) -> Finding:
    # The line end at the end of the file does not count.
    lines = rows.text.rstrip().count(b"\n", first)
    if len(rows.text) > MAX_ROW_BYTES:
        problem = f"opens a quote that is not closed within {MAX_ROW_BYTES >> 20} MiB"
        fix = f"{FIX[:-1]}, or move such values to files of their own."
        return rows.finding("open quote", file, first + 1, problem, fix)
    if lines:
        return _open_quote(file, rows, first, lines)
    problem = "is the last value and has no closing quote: the file is truncated"
    return rows.finding("cut", file, first + 1, problem, COPY_AGAIN)


def _swallowing(
    file: Path, rows: Rows, opens: Positions, closes: Positions, width: int
) -> Iterator[Finding]:
    """Yield values that are closed so late that they contain whole rows."""
    values, lines = np.unique(
        np.searchsorted(opens, rows.folds) - 1, return_counts=True
    )
    several = (lines > 1) & (values < len(closes))
    values, lines = values[several], lines[several]
    opens, closes = opens[values], closes[values]
    delimiters = _count_delimiters(rows.text, rows.delimiter, opens, closes)
    # Each row within a value adds one line end and all delimiters of a row.
    candidates = delimiters == lines * (width - 1) % 256
    for value in np.flatnonzero(candidates):
        first, last = int(opens[value]), int(closes[value])
        if _holds_rows(rows, first, last, width):
            yield _open_quote(file, rows, first, int(lines[value]))
            return


def _count_delimiters(
    text: bytes, delimiter: bytes, opens: Positions, closes: Positions
) -> npt.NDArray[np.uint8]:
    """Return the number of delimiters in each value, modulo 256 for speed."""
    if not len(opens):
        return np.array([], np.uint8)
    is_delimiter = np.frombuffer(text, np.uint8) == ord(delimiter)
    ends = np.column_stack([opens, closes]).ravel()
    return np.add.reduceat(is_delimiter.view(np.uint8), ends, dtype=np.uint8)[::2]


def _holds_rows(rows: Rows, first: int, last: int, width: int) -> bool:
    """Return whether all lines of a quoted value look like rows of the table."""
    text = rows.text
    start, end = text.rfind(b"\n", 0, first) + 1, text.find(b"\n", last)
    # For most values the first line already has too few delimiters.
    line = text[start:first] + text[first + 1 : text.find(b"\n", first)]
    if row_width(line, rows.delimiter) != width:
        return False
    row = text[start:first] + text[first + 1 : last] + text[last + 1 : end]
    lines = [QUOTED.sub(b"", line).split(rows.delimiter) for line in row.split(b"\n")]
    if any(len(line) != width for line in lines):
        return False
    numbers = [i for i, value in enumerate(lines[0]) if NUMBER.match(value)]
    if not numbers:
        # Text alone is weak evidence, so several values and lines are needed.
        return width > 2 and len(lines) > 3
    values = [line[i].strip() for line in lines for i in numbers]
    return all(not value or NUMBER.match(value) for value in values)


def _open_quote(file: Path, rows: Rows, first: int, lines: int) -> Finding:
    swallowed = "the next line" if lines == 1 else f"the next {lines} lines"
    problem = f"opens a quote that is not closed, and swallows {swallowed}"
    # Without its quote, which would look like one of the message.
    return rows.finding("open quote", file, first + 1, problem, FIX)
