"""Values of Arrow as numbers and texts, and figures of them: quantiles, histograms."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import types

from reproducible_ml.exploration.counting import EXACT, Mask
from reproducible_ml.exploration.exact import UNITS

Floats = npt.NDArray[np.float64]
Json = dict[str, Any]

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)

# Bars of a histogram.
BINS = 30

# Rows from which quantiles of personal values may be shown.
MANY = 100

# A histogram ends at the outer quantiles if all values are spread so much more widely.
SPREAD, TAILS = 3, (0.01, 0.99)


def encoded(values: pa.Array) -> pa.DictionaryArray:
    """Return texts by their numbers in a dictionary of different ones."""
    if types.is_dictionary(values.type):
        if values.dictionary.null_count:
            return encoded(values.dictionary_decode())
        if values.dictionary.type == pa.string():
            return values
        return pa.DictionaryArray.from_arrays(
            values.indices, values.dictionary.cast(pa.string())
        )
    if values.type != pa.string():
        values = values.cast(pa.string())
    return values.dictionary_encode()


def is_valid(values: pa.Array) -> Mask:
    """Return which values are not missing."""
    if not values.null_count:
        return np.ones(len(values), dtype=bool)
    return np.asarray(values.is_valid().to_numpy(zero_copy_only=False), dtype=bool)


def quantile_groups(numbers: Floats, limit: int) -> npt.NDArray[np.int64]:
    """Return for each number which of `limit` quantile groups it is in."""
    known = np.isfinite(numbers)
    found = np.full(len(numbers), limit, dtype=np.int64)
    if known.any():
        shares = np.arange(1, limit) / limit
        bounds = np.quantile(numbers[known], shares, method="inverted_cdf")
        found[known] = np.searchsorted(np.unique(bounds), numbers[known], side="left")
    return found


def quantile_places(rows: int, shares: Sequence[float]) -> list[int]:
    """Return which of so many sorted values are quantiles."""
    found = np.quantile(np.arange(rows), shares, method="inverted_cdf")
    places: list[int] = found.astype(int).tolist()
    return places


def shown_quantiles(rows: int, *, hidden: bool) -> tuple[float, ...]:
    """Return the quantiles to show; of personal values, none is that of few rows."""
    if not hidden:
        return QUANTILES if rows else ()
    return QUANTILES[1:-1] if rows >= MANY else ()


class Histogram(NamedTuple):
    """Rows between bounds of equal distance, and those beyond both ends."""

    bounds: Floats
    rows: list[int]
    below: int = 0
    above: int = 0


def histogram(
    numbers: Floats, *, whole: bool, ends: tuple[float, float] | None = None
) -> Histogram:
    """Return the rows between bounds of equal distance, and those beyond both ends.

    Args:
        numbers: Sorted and finite; not empty.
        whole: Whether all are whole, so that the bounds shall be as well.
        ends: First and last bound; by default, nearly all numbers are between them.
    """
    low, high = float(numbers[0]), float(numbers[-1])
    first, last = (float(numbers[n]) for n in quantile_places(len(numbers), TAILS))
    # Differences of the largest floats are infinite, which compare as they should.
    with np.errstate(over="ignore"):
        if ends is not None:
            low, high = ends
        elif last > first and high - low > SPREAD * (last - first):
            low, high = first, last
        width = high - low
    if width == 0:
        return Histogram(np.array([low, high]), [len(numbers)])
    bins = BINS
    if whole and math.isfinite(width):
        step = max(1, math.ceil((width + 1) / BINS))
        bins = math.ceil((width + 1) / step)
        low, high = low - 0.5, low - 0.5 + bins * step
    shares = np.arange(bins + 1) / bins
    bounds = low * (1 - shares) + high * shares
    digits = 10 - math.floor(math.log10(width)) if math.isfinite(width) else 0
    if abs(digits) <= 15 and not whole:
        # Without the noise of rounding, but for the ends.
        bounds[1:-1] = bounds[1:-1].round(digits)
    if not (bounds[1:] > bounds[:-1]).all():
        return Histogram(np.array([low, high]), [len(numbers)])
    counts, _ = np.histogram(numbers, bounds)
    below, above = int((numbers < low).sum()), int((numbers > high).sum())
    return Histogram(bounds, counts.tolist(), below, above)


def digits_for(value: float, spread: float | None, least: int) -> int:
    """Return how many digits of a number matter beside others.

    Args:
        value: The number.
        spread: How far others are from it, of which two digits are wanted; None if that
            is not known.
        least: Digits that are wanted at least.
    """
    if not value or not spread or not math.isfinite(spread):
        return least
    size = math.floor(math.log10(abs(value)))
    needed = size + 2 - math.floor(math.log10(abs(spread)) - 1)
    return min(17, max(least, needed))


def mean_and_spread(mean: Any, spread: float | None) -> str:
    """Return mean ± standard deviation; of the mean, as many digits as that needs."""
    words = in_digits(mean, spread, 4)
    return words if spread is None else f"{words} ± {spread:.3g}"


def in_digits(value: Any, spread: float | None, least: int) -> str:
    """Return a number in the digits of `digits_for`, a text of one as it is."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and abs(value) > EXACT:
        return str(value)
    digits = digits_for(value, spread, least)
    if digits > least and abs(value) < UNITS:
        # Without a power of ten.
        digits = max(digits, len(f"{abs(value):.0f}"))
    return f"{value:.{digits}g}"
