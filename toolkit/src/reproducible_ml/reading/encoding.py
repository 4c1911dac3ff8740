"""The text of a file in blocks, checked, whatever its encoding and compression."""

import codecs
import io
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from reproducible_ml.contract.findings import Finding, quoted
from reproducible_ml.reading.file_type import BYTE_ORDER_MARKS, HEAD_BYTES

BLOCK = 1 << 19

# A row has at most so many bytes: a quote that is never closed has to end somewhere.
MAX_ROW_BYTES = 1 << 24

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
        return bytes(stream.read(HEAD_BYTES))


def damaged_file(file: Path) -> Finding:
    """Return the finding that compressed data cannot be read."""
    problem = "is damaged or cut off, so that it cannot be decompressed"
    return Finding("cut", file, problem, "Copy or export it again.")


def encoding_of_mark(head: bytes) -> str | None:
    """Return the encoding that a byte-order mark tells."""
    return next(
        (name for mark, name in BYTE_ORDER_MARKS.items() if head.startswith(mark)), None
    )


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
    if encoding in ("utf-16", "utf-32") and encoding_of_mark(first) != encoding:
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


# European, Greek, Cyrillic and Asian letters in UTF-8. In windows-1252, these bytes
# next to each other are an accented letter before signs, which is rare.
MULTIBYTE = re.compile(
    rb"[\xc2-\xc5\xce-\xd1][\x80-\xbf]"
    rb"|[\xe1-\xef][\x80-\xbf]{2}"
    rb"|\xf0[\x90-\xbf][\x80-\xbf]{2}"
)

# Bytes that stand for nothing in windows-1252.
UNDEFINED = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")

FIX = "Export it as UTF-8, or set its encoding in metadata of data/schema.yaml."


@dataclass
class ByteStatistics:
    """What the lines that are not ASCII are made of; texts with their line."""

    bad: int = 0
    first_bad: tuple[int, bytes] = (0, b"")
    first_good: tuple[int, bytes] = (0, b"")
    undefined: bool = False
    high: int = 0
    letters: int = 0
    ends_early: bool = False


def detect_encoding(file: Path) -> tuple[str, Finding | None]:
    """Return the encoding, and what a person should know about it.

    The encoding is "" if none is sure to read all of the file; the finding says why.
    With windows-1252, the finding shows what it makes of the text.
    """
    head = first_bytes(file)
    encoding = encoding_of_mark(head) or _unmarked(head) or "utf-8"
    try:
        for _ in text_blocks(file, encoding):
            pass
    except UnicodeDecodeError:
        return "", undecodable_bytes(file, encoding)
    except pa.ArrowInvalid:
        return _check_bytes(file, _census(file))
    return ("utf-8" if encoding == "utf-8-sig" else encoding), None


def wrong_encoding(file: Path, encoding: str) -> Finding:
    """Return why a file cannot be read in the encoding that the contract names."""
    found, finding = detect_encoding(file)
    if found and found != encoding:
        problem = f"is {found}, not {encoding}"
        fix = f"Set `encoding: {found}` in metadata of data/schema.yaml."
        return finding or Finding("encoding", file, problem, fix)
    return finding or undecodable_bytes(file, encoding)


def undecodable_bytes(file: Path, encoding: str) -> Finding:
    """Return where the bytes stop to mean something in an encoding."""
    line, value = 1, ""
    try:
        for block in text_blocks(file, encoding):
            line += block.count(b"\n")
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode(error.encoding, errors="ignore")
        line += before.count("\n")
        bad = error.object[error.start : error.end]
        value = bad.decode("ascii", "backslashreplace")
    problem = f"is not text in {encoding}"
    return Finding("encoding", file, problem, FIX, line, value=value)


def _unmarked(head: bytes) -> str | None:
    """Return UTF-16 if line ends and much else are zero in every other byte."""
    even, odd = head[::2].count(0), head[1::2].count(0)
    if max(even, odd) < len(head) / 20 or min(even, odd) > max(even, odd) / 20:
        return None
    encoding = "utf-16-le" if odd > even else "utf-16-be"
    text = head.decode(encoding, errors="replace")
    lines = "\n" in text or "\r" in text
    return encoding if lines and "\0" not in text else None


def _check_bytes(file: Path, seen: ByteStatistics) -> tuple[str, Finding | None]:
    """Judge a file that is not UTF-8."""
    line, text = seen.first_bad
    escaped = text.decode("utf-8", "backslashreplace")
    if seen.bad == 1 and seen.ends_early:
        problem = "is cut off in the middle of a character"
        fix = "Copy or export it again."
        return "", Finding("cut", file, problem, fix, line, value=escaped)
    if seen.first_good[0]:
        place, good = seen.first_good
        shown = quoted(good.decode("utf-8", "ignore"))
        problem = f"is not UTF-8, but line {place} is ({shown}): it mixes encodings"
        fix = "Export it again, all of it as UTF-8."
        found = Finding("encoding", file, problem, fix, line, None, escaped, seen.bad)
        return "", found
    # Western text has fewer accented letters than plain ones.
    if seen.undefined or seen.high > seen.letters:
        problem = "is not UTF-8"
        found = Finding("encoding", file, problem, FIX, line, None, escaped, seen.bad)
        return "", found
    problem = "is not UTF-8, but looks like this in windows-1252"
    fix = "Set `encoding: cp1252` in metadata of data/schema.yaml if that is right."
    shown = text.decode("cp1252")
    found = Finding("encoding", file, problem, fix, line, None, shown, seen.bad)
    return "cp1252", found


def _census(file: Path) -> ByteStatistics:
    seen = ByteStatistics()
    number = 1
    with pa.input_stream(file) as stream:
        lines = io.BufferedReader(stream)
        for line in iter(lambda: lines.readline(BLOCK), b""):
            if not line.isascii():
                _count(seen, number, line)
            number += len(LINE_END.findall(line))
    return seen


def _count(seen: ByteStatistics, number: int, line: bytes) -> None:
    seen.high += len(re.findall(rb"[\x80-\xff]", line))
    seen.letters += len(re.findall(rb"[A-Za-z]", line))
    seen.undefined |= UNDEFINED.search(line) is not None
    good = MULTIBYTE.search(line)
    if good and not seen.first_good[0]:
        seen.first_good = _place(number, line, good.start())
    try:
        line.decode()
    except UnicodeDecodeError as error:
        seen.bad += 1
        seen.ends_early = error.reason == "unexpected end of data"
        if seen.bad == 1:
            seen.first_bad = _place(number, line, error.start)


def _place(number: int, line: bytes, position: int) -> tuple[int, bytes]:
    """Return the line of a character, and the value it is in."""
    before = line[:position]
    value = rb'[^,;\t|"\r\n]{0,20}'
    left = re.search(value + rb"\Z", before)
    right = re.match(value, line[position:])
    text = (left[0] if left else b"") + (right[0] if right else b"")
    return number + len(LINE_END.findall(before)), text.strip()
