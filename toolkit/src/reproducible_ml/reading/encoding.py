"""Detect the encoding of a file, and read its text in blocks of UTF-8.

The encoding of text that is not Unicode is guessed from how its words look.
"""

import codecs
import io
import itertools
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from reproducible_ml.contract.findings import Finding, quoted
from reproducible_ml.reading.file_type import BYTE_ORDER_MARKS, HEAD_BYTES, open_bytes

# Bytes that are read at a time.
BLOCK = 1 << 19

# Longer rows are rejected: they come from lost line ends or quotes never closed.
MAX_ROW_BYTES = 1 << 24

# Line ends of all systems.
LINE_END = re.compile(rb"\r\n?|\n")

# The beginning of a character that may continue in the next block.
UNFINISHED = re.compile(rb"[\xc2-\xf4][\x80-\xbf]{0,2}\Z")


# European, Greek, Cyrillic and Asian letters in UTF-8. In windows-1252, such bytes are
# an accented letter followed by symbols, which is rare.
MULTIBYTE = re.compile(
    rb"[\xc2-\xc5\xce-\xd1][\x80-\xbf]"
    rb"|[\xe1-\xef][\x80-\xbf]{2}"
    rb"|\xf0[\x90-\xbf][\x80-\xbf]{2}"
)

# A value, and one that is not ASCII; a bar may be half of a Japanese character.
VALUE = re.compile(rb'[^,;\t"\r\n]*')
VALUE_END = re.compile(rb'[^,;\t"\r\n]*\Z')
SPECIAL = re.compile(rb'[^,;\t"\r\n]*[\x80-\xff][^,;\t"\r\n]*')

# Bytes of values from which an encoding is guessed.
SAMPLE = 1 << 15

FIX = "Export it as UTF-8, or set `encoding` in metadata of data/schema.yaml."

# Encodings that text of unknown origin has, the frequent ones first.
COMMON = (
    *("cp1252", "cp1250", "cp1251", "cp932", "gb18030", "cp949", "big5", "euc_jp"),
    *("koi8_r", "cp1254", "cp1253", "cp1257", "cp1255", "cp1256", "iso8859_2"),
    *("cp850", "cp866", "mac_roman", "mac_cyrillic", "cp874", "cp852", "cp1258"),
)

# For the characters in everyday use: an encoding, and where its bytes for them begin.
EVERYDAY = {
    "gb18030": ("gb2312", range(0xB0, 0xD8)),
    "big5": ("big5", range(0xA4, 0xC7)),
    "cp932": ("euc_jp", range(0xA4, 0xD0)),
    "euc_jp": ("euc_jp", range(0xA4, 0xD0)),
    "cp949": ("euc_kr", range(0xB0, 0xC9)),
}

# Signs that stand between words, and at the ends of words and of numbers.
BETWEEN = "‘“”„«»…–—\u00a0、。「」"  # noqa: RUF001
AROUND = "’·•€£°%§©®ªº¿¡¹²³½¼¾µ±×÷0123456789"  # noqa: RUF001

WORD = re.compile(rf"[^\s!-/:-@\[-`{{-~{BETWEEN}]+")

# An Asian character within a European word.
LONELY = re.compile(r"[A-Za-z][^\x00-\x7f][A-Za-z]")

# So many encodings are shown, if so many of the words are plausible in them.
SHOWN, SHARE = 4, 0.3

# An encoding is certain enough to be used if so many of the words are plausible.
CERTAIN = 0.9


class Candidate(NamedTuple):
    """An encoding, and the share of words that look like words in it."""

    encoding: str
    share: float


def text_blocks(file: Path, encoding: str) -> Iterator[bytes]:
    r"""Yield the text as UTF-8, without byte-order mark; lines end in `\n` or `\r\n`.

    Raises:
        UnicodeDecodeError, pyarrow.ArrowInvalid: Bytes are invalid in the encoding.
        OSError: Compressed data is damaged or truncated.
    """
    encoding = codecs.lookup(encoding).name
    with open_bytes(file) as stream:
        raw = iter(lambda: bytes(stream.read(BLOCK)), b"")
        utf8 = encoding in ("utf-8", "utf-8-sig", "ascii")
        yield from _without_mac_line_ends(
            _utf8(raw) if utf8 else _transcoded(raw, encoding)
        )


def is_ascii(file: Path) -> bool:
    """Return whether all bytes of a file are ASCII."""
    try:
        return all(block.isascii() for block in text_blocks(file, "utf-8"))
    except pa.ArrowInvalid:
        return False


def first_bytes(file: Path) -> bytes:
    """Return the first bytes of a file, decompressed."""
    with open_bytes(file) as stream:
        return bytes(stream.read(HEAD_BYTES))


def damaged_file(file: Path) -> Finding:
    """Return the finding that a file cannot be decompressed."""
    problem = "cannot be decompressed, because it is damaged or truncated"
    return Finding("cut", file, problem, "Copy or export it again.")


def encoding_of_mark(head: bytes) -> str | None:
    """Return the encoding that the byte-order mark stands for, None without one."""
    return next(
        (name for mark, name in BYTE_ORDER_MARKS.items() if head.startswith(mark)), None
    )


def _utf8(raw: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the same bytes, validated, in blocks of whole characters."""
    rest = next(raw, b"").removeprefix(codecs.BOM_UTF8)
    for block in raw:
        text = rest + block
        cut = UNFINISHED.search(text, max(0, len(text) - 3))
        end = cut.start() if cut else len(text)
        yield _validated(text[:end])
        rest = text[end:]
    yield _validated(rest)


def _validated(block: bytes) -> bytes:
    if not block.isascii():
        # Arrow validates several times faster than Python decodes.
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


def _without_mac_line_ends(blocks: Iterator[bytes]) -> Iterator[bytes]:
    r"""Yield the blocks, with `\n` for the line end `\r` of old Macs."""
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


@dataclass
class ByteStatistics:
    """Statistics of the lines that are not ASCII.

    Args:
        bad: Number of lines that are not UTF-8.
        first_bad: Line and text of the first such line.
        first_good: Line and text of the first value with letters of UTF-8.
        values: Different values that are not ASCII, up to SAMPLE bytes of them.
        ends_early: Whether the last bad line ends within a character.
    """

    bad: int = 0
    first_bad: tuple[int, bytes] = (0, b"")
    first_good: tuple[int, bytes] = (0, b"")
    values: set[bytes] = field(default_factory=set)
    size: int = 0
    ends_early: bool = False


def detect_encoding(file: Path) -> tuple[str, Finding | None]:
    """Return the encoding of a file, and a finding if it is not Unicode.

    The encoding is "" if it is not certain; the finding says why. For windows-1252 the
    finding shows some text in this encoding, for the user to check.
    """
    head = first_bytes(file)
    encoding = encoding_of_mark(head) or _unmarked(head) or "utf-8"
    try:
        for _ in text_blocks(file, encoding):
            pass
    except UnicodeDecodeError:
        return "", undecodable_bytes(file, encoding)
    except pa.ArrowInvalid:
        return _check_bytes(file, _byte_statistics(file))
    return ("utf-8" if encoding == "utf-8-sig" else encoding), None


def wrong_encoding(file: Path, encoding: str) -> Finding:
    """Return why a file cannot be read in the encoding of the contract."""
    found, finding = detect_encoding(file)
    if found and found != encoding:
        problem = f"is {found}, not {encoding}"
        fix = f"Set `encoding: {found}` in metadata of data/schema.yaml."
        return finding or Finding("encoding", file, problem, fix)
    return finding or undecodable_bytes(file, encoding)


def undecodable_bytes(file: Path, encoding: str) -> Finding:
    """Return where a file has the first bytes that are invalid in an encoding."""
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
    """Return UTF-16 if every other byte is zero in line ends and most other text."""
    even, odd = head[::2].count(0), head[1::2].count(0)
    if max(even, odd) < len(head) / 20 or min(even, odd) > max(even, odd) / 20:
        return None
    encoding = "utf-16-le" if odd > even else "utf-16-be"
    text = head.decode(encoding, errors="replace")
    lines = "\n" in text or "\r" in text
    return encoding if lines and "\0" not in text else None


def _check_bytes(file: Path, seen: ByteStatistics) -> tuple[str, Finding | None]:
    """Return the encoding of a file that is not UTF-8, as `detect_encoding` does."""
    line, text = seen.first_bad
    escaped = text.decode("utf-8", "backslashreplace")
    if seen.bad == 1 and seen.ends_early:
        problem = "is truncated in the middle of a character"
        fix = "Copy or export it again."
        return "", Finding("cut", file, problem, fix, line, value=escaped)
    if _is_mixed(seen):
        place, good = seen.first_good
        shown = quoted(good.decode("utf-8", "ignore"))
        problem = f"is not UTF-8, but line {place} is ({shown}): it mixes encodings"
        fix = "Export it again, all of it as UTF-8."
        found = Finding("encoding", file, problem, fix, line, None, escaped, seen.bad)
        return "", found
    likely = candidates(sorted(seen.values))
    western = next((c for c in likely if c.encoding == "cp1252"), None)
    if western and western.share >= CERTAIN:
        problem = "is not UTF-8, but looks like this in windows-1252"
        fix = "Set `encoding: cp1252` in metadata of data/schema.yaml if that is right"
        fix += f"{_instead(text, likely)}."
        shown = text.decode("cp1252")
        found = Finding("encoding", file, problem, fix, line, None, shown, seen.bad)
        return "cp1252", found
    shown = " or ".join(show_candidates(text, likely))
    fix = f"{FIX[:-1]}; it may be {shown}." if shown else FIX
    problem = "is not UTF-8"
    return "", Finding("encoding", file, problem, fix, line, None, escaped, seen.bad)


def _instead(text: bytes, found: Sequence[Candidate]) -> str:
    """Return encodings besides windows-1252 in which a text may be right."""
    usual = f"({quoted(text.decode('cp1252'))})"
    likely = [candidate for candidate in found if candidate.share >= CERTAIN]
    shown = [s for s in show_candidates(text, likely) if not s.endswith(usual)][:2]
    return f"; it may be {' or '.join(shown)}" if shown else ""


def _is_mixed(seen: ByteStatistics) -> bool:
    """Say whether some values are UTF-8, and not in another encoding of all."""
    _, good = seen.first_good
    return bool(good) and not any(
        c.share >= CERTAIN and plausible_share(good.decode(c.encoding), c.encoding) == 1
        for c in candidates(sorted({*seen.values, good}))
    )


def _byte_statistics(file: Path) -> ByteStatistics:
    seen = ByteStatistics()
    number = 1
    with open_bytes(file) as stream:
        lines = io.BufferedReader(stream)
        for line in iter(lambda: lines.readline(BLOCK), b""):
            if not line.isascii():
                _count(seen, number, line)
            number += len(LINE_END.findall(line))
    return seen


def _count(seen: ByteStatistics, number: int, line: bytes) -> None:
    for match in SPECIAL.finditer(line):
        value = match[0].strip()
        if seen.size < SAMPLE and value not in seen.values:
            seen.values.add(value)
            seen.size += len(value)
    good = MULTIBYTE.search(line)
    if good and not seen.first_good[0]:
        place, text = _locate(number, line, good.start())
        if _is_utf8(text):
            seen.first_good = place, text
    try:
        line.decode()
    except UnicodeDecodeError as error:
        seen.bad += 1
        seen.ends_early = error.reason == "unexpected end of data"
        if seen.bad == 1:
            seen.first_bad = _locate(number, line, error.start)


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _locate(number: int, line: bytes, position: int) -> tuple[int, bytes]:
    """Return the line of a character, and the value that contains it."""
    before = line[:position]
    left, right = VALUE_END.search(before), VALUE.match(line[position:])
    text = (left[0] if left else b"") + (right[0] if right else b"")
    return number + len(LINE_END.findall(before)), text.strip()


def candidates(values: Sequence[bytes]) -> list[Candidate]:
    """Return the encodings that decode all values, the most plausible first.

    Args:
        values: Different values that are not ASCII.
    """
    import charset_normalizer

    text = b"\n".join(values)
    # It knows which letters are frequent in a language, but needs more text than a
    # column of names has: how words are spelled counts first.
    ranked = [match.encoding for match in charset_normalizer.from_bytes(text)]
    found = []
    for name in dict.fromkeys([*(n for n in ranked if n in COMMON), *COMMON]):
        try:
            decoded = text.decode(name)
        except UnicodeError:
            continue
        found.append(Candidate(name, plausible_share(decoded, name)))
    return sorted(found, key=lambda candidate: -round(candidate.share, 1))


def show_candidates(value: bytes, found: Iterable[Candidate]) -> list[str]:
    """Return how a value reads in the most plausible encodings, as evidence."""
    shown: dict[str, str] = {}
    for candidate in found:
        text = value.decode(candidate.encoding)
        if candidate.share >= SHARE and text.isprintable():
            shown.setdefault(text, candidate.encoding)
    return [f"{name} ({quoted(text)})" for text, name in list(shown.items())[:SHOWN]]


def plausible_share(text: str, encoding: str) -> float:
    """Return the share of the words with special letters that look like words."""
    words = [word for word in set(WORD.findall(text)) if not word.isascii()]
    good = sum(_is_plausible(word, encoding) for word in words)
    return good / len(words) if words else 1.0


def _is_plausible(word: str, encoding: str) -> bool:
    """Say whether a word has letters of one alphabet, and no capital within it."""
    letters = word.strip(AROUND)
    if not letters:
        return True
    kinds = {unicodedata.category(character) for character in letters}
    if not kinds <= {"Lu", "Ll", "Lo", "Mn", "Mc", "Lm", "Nd"}:
        return False
    if "Lo" in kinds and encoding in EVERYDAY:
        lonely = LONELY.search(letters)
        return not lonely and all(_is_everyday(c, encoding) for c in letters)
    known = {_script(c) for c in letters if c.isalpha() or not c.isascii()}
    scripts = known - {"COMBINING"}
    inner = letters[1:]
    capital = inner != inner.lower() and letters != letters.upper()
    special = sum(not c.isascii() for c in letters)
    # European words have fewer accented letters than others.
    many = special > max(2, len(letters) / 2) or special == len(letters) > 1
    foreign = many and scripts == {"LATIN"}
    return len(scripts) == 1 and not capital and not foreign


def _script(letter: str) -> str:
    return unicodedata.name(letter, "?").partition(" ")[0]


def _is_everyday(character: str, encoding: str) -> bool:
    if character.isascii():
        return True
    name, leads = EVERYDAY[encoding]
    try:
        return character.encode(name)[0] in leads
    except UnicodeError:
        return False
