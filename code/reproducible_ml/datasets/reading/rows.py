"""The rows of a text table in blocks, each of whole rows."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from reproducible_ml.datasets.findings import WIDTH, Finding
from reproducible_ml.datasets.reading.decode import LONGEST, text_blocks
from reproducible_ml.datasets.reading.structure import (
    Places,
    last_bit,
    places,
    quoted_line_ends,
    quoted_values,
    regular_values,
    structure,
    within,
)
from reproducible_ml.datasets.schema import Dialect


class Rows(NamedTuple):
    """Whole rows, after `line` lines of the file.

    `regular` says that each quote is around a value or, doubled, within one; `folds`
    are the places of line ends that are quoted. If not `complete`, the text is a last
    row that lacks its end, or one that is too long.
    """

    line: int
    text: bytes
    delimiter: bytes
    regular: bool
    folds: Places
    complete: bool

    def quoted(self) -> tuple[Places, Places]:
        """Return the places of the quotes around values; the last may lack its second.

        A quote elsewhere is a character like any other.
        """
        if self.regular:
            return regular_values(self.text)
        return quoted_values(self.text, self.delimiter)

    def finding(
        self, kind: str, file: Path, place: int, problem: str, fix: str
    ) -> Finding:
        """Return a finding about the text from a place to the end of its line."""
        line = self.line + self.text.count(b"\n", 0, place) + 1
        end = self.text.find(b"\n", place)
        text = self.text[place : end if end >= 0 else None]
        # Four bytes are the longest character.
        value = text[: 4 * WIDTH + 4].decode(errors="ignore").strip()
        return Finding(kind, file, problem, fix, line, value=value)


def read_rows(file: Path, dialect: Dialect) -> Iterator[Rows]:
    """Yield the header and all rows; stops at a row of more than `LONGEST` bytes.

    Raises:
        UnicodeDecodeError, pyarrow.ArrowInvalid: Bytes mean nothing in the encoding.
        OSError: Compressed data is damaged or cut off.
    """
    delimiter = dialect.delimiter.encode()
    line = dialect.preamble
    pending = b""
    blocks = _skip_lines(text_blocks(file, dialect.encoding), dialect.preamble)
    # A long row is looked at again only when as much again has come.
    while len(pending) <= LONGEST and (block := _join(blocks, len(pending))):
        text = pending + block
        rows = _whole_rows(line, text, delimiter)
        if rows.text:
            yield rows
        # NumPy counts several times faster than bytes do.
        is_end = np.frombuffer(rows.text, np.uint8) == ord("\n")
        line += int(np.count_nonzero(is_end))
        pending = text[len(rows.text) :]
    if pending:
        values = quoted_values(pending, delimiter)
        folds = quoted_line_ends(pending, *values)
        yield Rows(line, pending, delimiter, False, folds, False)


def _skip_lines(blocks: Iterable[bytes], lines: int) -> Iterator[bytes]:
    for block in blocks:
        *skipped, rest = block.split(b"\n", lines)
        lines -= len(skipped)
        if not lines:
            yield rest


def _join(blocks: Iterator[bytes], size: int) -> bytes:
    """Return blocks of together at least this size; nothing at the end only."""
    taken = []
    for block in blocks:
        taken.append(block)
        size -= len(block)
        if block and size <= 0:
            break
    return b"".join(taken)


def _whole_rows(line: int, text: bytes, delimiter: bytes) -> Rows:
    """Return the rows that end in a text which begins with a row."""
    if b'"' not in text:
        text = text[: text.rfind(b"\n") + 1]
        return Rows(line, text, delimiter, True, np.array([], np.int64), True)
    newlines, quoted, misplaced = structure(text, delimiter)
    if misplaced.any():
        return _irregular_rows(line, text, delimiter)
    text = text[: last_bit(newlines & ~quoted) + 1]
    folds = places(newlines & quoted)
    return Rows(line, text, delimiter, True, folds[folds < len(text)], True)


def _irregular_rows(line: int, text: bytes, delimiter: bytes) -> Rows:
    opens, closes = quoted_values(text, delimiter)
    text = text[: _end_of_rows(text, opens, closes)]
    folds = quoted_line_ends(text, opens, closes)
    return Rows(line, text, delimiter, False, folds, True)


def _end_of_rows(text: bytes, opens: Places, closes: Places) -> int:
    """Return the place after the last line end that is not quoted."""
    end = text.rfind(b"\n")
    while end >= 0 and within(end, opens, closes):
        end = text.rfind(b"\n", 0, opens[np.searchsorted(opens, end) - 1])
    return end + 1
