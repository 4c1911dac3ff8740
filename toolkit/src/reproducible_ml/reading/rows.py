"""Split the text of a table into blocks of whole rows, by its quotes.

Bit masks of characters find the quoted parts of regular text fast; text with misplaced
quotes is parsed by regular expressions.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from reproducible_ml.contract.findings import MAX_WIDTH, Finding
from reproducible_ml.contract.schema import CsvDialect
from reproducible_ml.reading.csv_files import delimited_blocks
from reproducible_ml.reading.encoding import MAX_ROW_BYTES

Positions = npt.NDArray[np.int64]
Bits = npt.NDArray[np.uint64]

ONE, LAST = np.uint64(1), np.uint64(63)


class Structure(NamedTuple):
    """Bit masks of the characters of a text, the lowest bit first.

    `newlines` are line ends, quoted or not. `quoted` is everything from an opening
    quote to before the closing one. `misplaced` are opening quotes that do not begin a
    value, and closing quotes that do not end one. Of a doubled quote, the first
    closes and the second opens.
    """

    newlines: Bits
    quoted: Bits
    misplaced: Bits


def structure(text: bytes, delimiter: bytes) -> Structure:
    """Return the structure of a text that begins with a row.

    There are 64 times fewer words of bits than characters, so this takes less time than
    parsing.
    """
    characters = np.frombuffer(text, np.uint8)
    is_end = (characters == ord(delimiter)) | (characters == ord("\r"))
    quotes = _bits(characters == ord('"'))
    newlines = _bits(characters == ord("\n"))
    edges = quotes | newlines | _bits(is_end)
    # What follows the text is not known, so a last quote is not misplaced.
    edges[-1] |= ONE << np.uint64(len(text) % 64)
    quoted = _odd_so_far(quotes)
    opens, closes = quotes & quoted, quotes & ~quoted
    misplaced = (opens & ~_after(edges)) | (closes & ~_before(edges))
    return Structure(newlines, quoted, misplaced)


def _bits(mask: npt.NDArray[np.bool_]) -> Bits:
    packed = np.packbits(mask, bitorder="little")
    # One bit more than there are characters.
    words = np.zeros(len(mask) // 64 + 1, dtype="<u8")
    words.view(np.uint8)[: len(packed)] = packed
    return words


def _odd_so_far(bits: Bits) -> Bits:
    """Set each bit for which the number of set bits up to it is odd."""
    odd = np.bitwise_count(bits) & 1
    odd_before = np.bitwise_xor.accumulate(odd) ^ odd
    for shift in np.array([1, 2, 4, 8, 16, 32], dtype=np.uint64):
        bits = bits ^ (bits << shift)
    return np.where(odd_before, ~bits, bits)


def _after(bits: Bits) -> Bits:
    """Set the bits after set ones, and the first one, where a row begins."""
    carried = np.ones_like(bits)
    carried[1:] = bits[:-1] >> LAST
    return (bits << ONE) | carried


def _before(bits: Bits) -> Bits:
    """Set the bits before set ones."""
    carried = np.zeros_like(bits)
    carried[:-1] = bits[1:] << LAST
    return (bits >> ONE) | carried


def last_bit(bits: Bits) -> int:
    """Return the position of the last set bit, -1 if there is none."""
    words = np.flatnonzero(bits)
    if not len(words):
        return -1
    return int(words[-1]) * 64 + int(bits[words[-1]]).bit_length() - 1


def positions(bits: Bits) -> Positions:
    """Return the positions of the set bits."""
    words = np.flatnonzero(bits)
    unpacked = np.unpackbits(bits[words].view(np.uint8), bitorder="little")
    bit = np.flatnonzero(unpacked.view(np.bool_))
    return words[bit // 64] * 64 + bit % 64


def regular_values(text: bytes) -> tuple[Positions, Positions]:
    """Return the positions of quotes around values, if no quote is misplaced."""
    quotes = np.flatnonzero(np.frombuffer(text, np.uint8) == ord('"'))
    opens, closes = quotes[::2], quotes[1::2]
    # Adjacent quotes are a doubled quote within a value.
    apart = opens[1:] != closes[:-1] + 1
    first, last = np.ones((2, len(opens)), dtype=bool)
    first[1:] = last[:-1] = apart
    return opens[first], closes[last]


def quoted_values(text: bytes, delimiter: bytes) -> tuple[Positions, Positions]:
    """Return the positions of quotes around values; the last one may not be closed.

    This is slow, but correct for all text: a quote that neither begins a value nor ends
    a quoted one is an ordinary character.
    """
    opening = re.compile(rb'(?:\A|[\n\r]|%s)"' % re.escape(delimiter))
    closing = re.compile(rb'[^"]*+(?:""[^"]*+)*+"')
    opens, closes = [], []
    position = 0
    while opened := opening.search(text, position):
        opens.append(opened.end() - 1)
        closed = closing.match(text, opened.end())
        if not closed:
            break
        position = closed.end()
        closes.append(position - 1)
    return np.array(opens, np.int64), np.array(closes, np.int64)


def quoted_line_ends(text: bytes, opens: Positions, closes: Positions) -> Positions:
    """Return the positions of line ends in quoted values."""
    newlines = np.flatnonzero(np.frombuffer(text, np.uint8) == ord("\n"))
    opened = np.searchsorted(opens, newlines)
    return newlines[opened > np.searchsorted(closes, newlines)]


def within(position: int, opens: Positions, closes: Positions) -> bool:
    """Return whether a position is in a quoted value."""
    before = np.searchsorted(opens, position)
    return bool(before and (before > len(closes) or closes[before - 1] > position))


class Rows(NamedTuple):
    """A block of whole rows, after `line` lines of the file.

    If `regular`, each quote is around a value or doubled within one. `folds` are the
    positions of quoted line ends. If not `complete`, the text is the last row without
    line end, or a row that is too long.
    """

    line: int
    text: bytes
    delimiter: bytes
    regular: bool
    folds: Positions
    complete: bool

    def quoted(self) -> tuple[Positions, Positions]:
        """Return the positions of quotes around values; the last may not be closed."""
        if self.regular:
            return regular_values(self.text)
        return quoted_values(self.text, self.delimiter)

    def finding(
        self, kind: str, file: Path, position: int, problem: str, fix: str
    ) -> Finding:
        """Return a finding about the text from a position to the end of its line."""
        line = self.line + self.text.count(b"\n", 0, position) + 1
        end = self.text.find(b"\n", position)
        text = self.text[position : end if end >= 0 else None]
        # A character has at most four bytes.
        value = text[: 4 * MAX_WIDTH + 4].decode(errors="ignore").strip()
        return Finding(kind, file, problem, fix, line, value=value)


def read_row_blocks(file: Path, dialect: CsvDialect) -> Iterator[Rows]:
    """Yield header and rows in blocks, up to the first row that is too long.

    Raises:
        UnicodeDecodeError, pyarrow.ArrowInvalid: Bytes are invalid in the encoding.
        OSError: Compressed data is damaged or truncated.
    """
    delimiter = dialect.separator.encode()
    line = dialect.preamble
    pending = b""
    blocks = _skip_lines(delimited_blocks(file, dialect), dialect.preamble)
    # An unfinished row is parsed again only when its size has doubled.
    while len(pending) <= MAX_ROW_BYTES and (block := _join(blocks, len(pending))):
        text = pending + block
        rows = _whole_rows(line, text, delimiter)
        if rows.text:
            yield rows
        # NumPy counts several times faster than bytes.count.
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
    """Return blocks of at least this size in all; b"" at the end of the file."""
    taken = []
    for block in blocks:
        taken.append(block)
        size -= len(block)
        if block and size <= 0:
            break
    return b"".join(taken)


def _whole_rows(line: int, text: bytes, delimiter: bytes) -> Rows:
    """Return the whole rows of a text that begins with a row."""
    if b'"' not in text:
        text = text[: text.rfind(b"\n") + 1]
        return Rows(line, text, delimiter, True, np.array([], np.int64), True)
    newlines, quoted, misplaced = structure(text, delimiter)
    if misplaced.any():
        return _irregular_rows(line, text, delimiter)
    text = text[: last_bit(newlines & ~quoted) + 1]
    folds = positions(newlines & quoted)
    return Rows(line, text, delimiter, True, folds[folds < len(text)], True)


def _irregular_rows(line: int, text: bytes, delimiter: bytes) -> Rows:
    opens, closes = quoted_values(text, delimiter)
    text = text[: _end_of_rows(text, opens, closes)]
    folds = quoted_line_ends(text, opens, closes)
    return Rows(line, text, delimiter, False, folds, True)


def _end_of_rows(text: bytes, opens: Positions, closes: Positions) -> int:
    """Return the position after the last line end that is not quoted."""
    end = text.rfind(b"\n")
    while end >= 0 and within(end, opens, closes):
        end = text.rfind(b"\n", 0, opens[np.searchsorted(opens, end) - 1])
    return end + 1
