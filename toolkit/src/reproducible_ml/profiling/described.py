"""Describe texts: how each is written, or a batch of plain numbers or dates at once.

Each text is described by itself, so that texts of many columns may be described
together. A batch that is not plain throughout is looked at text by text in `profile`.
"""

from collections.abc import Collection
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from reproducible_ml.contract.schema import Column
from reproducible_ml.profiling.dates import (
    ISO_FORM,
    compact_date_patterns,
    date_patterns,
    same_iso_form,
)
from reproducible_ml.profiling.distinct import (
    Hashes,
    Ints,
    hash_texts,
    text_bytes,
    text_lengths,
    text_starts,
)
from reproducible_ml.profiling.numbers import number_patterns
from reproducible_ml.quality.spellings import MISSING_AMONG_NUMBERS, may_be_missing
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

# What separates words; other characters up to the last are suspect.
BLANKS, LAST_BLANK = b" \t\n\f\r", ord(" ")

# Longer texts are none that mean "no value", which are ASCII in lower case: the capital
# of a letter has at most three bytes.
LONGEST_MISSING = 3 * max(map(len, MISSING_AMONG_NUMBERS))

Floats = npt.NDArray[np.float64]

# Numbers of at most so many digits are exact as floats, which are hashed quickly.
EXACT = 15

# Patterns of `number_patterns` without prefix and suffix.
WHOLE, POINT, POINT3, SIGNED = "\t\twhole", "\t\tpoint", "\t\tpoint3", "\t\tsigned"

# Kinds of bytes: those of plain numbers, those of exponents, and all others.
KINDS = np.full(256, 2, dtype=np.uint8)
KINDS[list(b"0123456789.-")], KINDS[list(b"+eE")] = 0, 1

# The least number of so many digits: 10 has two.
LEAST = 10.0 ** np.arange(-1, EXACT + 1)


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

    def part(self, start: int, stop: int) -> "Described":
        """Return the descriptions of consecutive texts, without copying them."""
        some = slice(start, stop)
        return Described(
            self.trimmed[some],
            self.blank[some],
            self.always[some],
            self.lengths[some],
            self.hashes[some],
            Patterns(self.numbers.codes[some], self.numbers.names),
            Patterns(self.dates.codes[some], self.dates.names),
            Patterns(self.compact.codes[some], self.compact.names),
            self.words[some],
            self.hidden[some],
        )

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
    blank = _may_be_missing(trimmed)
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
        content = text_bytes(rest)
        if content.min(initial=LAST_BLANK + 1) <= LAST_BLANK:
            words[left] = _count_words(rest)
        dates.add(date_patterns(rest), left)
        # Most texts have nothing but printable characters of ASCII.
        if (content - np.uint8(32)).max(initial=0) > 126 - 32:
            hidden[left] = _mask(pc.match_substring_regex(rest, HIDDEN))
    return Described(
        trimmed,
        blank,
        always,
        _lengths(texts),
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


def _may_be_missing(trimmed: pa.StringArray) -> Mask:
    """Return which texts mean "no value" in some columns."""
    places = np.flatnonzero(text_lengths(trimmed) <= LONGEST_MISSING)
    found = np.zeros(len(trimmed), dtype=bool)
    some = trimmed if len(places) == len(trimmed) else trimmed.take(pa.array(places))
    found[places] = _mask(may_be_missing(some))
    return found


def _count_words(texts: pa.StringArray) -> Ints:
    """Return the number of words of each text."""
    content = text_bytes(texts)
    blank = content == BLANKS[0]
    for other in BLANKS[1:]:
        blank |= content == other
    lengths = text_lengths(texts)
    ends = np.cumsum(lengths)
    first = ~blank
    # A word begins where none was before, in this text.
    first[1:] &= blank[:-1]
    starts = (ends - lengths)[lengths > 0]
    first[starts] = ~blank[starts]
    words = np.concatenate([[0], np.cumsum(first, dtype=np.int64)])
    counts: Ints = words[ends] - words[ends - lengths]
    return counts


def _lengths(texts: pa.StringArray) -> Ints:
    """Return the number of characters of each text."""
    if text_bytes(texts).max(initial=0) < 128:
        return text_lengths(texts).astype(np.int64)
    lengths: Ints = pc.utf8_length(texts).to_numpy().astype(np.int64)
    return lengths


def _mask(found: pa.BooleanArray) -> Mask:
    return np.asarray(found.to_numpy(zero_copy_only=False), dtype=bool)


class PlainBatch(NamedTuple):
    """The values of a batch that holds nothing but plain numbers, or dates.

    Attributes:
        values: Numbers, or nanoseconds since 1970; none is missing or infinite.
        patterns: Rows of each pattern.
        may_be_dates: Which numbers may be dates such as 20240131 or 01.2024.
        longest: Length of the longest text.
    """

    values: pa.Array
    patterns: dict[str, int]
    may_be_dates: npt.NDArray[np.bool_]
    longest: int


def plain_column(numbers: Collection[str], dates: Collection[str]) -> Column | None:
    """Return the declaration of a column of plain numbers or dates, None for others.

    Args:
        numbers: Patterns of its numbers.
        dates: Patterns of its dates.
    """
    dtype = None
    if {*numbers} == {WHOLE}:
        dtype = "Int64"
    elif numbers and {*numbers} <= {WHOLE, POINT, POINT3, SIGNED}:
        dtype = "float64"
    elif not numbers and len(dates) == 1 and ISO_FORM.fullmatch(min(dates).rstrip()):
        dtype = "datetime64[ns]"
    return Column.model_validate({"dtype": dtype, "nullable": True}) if dtype else None


def read_plain(
    texts: pa.StringArray, column: Column, dates: Collection[str]
) -> PlainBatch | None:
    """Read texts as `plain_column` declares them; None if one is anything else.

    Args:
        texts: None of them missing.
        column: Their declaration.
        dates: Patterns of dates.
    """
    if column.dtype == "datetime64[ns]":
        return _read_dates(texts, min(dates))
    return _read_numbers(texts, whole=column.dtype == "Int64")


def _read_numbers(texts: pa.StringArray, *, whole: bool) -> PlainBatch | None:
    content = text_bytes(texts)
    # From - and . to the digits; a slash among them is no number in any case.
    plain = (content - np.uint8(ord("-"))).max(initial=0) <= ord("9") - ord("-")
    kind = 0 if plain else KINDS[content].max(initial=0)
    numbers = _cast(texts, pa.float64()) if kind < 2 else None
    if numbers is None:
        return None
    values: Floats = numbers.to_numpy()
    lengths = text_lengths(texts)
    points = _find_points(texts, content)
    if kind == 0 and not whole and (points >= 0).all():
        return _with_points(numbers, lengths, points)
    with_exponent = np.zeros(len(texts), dtype=bool)
    if kind == 1:
        if not np.isfinite(values).all() or pc.any(pc.starts_with(texts, "+")).as_py():
            return None
        found = pc.match_substring(texts, "e", ignore_case=True)
        with_exponent = found.to_numpy(zero_copy_only=False)
    has_point = points >= 0
    digits = np.where(has_point, points, lengths) - np.signbit(values)
    # The first digit of these is not zero, or the only one.
    size = np.abs(values)
    full = (size >= LEAST[np.minimum(digits, EXACT + 1)]) | (digits == 1)
    is_whole = ~has_point & ~with_exponent
    codes = is_whole & (~full | ((values == 0) & np.signbit(values)))
    if codes.any() or (digits[~with_exponent] > EXACT).any():
        return None
    if whole and not is_whole.all():
        return None
    decimals = lengths - points - 1
    thousands = has_point & (decimals == 3) & (digits >= 1) & (digits <= 3)
    thousands &= full & (size >= 1) & ~with_exponent
    months = (values >= 190_000) & (values < 210_000)
    days = (values >= 19_000_000) & (values < 21_000_000)
    may_be_dates = is_whole & (((lengths == 6) & months) | ((lengths == 8) & days))
    may_be_dates |= (lengths == 7) & (points == 2) & (values >= 1) & (values < 13)
    patterns = {
        WHOLE: int(is_whole.sum()),
        SIGNED: int((with_exponent & ~has_point).sum()),
        POINT3: int(thousands.sum()),
        POINT: int((has_point & ~thousands).sum()),
    }
    chosen = pa.array(values.astype(np.int64)) if whole else numbers
    return PlainBatch(chosen, patterns, may_be_dates, int(lengths.max(initial=0)))


def _find_points(
    texts: pa.StringArray, content: npt.NDArray[np.uint8]
) -> npt.NDArray[Any]:
    """Return the position of the first point in each number, -1 for none."""
    found = np.flatnonzero(content == ord("."))
    if len(found) == len(texts):
        # Numbers have one at most, so each has its own.
        points = np.empty(len(found), dtype=np.int32)
        return np.subtract(found, text_starts(texts), out=points, casting="unsafe")
    return np.asarray(pc.find_substring(texts, ".").to_numpy())


def _with_points(
    numbers: pa.Array, lengths: npt.NDArray[Any], points: npt.NDArray[Any]
) -> PlainBatch | None:
    """Return numbers, all with a point and without an exponent, as most are."""
    values: Floats = numbers.to_numpy()
    digits = points - np.signbit(values)
    if digits.max(initial=0) > EXACT:
        return None
    three = np.flatnonzero(lengths - points == 4)
    three = three[(digits[three] >= 1) & (digits[three] <= 3)]
    size = np.abs(values[three])
    full = (size >= LEAST[digits[three]]) | (digits[three] == 1)
    thousands = int((full & (size >= 1)).sum())
    patterns = {POINT3: thousands, POINT: len(values) - thousands}
    may_be_dates = lengths == 7
    if may_be_dates.any():
        may_be_dates &= (points == 2) & (values >= 1) & (values < 13)
    return PlainBatch(numbers, patterns, may_be_dates, int(lengths.max(initial=0)))


def _read_dates(texts: pa.StringArray, pattern: str) -> PlainBatch | None:
    """Read dates of one form, as 2024-01-31 12:30:00."""
    form = pattern.rstrip()
    if not (text_lengths(texts) == len(form)).all():
        return None
    times = _cast(texts, pa.timestamp("ns"))
    if times is None:
        return None
    # Arrow takes T and a blank for the same.
    between = text_bytes(texts).reshape(len(texts), len(form))[:, 10:11]
    if not (between == np.frombuffer(form[10:11].encode(), np.uint8)).all():
        return None
    none = np.zeros(len(texts), dtype=bool)
    rows = {pattern: len(texts)}
    return PlainBatch(times.cast(pa.int64()), rows, none, len(form))


def _cast(texts: pa.StringArray, kind: pa.DataType) -> pa.Array | None:
    try:
        return texts.cast(kind)
    except pa.ArrowInvalid:
        return None
