"""Replace delimiters that CSV readers do not know by a single byte.

These are delimiters of several characters, such as `::`, and any number of blanks.
"""

import io
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from reproducible_ml.contract.schema import SEPARATOR, CsvDialect
from reproducible_ml.reading.encoding import text_blocks
from reproducible_ml.reading.file_type import open_bytes

MARK = SEPARATOR.encode()

# A whole value in quotes, on one line: its delimiters stay.
QUOTED = rb'"[^"\n]*(?:""[^"\n]*)*"'

OUTER_BLANKS = re.compile(rb"^[ \t]+|[ \t]+(?=\r?$)", re.MULTILINE)
QUOTED_OR_BLANKS = re.compile(
    rb"(?<![^ \t\n])" + QUOTED + rb"(?=[ \t\r\n]|\Z)|([ \t]+)", re.MULTILINE
)


def open_delimited(file: Path, dialect: CsvDialect) -> tuple[Any, str]:
    """Open a file whose values are delimited by the separator of the dialect.

    Returns:
        The stream of its bytes, and their encoding.
    """
    if dialect.separator == dialect.delimiter:
        return open_bytes(file), dialect.encoding
    return io.BufferedReader(_Stream(delimited_blocks(file, dialect))), "utf-8"


def delimited_blocks(file: Path, dialect: CsvDialect) -> Iterator[bytes]:
    """Yield the text of a file as UTF-8, with the separator for the delimiter.

    Raises:
        UnicodeDecodeError, pyarrow.ArrowInvalid, OSError: As of `text_blocks`.
    """
    blocks = text_blocks(file, dialect.encoding)
    if dialect.separator == dialect.delimiter:
        return blocks
    return (
        replace_delimiter(lines, dialect.delimiter) for lines in _whole_lines(blocks)
    )


def _whole_lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    rest: list[bytes] = []
    for block in blocks:
        end = block.rfind(b"\n") + 1
        rest.append(block[:end] if end else block)
        if end:
            yield b"".join(rest)
            rest = [block[end:]]
    yield b"".join(rest)


def replace_delimiter(lines: bytes, delimiter: str) -> bytes:
    """Return whole lines with the separator for the delimiter."""
    if delimiter == " ":
        return QUOTED_OR_BLANKS.sub(_unless_quoted, OUTER_BLANKS.sub(b"", lines))
    literal = delimiter.encode()
    if b'"' not in lines:
        return lines.replace(literal, MARK)
    escaped = re.escape(literal)
    pattern = rb"(?<=\n)%s(?=%s|\r?\n|\Z)|(?<=%s)%s(?=%s|\r?\n|\Z)|\A%s(?=%s)|(%s)" % (
        *(QUOTED, escaped, escaped, QUOTED, escaped, QUOTED, escaped),
        escaped,
    )
    return re.sub(pattern, _unless_quoted, lines)


def _unless_quoted(match: re.Match[bytes]) -> bytes:
    return match[0] if match[match.re.groups] is None else MARK


class _Stream(io.RawIOBase):
    """Reads from an iterator of bytes."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        super().__init__()
        self.blocks = blocks
        self.rest = memoryview(b"")

    def readable(self) -> bool:
        """Say that the stream can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer, at least in part; return 0 at the end."""
        while not len(self.rest):
            block = next(self.blocks, None)
            if block is None:
                return 0
            self.rest = memoryview(block)
        size = min(len(buffer), len(self.rest))
        buffer[:size] = self.rest[:size]
        self.rest = self.rest[size:]
        return size
