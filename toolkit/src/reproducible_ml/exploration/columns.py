"""Summarise a column batch by batch: counts, moments, frequent values, a sample.

A summary takes any type of Arrow. Whole-table figures (rows, missing, lowest, highest,
mean, standard deviation, rows of values) are of all rows; quantiles and histograms are
of the rows that `RowSample` chose.
"""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from reproducible_ml.exploration.counting import (
    EXACT,
    MISSING,
    FrequentValues,
    Hashes,
    Mask,
    hash_floats,
    hash_integers,
    hash_texts,
)
from reproducible_ml.exploration.dates import Coverage
from reproducible_ml.exploration.figures import (
    Floats,
    Json,
    as_json,
    as_texts,
    encoded,
    histogram,
    is_valid,
    plain_numbers,
    quantile_groups,
    quantiles,
    shown_quantiles,
    to_seconds,
)
from reproducible_ml.exploration.summary import EXAMPLES, TOP, Kind, Summary

# Numbers with more different values have a histogram, not frequent values.
FEW_NUMBERS = 100

# Text with at most so many different values, which repeat, is a category.
CATEGORIES, REPEATS = 200, 2

# Years that NumPy and people write with four digits, in seconds since 1970.
FIRST_DATE, LAST_DATE = -62_135_596_800, 253_402_300_799

NONE = np.iinfo(np.int64).min


class Numbers(Summary):
    """A column of numbers."""

    kind: Kind = "number"

    def __init__(self, name: str, arrow: str, distinct: int) -> None:
        super().__init__(name, arrow, distinct)
        self.low: Any = None
        self.high: Any = None
        self.finite = 0
        self.mean = 0.0
        self.squares = 0.0
        self.zeros = self.negative = 0
        self.infinite = 0
        self.frequent: FrequentValues | None = FrequentValues()
        self.whole = True
        # Large whole numbers are measured from the first: as floats, they lose digits.
        self.reference: int | None = None

    def _add(self, values: pa.Array, chosen: Mask) -> Hashes | None:
        values = plain_numbers(values)
        whole = types.is_integer(values.type)
        valid = is_valid(values)
        exact = values.fill_null(0).to_numpy(zero_copy_only=False)
        numbers = exact.astype(np.float64)
        if not whole:
            valid &= ~np.isnan(numbers)
        hashes = hash_integers(exact) if whole else hash_floats(numbers)
        hashes[~valid] = MISSING
        every = bool(valid.all())
        present = exact if every else exact[valid]
        if self.reference is None and len(present):
            first = present[0].item()
            self.reference = first if whole and abs(first) > EXACT else 0
        moved = _moved(exact, numbers, self.reference) if self.reference else numbers
        kept = moved[chosen]
        kept[~valid[chosen]] = np.nan
        self.sample.append(kept)
        self.missing += len(values) - len(present)
        if not len(present):
            return hashes
        self._measure(moved if every else moved[valid], present, whole=whole)
        self._count(values if every else values.filter(pa.array(valid)))
        self.distinct.add_hashes(hashes if every else hashes[valid])
        return hashes

    def _measure(
        self, numbers: Floats, exact: npt.NDArray[Any], *, whole: bool
    ) -> None:
        """Add numbers without missing ones: from the reference, and as they are."""
        self.whole = self.whole and whole
        low, high = exact.min().item(), exact.max().item()
        self.low = low if self.low is None else min(low, self.low)
        self.high = high if self.high is None else max(high, self.high)
        self.zeros += int(np.count_nonzero(exact == 0))
        if low < 0:
            self.negative += int(np.count_nonzero(exact < 0))
        if not whole and not (math.isfinite(low) and math.isfinite(high)):
            finite = np.isfinite(numbers)
            self.infinite += int(len(numbers) - finite.sum())
            numbers = numbers[finite]
            if not len(numbers):
                return
        # T. Chan, G. Golub and R. LeVeque, Updating formulae and a pairwise algorithm
        # for computing sample variances, 1979.
        with np.errstate(over="ignore", invalid="ignore"):
            rows, mean = len(numbers), float(numbers.mean())
            squares = float(np.square(numbers - mean).sum())
            together = self.finite + rows
            step = mean - self.mean
            self.squares += squares + step * step * (self.finite * rows / together)
            self.mean += step * (rows / together)
            self.finite = together

    def _count(self, values: pa.Array) -> None:
        """Count the rows of each value as long as there are few."""
        if self.frequent is None:
            return
        if len(values[: 20 * FEW_NUMBERS].unique()) > FEW_NUMBERS:
            self.frequent = None
            return
        found = values.value_counts()
        different, counts = found.field(0), found.field(1).to_numpy()
        numbers = different.to_numpy(zero_copy_only=False)
        whole = types.is_integer(values.type)
        hashes = hash_integers(numbers) if whole else hash_floats(numbers)
        self.frequent.add(hashes, counts, as_texts(different))
        if len(self.frequent.hashes) > FEW_NUMBERS:
            self.frequent = None

    def codes(self, limit: int) -> npt.NDArray[np.int64] | None:
        """Return groups of about equally many rows, by value; missing ones are last."""
        return quantile_groups(self.sampled(), limit)

    def _result(self, *, hidden: bool) -> Json:
        numbers = self.sampled()
        moved = np.sort(numbers[np.isfinite(numbers)])
        reference = self.reference or 0
        numbers = moved + reference
        sd = math.sqrt(self.squares / (self.finite - 1)) if self.finite > 1 else None
        found = self.different() | {
            "min": None if hidden else as_json(self.low),
            "max": None if hidden else as_json(self.high),
            "mean": as_json(self.mean + reference) if self.finite else None,
            "sd": as_json(sd),
            "zeros": self.zeros,
            "negative": self.negative,
        }
        if self.infinite:
            found["infinite"] = self.infinite
        if not hidden:
            if self.frequent is not None:
                found["top"] = self.frequent.top(FEW_NUMBERS)
            found["examples"] = self.examples_of(moved)
        if shares := shown_quantiles(len(numbers), hidden=hidden):
            values = quantiles(numbers, shares)
            found["quantiles"] = dict(zip(map(str, shares), values, strict=True))
            ends = (values[0], values[-1]) if hidden else None
            found["histogram"] = histogram(numbers, whole=self.whole, ends=ends)
        return found

    def examples_of(self, numbers: Floats) -> list[str]:
        """Return some values, from low to high, of numbers from the reference."""
        if not len(numbers):
            return []
        places = np.linspace(0, len(numbers) - 1, EXAMPLES).round().astype(int)
        some = dict.fromkeys(numbers[places].tolist())
        if self.reference:
            return [f"{int(n) + self.reference}" for n in some]
        return [f"{int(n)}" if self.whole else f"{n:.6g}" for n in some]


def _moved(exact: npt.NDArray[Any], numbers: Floats, reference: int) -> Floats:
    """Return the distances of numbers from a reference, exact if they are whole."""
    if exact.dtype.kind not in "iu":
        return numbers - reference
    ends = int(exact.max()) - reference, int(exact.min()) - reference
    if max(map(abs, ends)) >= 2**63:
        return numbers - reference
    # Modulo 2^64, in which all of these distances are different.
    own = np.uint64(reference % 2**64)
    distances: Floats = (exact.astype(np.uint64) - own).view(np.int64).astype(float)
    return distances


class Texts(Summary):
    """A column of text, categories or booleans."""

    kind: Kind = "text"

    def __init__(self, name: str, arrow: str, distinct: int) -> None:
        super().__init__(name, arrow, distinct)
        self.frequent = FrequentValues()
        self.shortest: int | None = None
        self.longest = 0
        self.characters = 0
        self.blank = 0
        self._last: tuple[pa.Array, Hashes, npt.NDArray[np.int64]] | None = None

    def _add(self, values: pa.Array, chosen: Mask) -> Hashes | None:
        coded = encoded(values)
        codes = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        codes = codes.astype(np.int64)
        texts = coded.dictionary
        valid = codes >= 0
        if len(texts):
            own, lengths = self._described(texts)
            hashes: Hashes = np.append(own, MISSING)[codes]
        else:
            hashes = np.full(len(values), MISSING, dtype=np.uint64)
        self.sample.append(hashes[chosen])
        present = int(np.count_nonzero(valid))
        self.missing += len(values) - present
        if not present:
            return hashes
        counts = np.bincount(codes[valid], minlength=len(texts)).astype(np.int64)
        used = counts > 0
        if not used.all():
            # A category has all values that the contract allows.
            where = pa.array(used)
            texts, own, counts = texts.filter(where), own[used], counts[used]
            lengths = lengths[used]
        self.characters += int(np.dot(lengths, counts))
        low, high = int(lengths.min()), int(lengths.max())
        self.shortest = low if self.shortest is None else min(low, self.shortest)
        self.longest = max(self.longest, high)
        self.blank += int(counts[lengths == 0].sum())
        self.distinct.add_hashes(own)
        self.frequent.add(own, counts, texts)
        self._note_examples(texts)
        return hashes

    def _described(self, texts: pa.Array) -> tuple[Hashes, npt.NDArray[np.int64]]:
        """Return hash and length of each text; a category repeats in each batch."""
        if self._last is not None and self._last[0].equals(texts):
            return self._last[1], self._last[2]
        lengths = pc.utf8_length(texts).to_numpy(zero_copy_only=False)
        self._last = texts, hash_texts(texts), lengths.astype(np.int64)
        return self._last[1], self._last[2]

    @property
    def is_category(self) -> bool:
        """Whether the values are few and repeat."""
        if self.kind != "text":
            return True
        if self.declared:
            return False
        count = self.distinct.count()
        return count <= CATEGORIES and count * REPEATS <= self.present

    @property
    def values(self) -> int:
        """Different values in the sample."""
        hashes = np.unique(self.sampled())
        return int(np.count_nonzero(hashes != MISSING))

    def codes(self, limit: int) -> npt.NDArray[np.int64] | None:
        """Return a number for each value: the most frequent first, missing last."""
        hashes = self.sampled()
        different, places, counts = np.unique(
            hashes, return_inverse=True, return_counts=True
        )
        if len(different) > max(20, len(hashes) // 5):
            return None
        counts[different == MISSING] = 0
        order = np.argsort(-counts, kind="stable")
        numbers = np.empty(len(different), dtype=np.int64)
        numbers[order] = np.minimum(np.arange(len(different)), limit - 1)
        found = numbers[places]
        found[hashes == MISSING] = limit
        return found

    def _result(self, *, hidden: bool) -> Json:
        found: Json = {}
        if self.is_category and self.kind == "text":
            found["kind"] = "category"
        found |= self.different()
        if self.kind == "text":
            found |= {
                "shortest": self.shortest,
                "longest": self.longest,
                "mean_length": as_json(self.characters / self.present),
            }
            if self.blank:
                found["blank"] = self.blank
        if not hidden:
            found["top"] = self.frequent.top(TOP)
            if self.frequent.error:
                found["top_error"] = self.frequent.error
            found["examples"] = self.examples
        return found


class Categories(Texts):
    """A column whose contract says that it is a category."""

    kind: Kind = "category"


class Booleans(Texts):
    """A column of true and false."""

    kind: Kind = "boolean"


class Dates(Summary):
    """A column of dates or times."""

    kind: Kind = "date"

    def __init__(self, name: str, arrow: str, distinct: int) -> None:
        super().__init__(name, arrow, distinct)
        self.low: int | None = None
        self.high: int | None = None
        self.total = 0.0
        self.far = 0
        self.clock = False
        self.zone = False
        self.coverage = Coverage()

    def _add(self, values: pa.Array, chosen: Mask) -> Hashes | None:
        valid = is_valid(values)
        self.zone = self.zone or getattr(values.type, "tz", None) is not None
        exact, seconds = to_seconds(values)
        hashes = hash_integers(exact)
        hashes[~valid] = MISSING
        inside = valid & (seconds >= FIRST_DATE) & (seconds <= LAST_DATE)
        kept = seconds[chosen]
        kept[~inside[chosen]] = NONE
        self.sample.append(kept)
        self.missing += int(len(values) - valid.sum())
        self.far += int(valid.sum() - inside.sum())
        self.distinct.add_hashes(hashes[valid])
        present = seconds[inside]
        if len(present):
            low, high = int(present.min()), int(present.max())
            self.low = low if self.low is None else min(low, self.low)
            self.high = high if self.high is None else max(high, self.high)
            self.total += float(present.sum(dtype=np.float64))
            self.clock = self.clock or bool((present % 86_400 != 0).any())
            self.coverage.add(present)
        return hashes

    def codes(self, limit: int) -> npt.NDArray[np.int64] | None:
        """Return groups of about equally many rows, by date; missing ones are last."""
        seconds = self.sampled()
        return quantile_groups(np.where(seconds == NONE, np.nan, seconds), limit)

    def _result(self, *, hidden: bool) -> Json:
        found = self.different()
        if self.zone:
            found["zone"] = "UTC"
        if self.far:
            found["out_of_range"] = self.far
        if self.low is None or self.high is None:
            return found
        present = self.present - self.far
        found["mean"] = self._text(round(self.total / present))
        seconds = self.sampled()
        seconds = np.sort(seconds[seconds != NONE])
        if shares := shown_quantiles(len(seconds), hidden=hidden):
            places = [min(int(q * len(seconds)), len(seconds) - 1) for q in shares]
            texts = [self._text(int(seconds[place])) for place in places]
            found["quantiles"] = dict(zip(map(str, shares), texts, strict=True))
        if hidden:
            return found
        found |= {
            "min": self._text(self.low),
            "max": self._text(self.high),
            "coverage": self.coverage.result(clock=self.clock),
        }
        if len(seconds):
            some = np.linspace(0, len(seconds) - 1, EXAMPLES).round().astype(int)
            shown = (self._text(int(seconds[place])) for place in some)
            found["examples"] = [*dict.fromkeys(shown)]
        return found

    def _text(self, seconds: int) -> str:
        text = str(np.datetime64(seconds, "s"))
        return text if self.clock else text[:10]


def summary_of(name: str, kind: pa.DataType, distinct: int, declared: str) -> Summary:
    """Return an empty summary for values of a type.

    Args:
        name: Of the column.
        kind: Type of Arrow.
        distinct: Different values that are counted exactly.
        declared: Its dtype in the data contract; empty if there is none.
    """
    made = _class_of(kind, declared)(name, _type_name(kind), distinct)
    made.declared = declared
    return made


def _class_of(kind: pa.DataType, declared: str) -> type[Summary]:
    if declared == "category":
        return Categories
    if types.is_dictionary(kind):
        # What wrote the file took it for a category.
        return (
            Categories
            if _is_text(kind.value_type)
            else _class_of(kind.value_type, declared)
        )
    if types.is_boolean(kind):
        return Booleans
    if _is_text(kind) or types.is_time(kind) or types.is_null(kind):
        return Texts
    if types.is_timestamp(kind) or types.is_date(kind):
        return Dates
    if (
        types.is_integer(kind)
        or types.is_floating(kind)
        or types.is_decimal(kind)
        or types.is_duration(kind)
    ):
        return Numbers
    return Summary


def _is_text(kind: pa.DataType) -> bool:
    return bool(
        types.is_string(kind)
        or types.is_large_string(kind)
        or types.is_string_view(kind)
    )


def _type_name(kind: pa.DataType) -> str:
    if types.is_dictionary(kind):
        return f"category of {kind.value_type}"
    if _is_text(kind):
        return "string"
    names = {"double": "float64", "float": "float32", "halffloat": "float16"}
    return names.get(str(kind), str(kind))
