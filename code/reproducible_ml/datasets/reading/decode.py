"""The text of a file in blocks, checked, whatever its encoding and compression."""

import codecs
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from reproducible_ml.datasets.findings import Finding
from reproducible_ml.datasets.reading.file_type import HEAD, MARKS

BLOCK = 1 << 19

# A row has at most so many bytes: a quote that is never closed has to end somewhere.
LONGEST = 1 << 24

# A line end, as Python, Arrow and editors see it.
LINE_END = re.compile(rb"\r\n?|\n")

# The beginning of a character that may go on in the next block.
UNFINISHED = re.compile(rb"[\xc2-\xf4][\x80-\xbf]{0,2}\Z")


def text_blocks(file: Path, encoding: str) -> Iterator[bytes]:
    r"""Yield the text in UTF-8, without byte-order mark; lines end in `\n` or `\r\n`.

    Raises:
        UnicodeDecodeError, pyarrow.ArrowInvalid: Bytes mean nothing in the encoding.
        OSError: Compressed data is damaged or cut off.
    """
    encoding = codecs.lookup(encoding).name
    with pa.input_stream(file) as stream:
        raw = iter(lambda: bytes(stream.read(BLOCK)), b"")
        utf8 = encoding in ("utf-8", "utf-8-sig", "ascii")
        yield from _same_ends(_utf8(raw) if utf8 else _transcoded(raw, encoding))


def first_bytes(file: Path) -> bytes:
    """Return the beginning of a file, decompressed."""
    with pa.input_stream(file) as stream:
        return bytes(stream.read(HEAD))


def damaged(file: Path) -> Finding:
    """Return the finding that compressed data cannot be read."""
    problem = "is damaged or cut off, so that it cannot be decompressed"
    return Finding("cut", file, problem, "Copy or export it again.")


def marked_encoding(head: bytes) -> str | None:
    """Return the encoding that a byte-order mark tells."""
    return next((name for mark, name in MARKS.items() if head.startswith(mark)), None)


def _utf8(raw: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the same bytes, checked, and no character in two blocks."""
    rest = next(raw, b"").removeprefix(codecs.BOM_UTF8)
    for block in raw:
        text = rest + block
        cut = UNFINISHED.search(text, max(0, len(text) - 3))
        end = cut.start() if cut else len(text)
        yield _checked(text[:end])
        rest = text[end:]
    yield _checked(rest)


def _checked(block: bytes) -> bytes:
    if not block.isascii():
        # Arrow checks several times faster than Python decodes.
        pa.array([block]).cast(pa.string())
    return block


def _transcoded(raw: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)()
    first = next(raw, b"")
    if encoding in ("utf-16", "utf-32") and marked_encoding(first) != encoding:
        raise UnicodeDecodeError(encoding, first[:4], 0, 1, "lacks a byte-order mark")
    yield decoder.decode(first).removeprefix("\ufeff").encode()
    for block in raw:
        yield decoder.decode(block).encode()
    yield decoder.decode(b"", final=True).encode()


def _same_ends(blocks: Iterator[bytes]) -> Iterator[bytes]:
    r"""Yield the blocks; if lines end in `\r` as on old Macs, they end in `\n`."""
    first = next(blocks, b"")
    if b"\n" in first or b"\r" not in first:
        yield first
        yield from blocks
        return
    rest = b""
    for block in itertools.chain([first], blocks):
        text = rest + block
        rest = b"\r" if text.endswith(b"\r") else b""
        yield LINE_END.sub(b"\n", text.removesuffix(b"\r"))
    if rest:
        yield b"\n"
