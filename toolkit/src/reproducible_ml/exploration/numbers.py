"""Summarise a column of numbers of any type, without losing digits."""

import math
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from reproducible_ml.exploration.counting import (
    EXACT,
    MISSING,
    FrequentValues,
    Hashes,
    Mask,
)
from reproducible_ml.exploration.exact import (
    UNITS,
    Exact,
    Number,
    as_json,
    distances,
    exact_numbers,
    hash_numbers,
    in_units,
    is_finite,
    join,
    number_text,
)
from reproducible_ml.exploration.figures import (
    Floats,
    Json,
    histogram,
    is_valid,
    quantile_groups,
    quantile_places,
    shown_quantiles,
)
from reproducible_ml.exploration.summary import EXAMPLES, Kind, Summary

# Numbers with more different values have a histogram, not frequent values.
FEW_NUMBERS = 100

# Floats that are written with fewer digits.
NARROW: dict[str, type[np.floating[Any]]] = {
    "float32": np.float32,
    "float16": np.float16,
}

# Floats whose squares may overflow or vanish, and the power of 2 that moves them.
LARGE, SMALL, MOVED = 2.0**400, 2.0**-400, 600


class Numbers(Summary):
    """A column of numbers.

    Attributes:
        low: The lowest number.
        high: The highest number.
        reference: The first finite number, from which moments are measured: so they
            lose no digits of numbers that are large beside their differences.
        exponent: Moments are those of distances divided by 2 to this power.
    """

    kind: Kind = "number"

    def __init__(self, name: str, arrow: str, distinct: int) -> None:
        super().__init__(name, arrow, distinct)
        self.low: Number | None = None
        self.high: Number | None = None
        self.reference: Exact | None = None
        self.exponent: int | None = None
        self.finite = 0
        self.mean = 0.0
        self.squares = 0.0
        self.zeros = self.negative = 0
        self.infinite = 0
        self.frequent: FrequentValues | None = FrequentValues()
        self.whole = True
        self.parts: list[Exact] = []
        self.known: list[Mask] = []

    @property
    def type_name(self) -> str:
        """Type of the values; text files begin with whole numbers only, perhaps."""
        name = super().type_name
        return name if self.whole or name not in ("int64", "uint64") else "float64"

    @property
    def varies(self) -> bool:
        """Whether there are different finite numbers."""
        return self.squares > 0

    def _add(self, values: pa.Array, chosen: Mask) -> Hashes | None:
        numbers = exact_numbers(values)
        valid = is_valid(values)
        if not numbers.whole:
            valid &= ~np.isnan(numbers.values)
        hashes = hash_numbers(numbers)
        hashes[~valid] = MISSING
        self.parts.append(numbers.take(chosen))
        self.known.append(valid[chosen])
        every = bool(valid.all())
        present = numbers if every else numbers.take(valid)
        self.missing += len(values) - len(present.values)
        if len(present.values):
            self._measure(present)
            self._count(present)
            self.distinct.add_hashes(hashes if every else hashes[valid])
        return hashes

    def keep(self, mask: Mask) -> None:
        """Keep those values of the sample that a mask chooses."""
        if self.parts:
            numbers, known = self._joined()
            self.parts, self.known = [numbers.take(mask)], [known[mask]]

    def _joined(self) -> tuple[Exact, Mask]:
        if len(self.parts) > 1:
            self.parts = [join(self.parts)]
            self.known = [np.concatenate(self.known)]
        return self.parts[0], self.known[0]

    def sampled(self) -> Floats:
        """Return the sample as floats, NaN where missing.

        Whole numbers and decimals are distances from one of them.
        """
        if not self.parts:
            return np.array([])
        numbers, known = self._joined()
        if numbers.whole and self.reference is not None and len(numbers.values):
            found = distances(numbers, self.reference)
        else:
            found = numbers.floats()
        return found if known.all() else np.where(known, found, np.nan)

    def _measure(self, numbers: Exact) -> None:
        """Add numbers without missing ones."""
        values = numbers.values
        low, high = ends_of(numbers)
        self.low = low if self.low is None else min(low, self.low)
        self.high = high if self.high is None else max(high, self.high)
        self.whole = self.whole and numbers.whole and not numbers.places
        self.zeros += int(np.count_nonzero(values == 0))
        if low < 0:
            self.negative += int(np.count_nonzero(values < 0))
        if not numbers.whole and not (math.isfinite(low) and math.isfinite(high)):
            finite = is_finite(numbers)
            self.infinite += int(len(values) - finite.sum())
            numbers = numbers.take(finite)
            if not finite.any():
                return
            low, high = ends_of(numbers)
        if self.reference is None:
            self.reference = numbers.take(slice(1))
        self._rescale(numbers, max(abs(float(low)), abs(float(high))))
        # Rounding makes the mean of equal numbers another one, but for 0.
        far = distances(numbers, self.reference, self.exponent or 0)
        # T. Chan, G. Golub and R. LeVeque, Updating formulae and a pairwise algorithm
        # for computing sample variances, 1979; with the correction for the rounding of
        # the mean of their Algorithms for computing the sample variance, 1983.
        rows, mean = len(far), float(far.mean())
        far -= mean
        rest = float(far.sum())
        squares = max(0.0, float(np.square(far).sum()) - rest * rest / rows)
        mean += rest / rows
        together = self.finite + rows
        step = mean - self.mean
        self.squares += squares + step * step * (self.finite * rows / together)
        self.mean += step * (rows / together)
        self.finite = together

    def _rescale(self, numbers: Exact, most: float) -> None:
        """Choose the power of 2 by which distances are divided."""
        wanted = 0
        if not numbers.whole:
            wanted = MOVED if most > LARGE else -MOVED if most < SMALL else 0
        if self.exponent is None:
            self.exponent = wanted
        elif wanted > self.exponent:
            step = wanted - self.exponent
            self.mean = math.ldexp(self.mean, -step)
            self.squares = math.ldexp(self.squares, -2 * step)
            self.exponent = wanted

    def _count(self, numbers: Exact) -> None:
        """Count the rows of each value as long as there are few."""
        if self.frequent is None:
            return
        is_object = numbers.values.dtype == object
        units = numbers.values.astype(str) if is_object else numbers.values
        values = pa.array(units)
        if len(values[: 20 * FEW_NUMBERS].unique()) > FEW_NUMBERS:
            self.frequent = None
            return
        found = values.value_counts()
        units = found.field(0).to_numpy(zero_copy_only=False)
        if is_object:
            units = np.array([int(unit) for unit in units], dtype=object)
        different = Exact(units, numbers.places)
        counts = found.field(1).to_numpy()
        texts = pa.array(map(self._text, different.numbers()), pa.string())
        self.frequent.add(hash_numbers(different), counts, texts)
        if len(self.frequent.hashes) > FEW_NUMBERS:
            self.frequent = None

    def _text(self, value: Number) -> str:
        return number_text(value, NARROW.get(self.arrow))

    def codes(self, limit: int) -> npt.NDArray[np.int64] | None:
        """Return groups of about equally many rows, by value; missing ones are last."""
        return quantile_groups(self.sampled(), limit)

    @property
    def sd(self) -> float | None:
        """Standard deviation; None of fewer than two numbers."""
        if self.finite < 2:
            return None
        found = math.sqrt(self.squares / (self.finite - 1))
        with np.errstate(over="ignore"):
            return float(np.ldexp(found, self.exponent or 0))

    @property
    def _mean(self) -> Any:
        """The mean as in JSON, in as many digits as the numbers have."""
        if self.reference is None or self.low is None or self.high is None:
            return None
        exponent = self.exponent or 0
        if not self.reference.whole or exponent:
            first = float(np.ldexp(self.reference.floats()[0], -exponent))
            mean = float(np.ldexp(first + self.mean, exponent))
            return min(max(mean, float(self.low)), float(self.high))
        units = self.reference.values.tolist()[0]
        places = self.reference.places
        exact = Fraction(units, 10**places) + Fraction(self.mean)
        if abs(units) <= (UNITS if places else EXACT):
            return float(exact)
        more = places + 2 if places else 0
        return as_json(in_units(round(exact * 10**more), more))

    def _result(self, *, hidden: bool) -> Json:
        found = self.different() | {
            "min": None if hidden else as_json(self.low),
            "max": None if hidden else as_json(self.high),
            "mean": self._mean,
            "sd": as_json(self.sd),
            "zeros": self.zeros,
            "negative": self.negative,
        }
        if self.infinite:
            found["infinite"] = self.infinite
        numbers, known = self._joined()
        numbers = numbers.take(known & is_finite(numbers))
        numbers = numbers._replace(values=np.sort(numbers.values))
        if not hidden:
            if self.frequent is not None:
                found["top"] = self.frequent.top(FEW_NUMBERS)
            found["examples"] = self._examples_of(numbers)
        rows = len(numbers.values)
        if shares := shown_quantiles(rows, hidden=hidden):
            places = quantile_places(rows, shares)
            values = [as_json(number) for number in numbers.take(places).numbers()]
            found["quantiles"] = dict(zip(map(str, shares), values, strict=True))
            ends = (places[0], places[-1]) if hidden else None
            found["histogram"] = self._histogram(numbers, ends)
        return found

    def _examples_of(self, numbers: Exact) -> list[str]:
        """Return some values, from low to high, of sorted numbers."""
        if not len(numbers.values):
            return []
        last = len(numbers.values) - 1
        places = np.linspace(0, last, EXAMPLES).round().astype(int)
        return [*dict.fromkeys(map(self._text, numbers.take(places).numbers()))]

    def _histogram(self, numbers: Exact, ends: tuple[int, int] | None) -> Json:
        """Return the histogram of sorted numbers, perhaps between two of them."""
        first, whole = numbers.take(slice(1)), numbers.whole and not numbers.places
        far = distances(numbers, first) if numbers.whole else numbers.floats()
        drawn = histogram(
            far,
            whole=whole,
            ends=(float(far[ends[0]]), float(far[ends[1]])) if ends else None,
        )
        found: Json = {"bounds": _bounds(drawn.bounds, first), "rows": drawn.rows}
        if drawn.below or drawn.above:
            found |= {"below": drawn.below, "above": drawn.above}
        return found


def ends_of(numbers: Exact) -> tuple[Number, Number]:
    """Return the lowest and the highest number."""
    ends = np.array([numbers.values.min(), numbers.values.max()], numbers.values.dtype)
    low, high = Exact(ends, numbers.places).numbers()
    return low, high


def _bounds(bounds: Floats, first: Exact) -> list[Any]:
    """Return bounds, distances from a number if that is whole, as in JSON."""
    if not first.whole:
        return list(bounds.tolist())
    origin = Fraction(first.values.tolist()[0], 10**first.places)
    exact = [origin + Fraction(bound) for bound in bounds.tolist()]
    near = np.array([float(bound) for bound in exact])
    # As floats, unless their own rounding moves them.
    if len(near) < 2 or (np.diff(near) > 1e3 * np.spacing(np.abs(near[1:]))).all():
        return list(near.tolist())
    if not first.places:
        # What is from 2.5 to 4.5 is from 3 to 5, without this.
        return [math.ceil(bound) for bound in exact]
    places = first.places + 3
    return [as_json(in_units(round(bound * 10**places), places)) for bound in exact]
