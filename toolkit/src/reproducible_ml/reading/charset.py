"""Guess the encoding of text that is not Unicode, from how its words look."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from reproducible_ml.contract.findings import quoted

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
