"""Judge the bytes of a text table in one fast pass, before it is read as a table."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from reproducible_ml.datasets.findings import LISTED, Finding
from reproducible_ml.datasets.reading.decode import LONGEST, damaged, text_blocks
from reproducible_ml.datasets.reading.encoding import judge_encoding, misencoded
from reproducible_ml.datasets.reading.file_type import COMPRESSED
from reproducible_ml.datasets.reading.quotes import judge_quotes, row_width
from reproducible_ml.datasets.reading.rows import Rows, read_rows
from reproducible_ml.datasets.reading.structure import within
from reproducible_ml.datasets.schema import Dialect

MARKER = re.compile(rb"^(?:<{7} .*|={7}|>{7} .*)\r?$", re.MULTILINE)

AGAIN = "Copy or export it again."


def scan(file: Path, dialect: Dialect) -> list[Finding]:
    """Return what makes a text table unfit to be read; nothing for a sound one.

    At most a hundred findings, in the order of the file, and one that there are more.
    Rows with too many or too
    few values are left to the reader, who sees them anyway.
    """
    try:
        findings = _scan(file, dialect)
        other = _other_encoding(file, dialect.encoding, findings)
    except (UnicodeDecodeError, pa.ArrowInvalid):
        return [misencoded(file, dialect.encoding)]
    except OSError:
        if file.suffix not in COMPRESSED:
            raise
        return [damaged(file)]
    return [misencoded(file, dialect.encoding)] if other else findings


def _scan(file: Path, dialect: Dialect) -> list[Finding]:
    findings: list[Finding] = []
    width = 0
    for rows in read_rows(file, dialect):
        if not width:
            width = _header_width(rows)
        elif not rows.complete:
            findings += _end(file, rows, width)
        findings += _long(file, rows)
        findings += _zeros(file, rows)
        findings += _markers(file, rows)
        findings += judge_quotes(file, rows, width)
        if len(findings) > LISTED or any(f.kind == "open quote" for f in findings):
            break
    findings.sort(key=lambda finding: finding.line or 0)
    return findings[:LISTED] + [_more(f) for f in findings[LISTED : LISTED + 1]]


def _more(finding: Finding) -> Finding:
    """Return the finding that there are more, of whatever kind."""
    problem = f"is the first of more problems than the {LISTED} that are listed"
    fix = "Correct those first."
    return finding._replace(kind="more", problem=problem, fix=fix, value=None)


def _other_encoding(file: Path, encoding: str, findings: list[Finding]) -> bool:
    """Say whether a text that can be decoded is meant otherwise."""
    if any(finding.kind == "zero" for finding in findings):
        # As UTF-8, UTF-16 is text in which every other byte is zero.
        return judge_encoding(file)[0] not in ("", "utf-8", encoding)
    if encoding.startswith("utf") or encoding == "ascii":
        return False
    try:
        plain = [block.isascii() for block in text_blocks(file, "utf-8")]
    except pa.ArrowInvalid:
        return False
    return not all(plain)


def _header_width(rows: Rows) -> int:
    """Return the number of columns; 0 if the header is still to come."""
    start = len(rows.text) - len(rows.text.lstrip(b"\r\n"))
    end = rows.text.find(b"\n", start)
    quoted = rows.quoted()
    while within(end, *quoted):
        end = rows.text.find(b"\n", end + 1)
    header = rows.text[start:end] if end >= 0 else rows.text[start:]
    return row_width(header, rows.delimiter) if header else 0


def _end(file: Path, rows: Rows, width: int) -> Iterator[Finding]:
    """Yield what is wrong with a last row that lacks a line end."""
    opens, closes = rows.quoted()
    values = row_width(rows.text, rows.delimiter)
    # An open quote is told, and makes the rest one value; so is a row too long.
    if len(opens) > len(closes) or len(rows.text) > LONGEST:
        return
    if values < width and rows.text.strip():
        problem = f"is the end and has {values} of {width} values: the file is cut off"
        yield rows.finding("cut", file, 0, problem, AGAIN)


def _long(file: Path, rows: Rows) -> Iterator[Finding]:
    """Yield the rows that are too long, but for an open quote, told by itself."""
    if len(rows.text) <= LONGEST:
        return
    opens, closes = rows.quoted()
    ends = np.flatnonzero(np.frombuffer(rows.text, np.uint8) == ord("\n"))
    ends = ends[~np.isin(ends, rows.folds)]
    if not rows.complete and len(opens) == len(closes):
        ends = np.append(ends, len(rows.text))
    starts = np.concatenate([[0], ends + 1])[: len(ends)]
    problem = f"begins a row of more than {LONGEST >> 20} MiB"
    fix = "Look for lost line ends, or keep such values in files of their own."
    for start in starts[ends - starts > LONGEST].tolist():
        yield rows.finding("long row", file, start, problem, fix)


def _zeros(file: Path, rows: Rows) -> Iterator[Finding]:
    # A search for one byte is many times faster than any other.
    if b"\0" not in rows.text:
        return
    problem = "holds a NUL byte"
    fix = "Export it again: such bytes come from a crash or another encoding."
    for match in re.finditer(rb"[^\n\0]{0,20}\0[^\n]*", rows.text):
        yield rows.finding("zero", file, match.start(), problem, fix)


def _markers(file: Path, rows: Rows) -> Iterator[Finding]:
    if not any(c in rows.text and c * 7 in rows.text for c in (b"<", b">")):
        return
    problem = "is the marker of a merge conflict"
    fix = "Take one side of the conflict, or export the table again."
    quoted = rows.quoted()
    for match in MARKER.finditer(rows.text):
        if not within(match.start(), *quoted):
            yield rows.finding("conflict", file, match.start(), problem, fix)
