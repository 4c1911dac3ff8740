"""Read batches of plain numbers and dates at once, as most columns hold nothing else.

A batch with any other text is not read: it is looked at text by text in `profile`.
"""

from collections.abc import Collection
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from reproducible_ml.contract.schema import Column
from reproducible_ml.profiling.dates import ISO_FORM
from reproducible_ml.profiling.distinct import text_bytes

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
    kind = KINDS[text_bytes(texts)].max(initial=0)
    numbers = _cast(texts, pa.float64()) if kind < 2 else None
    if numbers is None:
        return None
    values: Floats = numbers.to_numpy()
    lengths = pc.binary_length(texts).to_numpy()
    points = pc.find_substring(texts, ".").to_numpy()
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
    compact = ((lengths == 8) | (lengths == 6)) & is_whole & (size >= 190_000)
    dotted = (lengths == 7) & (points == 2) & (size < 13)
    patterns = {
        WHOLE: int(is_whole.sum()),
        SIGNED: int((with_exponent & ~has_point).sum()),
        POINT3: int(thousands.sum()),
        POINT: int((has_point & ~thousands).sum()),
    }
    chosen = pa.array(values.astype(np.int64)) if whole else numbers
    return PlainBatch(chosen, patterns, compact | dotted, int(lengths.max(initial=0)))


def _read_dates(texts: pa.StringArray, pattern: str) -> PlainBatch | None:
    """Read dates of one form, as 2024-01-31 12:30:00."""
    form = pattern.rstrip()
    lengths = pc.binary_length(texts).to_numpy()
    if not (lengths == len(form)).all():
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
