"""Describe texts one by one: how they are written, and what they may be.

Each is described by itself, so that texts of many columns may be described together.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from reproducible_ml.profiling.dates import (
    compact_date_patterns,
    date_patterns,
    same_iso_form,
)
from reproducible_ml.profiling.distinct import Hashes, Ints, hash_texts, text_bytes
from reproducible_ml.profiling.numbers import number_patterns
from reproducible_ml.quality.spellings import may_be_missing
from reproducible_ml.reading.values import NA_VALUES

Mask = npt.NDArray[np.bool_]

# Characters that cannot be seen: control characters, soft hyphens, marks and overrides
# of the direction, spaces without width, tags. Joiners are letters in some scripts, and
# part of emoji: they count only beside ASCII.
HIDDEN = (
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x{9f}\x{ad}\x{61c}\x{180e}\x{200b}\x{200e}\x{200f}"
    r"\x{202a}-\x{202e}\x{2060}-\x{2069}\x{feff}\x{fff9}-\x{fffb}\x{e0000}-\x{e007f}]"
    r"|[!-~][\x{200c}\x{200d}]|[\x{200c}\x{200d}][!-~]"
)

# Bytes that texts with such characters have.
SUSPECT = np.isin(np.arange(256), [*range(9), 11, 12, *range(14, 32), *range(127, 256)])

# What separates words.
BLANKS = np.isin(np.arange(256), list(b" \t\n\f\r"))


class Patterns(NamedTuple):
    """The pattern of each text, by its number in `names`; -1 for none."""

    codes: Ints
    names: list[str]

    def at(self, positions: Ints) -> "Patterns":
        """Return the patterns of some texts."""
        return Patterns(self.codes[positions], self.names)


class Described(NamedTuple):
    """What is known of each of some texts.

    Attributes:
        trimmed: The texts without blanks around them.
        blank: Whether it means "no value" in some columns.
        always: Whether it means "no value" in all columns.
        lengths: Its number of characters.
        hashes: Its hash.
        numbers: Its pattern as a number.
        dates: Its pattern as a date that does not look like a number.
        compact: Its pattern as a date that does.
        words: Its number of words.
        hidden: Whether it has characters that cannot be seen.
    """

    trimmed: pa.StringArray
    blank: Mask
    always: Mask
    lengths: Ints
    hashes: Hashes
    numbers: Patterns
    dates: Patterns
    compact: Patterns
    words: Ints
    hidden: Mask

    def at(self, chosen: Ints | Mask) -> "Described":
        """Return the descriptions of some texts, by their positions or a mask."""
        positions = np.arange(len(self.blank))[chosen]
        return Described(
            self.trimmed.take(pa.array(positions)),
            self.blank[positions],
            self.always[positions],
            self.lengths[positions],
            self.hashes[positions],
            self.numbers.at(positions),
            self.dates.at(positions),
            self.compact.at(positions),
            self.words[positions],
            self.hidden[positions],
        )


def describe(texts: pa.StringArray) -> Described:
    """Describe texts, none of which is null."""
    trimmed = pc.utf8_trim_whitespace(texts)
    blank = _mask(may_be_missing(trimmed))
    always = np.zeros(len(texts), dtype=bool)
    if blank.any():
        always = _mask(pc.is_in(texts, pa.array(NA_VALUES)))
    left = np.flatnonzero(~blank)
    rest = trimmed.take(pa.array(left)) if blank.any() else trimmed
    words = np.ones(len(texts), dtype=np.int64)
    hidden = np.zeros(len(texts), dtype=bool)
    numbers, dates, compact = (_Collector(len(texts)) for _ in range(3))
    if found := same_iso_form(rest):
        fits, pattern = _mask(found[0]), found[1]
        dates.add(pa.repeat(pattern, int(fits.sum())), left[fits])
        words[left[fits]] += pattern.count(" ")
        left, rest = left[~fits], rest.filter(pa.array(~fits))
    spelled = number_patterns(rest)
    numbers.add(spelled, left)
    size = pc.binary_length(rest).to_numpy()
    short = (size >= 6) & (size <= 8)
    if short.any():
        compact.add(compact_date_patterns(rest.filter(pa.array(short))), left[short])
    if spelled.null_count:
        others = spelled.is_null()
        left, rest = left[_mask(others)], rest.filter(others)
        if BLANKS[text_bytes(rest)].any():
            words[left] = pc.count_substring_regex(rest, r"\S+").to_numpy()
        dates.add(date_patterns(rest), left)
        if SUSPECT[text_bytes(rest)].any():
            hidden[left] = _mask(pc.match_substring_regex(rest, HIDDEN))
    return Described(
        trimmed,
        blank,
        always,
        pc.utf8_length(texts).to_numpy().astype(np.int64),
        hash_texts(texts),
        numbers.patterns,
        dates.patterns,
        compact.patterns,
        words,
        hidden,
    )


class _Collector:
    """Collects the patterns of some of a number of texts."""

    def __init__(self, size: int) -> None:
        self.patterns = Patterns(np.full(size, -1), [])

    def add(self, found: pa.Array, positions: Ints) -> None:
        """Add the patterns of the texts at these positions; null for none."""
        encoded = found.dictionary_encode()
        codes = encoded.indices.fill_null(-1).to_numpy()
        known = codes >= 0
        self.patterns.codes[positions[known]] = codes[known] + len(self.patterns.names)
        self.patterns.names.extend(encoded.dictionary.to_pylist())


def _mask(found: pa.BooleanArray) -> Mask:
    return np.asarray(found.to_numpy(zero_copy_only=False), dtype=bool)
