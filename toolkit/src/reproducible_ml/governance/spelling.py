"""How the value of a person may be written: as text of all encodings, and as a number.

Text is compared in Unicode's composed form (NFC), numbers as numbers: `17` is also
`17.0` and `00017`, and in the column that was named also `1.234` for `1234`.
"""

import codecs
import html
import json
import re
from collections.abc import Iterable, Iterator
from encodings.aliases import aliases
from functools import cached_property, lru_cache
from itertools import chain, product
from typing import NamedTuple
from unicodedata import normalize

from reproducible_ml.reading.encoding import COMMON

# Signs of a regular expression, for Python, RE2 and POSIX alike.
SPECIAL = re.compile(r"([\\.+*?()|\[\]{}^$])")
NUMBER = re.compile(r"([-+]?)([0-9]+)(?:\.([0-9]+))?")

# Blanks of ASCII, line ends among them, and those of typographers.
BLANKS = "[\\s\u00a0\u202f\u2007\u2009]+"
SEPARATORS = ".,' _\u00a0\u202f\u2007\u2009\u2019"

UNICODE = ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
# These write no text of more than one line as others do.
OTHERS = {"idna", "punycode", "utf_7", "raw_unicode_escape", "unicode_escape"}

ESCAPE = re.compile(r"((?:\\u[0-9a-fA-F]{4})+)|\\(.)", re.DOTALL)


class Person:
    """How the rows of a person are known.

    Args:
        values: Such as the number of a customer; one of them is enough.
        column: That they stand in; None: in any.
    """

    def __init__(self, values: Iterable[str], column: str | None = None) -> None:
        self.values = [normalize("NFC", value) for value in values]
        self.column = None if column is None else normalize("NFC", column)

    @cached_property
    def word(self) -> re.Pattern[str]:
        """Matches a value as a whole word."""
        return self._compiled(r"(?<!\w)(?:VALUES)(?!\w)", cell=False)

    @cached_property
    def word_of_bytes(self) -> re.Pattern[str]:
        """As `word`, in text whose letters, except those of ASCII, may be others."""
        return re.compile(self.word.pattern, re.ASCII)

    @cached_property
    def cell(self) -> re.Pattern[str]:
        """Matches a value that is all of a cell."""
        return self._compiled(r"\s*(?:VALUES)\s*", cell=True)

    @cached_property
    def part(self) -> re.Pattern[str]:
        """Matches whatever has a value as `cell` or `word` do."""
        if not self.values:
            return self.word
        patterns = self.patterns(cell=True), self.patterns(cell=False)
        return re.compile("|".join(patterns))

    def patterns(self, *, cell: bool) -> str:
        """Return a regular expression of all values, for Python and RE2.

        Args:
            cell: Of a whole cell, in which a comma is no end of a number.
        """
        return "|".join(pattern(value, cell=cell) for value in self.values)

    def _compiled(self, form: str, *, cell: bool) -> re.Pattern[str]:
        if not self.values:
            return re.compile(r"(?!)")  # matches nothing
        return re.compile(form.replace("VALUES", self.patterns(cell=cell)))


def pattern(value: str, *, cell: bool) -> str:
    """Return a regular expression of the ways to write a value, for Python and RE2.

    Args:
        value: A text, or a number with a decimal point.
        cell: Whether it is all of a cell: thousands may be separated.
    """
    number = NUMBER.fullmatch(value)
    if not number:
        return BLANKS.join(map(_literal, value.split()))
    sign, whole, part = number[1], number[2].lstrip("0"), (number[3] or "").rstrip("0")
    if not (whole or part):
        whole = "0"
    point = "[.,]" if cell else r"\."
    end = f"{point}{part}0*" if part else f"(?:{point}0*)?" if cell else r"(?:\.0+)?"
    digits = whole
    if cell and len(whole) > 3:
        between = f"[{SEPARATORS}]?"
        digits = "|".join(between.join(one) for one in _groupings(whole))
    found = f"{'-' if sign == '-' else '[+]?'}0*(?:{digits}){end}"
    # So CSV files have floats of 16 and more digits.
    power = repr(float(value))
    return f"{found}|{_literal(power)}" if "e" in power else found


def _literal(text: str) -> str:
    return SPECIAL.sub(r"\\\1", text)


def _groupings(digits: str) -> list[list[str]]:
    """Return the groups of thousands, as elsewhere and as in India."""
    last, found = digits[-3:], []
    for size in (3, 2):
        rest, groups = digits[:-3], [last]
        while rest:
            groups.insert(0, rest[-size:])
            rest = rest[:-size]
        found.append(groups)
    return found if found[0] != found[1] else found[:1]


class Needle(NamedTuple):
    """Bytes without which a file has no value in an encoding."""

    encoding: str
    content: bytes


def needles(person: Person) -> list[Needle]:
    """Return bytes of which a file must have one to have a value at all.

    They are of all encodings that Python knows, and each is listed once.
    """
    found: dict[tuple[bytes, bytes], str] = {}
    cores = sorted({core for value in person.values for core in _cores(value)})
    for encoding, (core, whole) in product(_encodings(), cores):
        try:
            key = core.encode(encoding), whole.encode(encoding)
        except (UnicodeError, ValueError):
            continue
        found.setdefault(key, encoding)
    return [Needle(encoding, core) for (core, _), encoding in found.items() if core]


@lru_cache
def _encodings() -> tuple[str, ...]:
    known = {*aliases.values()} - OTHERS
    found = [*UNICODE, *COMMON]
    for name in sorted(known):
        try:
            if "a".encode(name) in (b"a", b"\x81"):  # ASCII, or that of mainframes
                found.append(name)
        except (LookupError, UnicodeError):
            continue
    return tuple(dict.fromkeys(found))


def _cores(value: str) -> Iterator[tuple[str, str]]:
    """Yield texts of which one is in a file that has a value, each with a whole one."""
    if number := NUMBER.fullmatch(value):
        whole, part = number[2].lstrip("0"), (number[3] or "").rstrip("0")
        forms = [whole or part or "0"]
        if len(whole) > 3:
            groups = product(SEPARATORS, _groupings(whole))
            forms += [sign.join(group) for sign, group in groups]
        power = repr(float(value))
        forms += [power] if "e" in power else []
        yield from ((form, form) for form in forms)
        return
    # Its letters tell encodings apart; between words may be a line end.
    word = max(value.split(), key=lambda word: (not word.isascii(), len(word)))
    for form in ("NFC", "NFD"):
        yield normalize(form, word), normalize(form, value)
    # Of CSV, JSON and HTML: which signs are escaped differs.
    escapes = [word.replace('"', '""'), *(f"\\{s}" for s in {*word} & {*'/"\\'})]
    escapes += [html.escape(sign) for sign in {*word} & {*"&<>\"'"}]
    if not (word.isalnum() and word.isascii()):
        escapes += ["\\u", "&#"]
    yield from ((text, text) for text in escapes)


def spellings(value: str) -> list[str]:
    """Return a value as text, JSON and CSV have it."""
    forms = [normalize(form, value) for form in ("NFC", "NFD")]
    escaped = [json.dumps(value, ensure_ascii=ascii_)[1:-1] for ascii_ in (True, False)]
    upper = re.sub(
        r"\\u[0-9a-f]{4}", lambda found: "\\u" + found[0][2:].upper(), escaped[0]
    )
    slashes = [text.replace("/", r"\/") for text in (*escaped, upper)]
    return list(
        dict.fromkeys([*forms, *escaped, upper, *slashes, value.replace('"', '""')])
    )


def variants(line: str) -> Iterator[str]:
    """Yield a line as it is, and without the escapes of JSON, CSV and HTML."""
    plain = line if line.isascii() else normalize("NFC", line)
    yield plain
    if "\\" in line:
        yield normalize("NFC", ESCAPE.sub(_unescaped, line))
    if '""' in line:
        yield plain.replace('""', '"')
    if "&" in line:
        yield normalize("NFC", html.unescape(line))


def _unescaped(found: re.Match[str]) -> str:
    if found[1]:
        units = bytes.fromhex(found[1].replace("\\u", ""))
        return units.decode("utf-16-be", "replace")
    return {"n": "\n", "t": "\t", "r": "\r"}.get(found[2], found[2])


def decoded(chunks: Iterable[bytes], encoding: str) -> Iterator[str]:
    """Yield the lines of bytes in an encoding, with U+FFFD for those that it lacks."""
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    rest, first = "", True
    for chunk in chain(chunks, [None]):
        text = decoder.decode(chunk or b"", final=chunk is None)
        if first and text:
            text, first = text.removeprefix("\ufeff"), False
        lines = re.split(r"\r\n?|\n", rest + text)
        rest = lines.pop()
        yield from lines
    if rest:
        yield rest
