"""Summarise a column batch by batch: counts, moments, frequent values, a sample.

A summary takes any type of Arrow. Whole-table figures (rows, missing, lowest, highest,
mean, standard deviation, rows of values) are of all rows; quantiles and histograms are
of the rows that `RowSample` chose.
"""

from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from reproducible_ml.exploration.counting import (
    MISSING,
    FrequentValues,
    Hashes,
    Mask,
    hash_integers,
    hash_texts,
)
from reproducible_ml.exploration.dates import Coverage
from reproducible_ml.exploration.exact import PLACES, as_json
from reproducible_ml.exploration.figures import (
    Json,
    encoded,
    is_valid,
    quantile_groups,
    quantile_places,
    shown_quantiles,
)
from reproducible_ml.exploration.numbers import Numbers
from reproducible_ml.exploration.summary import EXAMPLES, TOP, Kind, Summary
from reproducible_ml.profiling.personal import kind_by_values

# Text with at most so many different values, which repeat, is a category.
CATEGORIES, REPEATS = 200, 2

# Rows whose texts are looked at to see whether they are those of people.
LOOKED_AT = 500

# Years that NumPy and people write with four digits, in seconds since 1970.
FIRST_DATE, LAST_DATE = -62_135_596_800, 253_402_300_799

NONE = np.iinfo(np.int64).min


class Texts(Summary):
    """A column of text, categories or booleans."""

    kind: Kind = "text"

    def __init__(self, name: str, arrow: str, distinct: int) -> None:
        super().__init__(name, arrow, distinct)
        self.frequent = FrequentValues()
        # What the first texts look like, if they look like those of people.
        self.looks: str | None = None
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
        first = not self.rows - len(values) - self.missing
        self.missing += len(values) - present
        if not present:
            return hashes
        if first:
            some = pa.array(codes[valid][:LOOKED_AT]).unique()
            self.looks = kind_by_values(texts.take(some).to_pylist())
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
        # In units of the type, of which a second has `parts`.
        self.low: int | None = None
        self.high: int | None = None
        self.unit, self.parts = "s", 1
        self.seconds = self.fractions = 0
        self.far = 0
        self.clock = False
        self.zone = False
        # Digits after the seconds, as far as they are not all 0.
        self.places = 0
        self.coverage = Coverage()

    def _add(self, values: pa.Array, chosen: Mask) -> Hashes | None:
        valid = is_valid(values)
        self.zone = self.zone or getattr(values.type, "tz", None) is not None
        exact, self.unit = _in_units(values)
        self.parts = 10 ** PLACES[self.unit]
        seconds = exact // self.parts
        hashes = hash_integers(exact)
        hashes[~valid] = MISSING
        inside = valid & (seconds >= FIRST_DATE) & (seconds <= LAST_DATE)
        kept = exact[chosen]
        kept[~inside[chosen]] = NONE
        self.sample.append(kept)
        self.missing += int(len(values) - valid.sum())
        self.far += int(valid.sum() - inside.sum())
        self.distinct.add_hashes(hashes[valid])
        if inside.any():
            self._measure(exact[inside], seconds[inside])
        return hashes

    def _measure(
        self, exact: npt.NDArray[np.int64], seconds: npt.NDArray[np.int64]
    ) -> None:
        low, high = int(exact.min()), int(exact.max())
        self.low = low if self.low is None else min(low, self.low)
        self.high = high if self.high is None else max(high, self.high)
        # Sums of one batch fit into 64 bits.
        self.seconds += int(seconds.sum())
        fractions = exact - seconds * self.parts
        if fractions.any():
            self.fractions += int(fractions.sum())
            while (fractions % (self.parts // 10**self.places)).any():
                self.places += 3
        self.clock = self.clock or bool((seconds % 86_400 != 0).any())
        self.clock = self.clock or self.places > 0
        self.coverage.add(seconds)

    def codes(self, limit: int) -> npt.NDArray[np.int64] | None:
        """Return groups of about equally many rows, by date; missing ones are last."""
        exact = self.sampled()
        return quantile_groups(np.where(exact == NONE, np.nan, exact), limit)

    def _result(self, *, hidden: bool) -> Json:
        found = self.different()
        if self.zone:
            found["zone"] = "UTC"
        if self.far:
            found["out_of_range"] = self.far
        if self.low is None or self.high is None:
            return found
        # In the digits that are shown.
        shown = self.parts // 10**self.places
        total = self.seconds * self.parts + self.fractions
        mean = round(Fraction(total, (self.present - self.far) * shown)) * shown
        found["mean"] = self._text(min(max(mean, self.low), self.high))
        exact = self.sampled()
        exact = np.sort(exact[exact != NONE])
        if shares := shown_quantiles(len(exact), hidden=hidden):
            places = quantile_places(len(exact), shares)
            texts = [self._text(int(exact[place])) for place in places]
            found["quantiles"] = dict(zip(map(str, shares), texts, strict=True))
        if hidden:
            return found
        found |= {
            "min": self._text(self.low),
            "max": self._text(self.high),
            "coverage": self.coverage.result(clock=self.clock),
        }
        if len(exact):
            some = np.linspace(0, len(exact) - 1, EXAMPLES).round().astype(int)
            texts = [self._text(int(exact[place])) for place in some]
            found["examples"] = [*dict.fromkeys(texts)]
        return found

    def _text(self, exact: int) -> str:
        seconds, fraction = divmod(exact, self.parts)
        text = str(np.datetime64(seconds, "s"))
        if not self.clock:
            return text[:10]
        if not self.places:
            return text
        digits = f"{fraction:0{PLACES[self.unit]}}"[: self.places]
        return f"{text}.{digits}"


def _in_units(values: pa.Array) -> tuple[npt.NDArray[np.int64], str]:
    """Return dates as numbers of a unit since 1970; missing ones are 0."""
    kind = values.type
    if types.is_date32(kind):
        days = values.cast(pa.int32()).fill_null(0).to_numpy(zero_copy_only=False)
        return days.astype(np.int64) * 86_400, "s"
    units = values.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    return units, "ms" if types.is_date64(kind) else kind.unit


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
