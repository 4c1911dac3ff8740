"""Values of Arrow as numbers and texts, and figures of them: quantiles, histograms."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from reproducible_ml.exploration.counting import Mask

Floats = npt.NDArray[np.float64]
Json = dict[str, Any]

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)

# Bars of a histogram.
BINS = 30

# Rows from which quantiles of personal values may be shown.
MANY = 100

# A histogram ends at the outer quantiles if all values are spread so much more widely.
SPREAD = 3


def plain_numbers(values: pa.Array) -> pa.Array:
    """Return whole numbers as they are, and all other numbers as floats."""
    kind = values.type
    if types.is_dictionary(kind):
        return plain_numbers(values.dictionary_decode())
    if types.is_duration(kind):
        parts = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[kind.unit]
        whole = values.cast(pa.int64()).cast(pa.float64(), safe=False)
        return pc.divide(whole, float(parts))
    if types.is_float16(kind):
        return values.cast(pa.float32()).cast(pa.float64())
    if types.is_decimal(kind):
        # By itself, Arrow misses the nearest float for every seventh value.
        return values.cast(pa.string()).cast(pa.float64())
    if types.is_integer(kind) or kind == pa.float64():
        return values
    return values.cast(pa.float64())


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


def to_seconds(
    values: pa.Array,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return dates as numbers of their own unit, and of seconds, since 1970."""
    kind = values.type
    if types.is_date(kind):
        number = pa.int32() if types.is_date32(kind) else pa.int64()
        whole = values.cast(number).fill_null(0).to_numpy(zero_copy_only=False)
        whole = whole.astype(np.int64)
        if types.is_date32(kind):
            return whole, whole * 86_400
        return whole, whole // 1000
    whole = values.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    parts = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[kind.unit]
    return whole, whole // parts


def as_texts(values: pa.Array) -> pa.Array:
    """Return numbers as people write them: 3.0 is 3."""
    if types.is_integer(values.type):
        return values.cast(pa.string())
    numbers = values.to_pylist()
    return pa.array([f"{n:.6g}" for n in numbers], pa.string())


def quantile_groups(numbers: Floats, limit: int) -> npt.NDArray[np.int64]:
    """Return for each number which of `limit` quantile groups it is in."""
    known = np.isfinite(numbers)
    found = np.full(len(numbers), limit, dtype=np.int64)
    if known.any():
        shares = np.arange(1, limit) / limit
        bounds = np.quantile(numbers[known], shares, method="inverted_cdf")
        found[known] = np.searchsorted(np.unique(bounds), numbers[known], side="left")
    return found


def quantiles(numbers: Floats, shares: Sequence[float]) -> list[float | None]:
    """Return quantiles of sorted numbers; each is one of them."""
    found = np.quantile(numbers, shares, method="inverted_cdf")
    return [as_json(value) for value in found.tolist()]


def shown_quantiles(rows: int, *, hidden: bool) -> tuple[float, ...]:
    """Return the quantiles to show; of personal values, none is that of few rows."""
    if not hidden:
        return QUANTILES if rows else ()
    return QUANTILES[1:-1] if rows >= MANY else ()


def histogram(
    numbers: Floats, *, whole: bool, ends: tuple[Any, Any] | None = None
) -> Json:
    """Return the rows between bounds of equal distance, and those beyond both ends.

    Args:
        numbers: Sorted and finite; not empty.
        whole: Whether all are whole, so that the bounds shall be as well.
        ends: First and last bound; by default, nearly all numbers are between them.
    """
    low, high = float(numbers[0]), float(numbers[-1])
    inner = np.quantile(numbers, (0.01, 0.99), method="inverted_cdf")
    first, last = float(inner[0]), float(inner[1])
    with np.errstate(over="ignore"):
        if ends is not None:
            low, high = ends
        elif last > first and high - low > SPREAD * (last - first):
            low, high = first, last
        width = high - low
    if not math.isfinite(width) or width == 0:
        return {"bounds": [as_json(low), as_json(high)], "rows": [len(numbers)]}
    bins = BINS
    if whole:
        step = max(1, math.ceil((width + 1) / BINS))
        bins = math.ceil((width + 1) / step)
        low, high = low - 0.5, low - 0.5 + bins * step
    bounds = np.linspace(low, high, bins + 1)
    if not (np.diff(bounds) > 0).all():
        return {"bounds": [as_json(low), as_json(high)], "rows": [len(numbers)]}
    counts, _ = np.histogram(numbers, bounds)
    found: Json = {
        "bounds": [as_json(bound) for bound in bounds.tolist()],
        "rows": counts.tolist(),
    }
    below, above = int((numbers < low).sum()), int((numbers > high).sum())
    if below or above:
        found |= {"below": below, "above": above}
    return found


def as_json(value: Any) -> Any:
    """Return a number with at most ten digits, None for what JSON does not have."""
    if isinstance(value, float):
        return float(f"{value:.10g}") if math.isfinite(value) else None
    return value
