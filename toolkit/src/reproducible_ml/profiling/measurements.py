"""Measure the values of a column: extremes, codes, and texts that are not values."""

import pyarrow as pa
import pyarrow.compute as pc

from reproducible_ml.contract.findings import MAX_LISTED
from reproducible_ml.contract.schema import Column
from reproducible_ml.profiling.distinct import FirstTexts, Occurrences
from reproducible_ml.profiling.extremes import Extremes
from reproducible_ml.reading.values import try_convert

# Numbers that often stand for "no value".
CODES = [-1, *(sign * (10**n - 1) for n in range(2, 10) for sign in (-1, 1))]


class Measurements:
    """Extreme values of a column, and texts that are not values.

    Attributes:
        misfits: The first texts that cannot be read.
        infinite: The first texts that are infinite.
        wrong: Rows with a text that cannot be read, among the first or not.
        unnamed: The first place of those that are not among the first.
        rows: Rows with a finite value.
        low: The lowest value, codes aside; None without any; dates in nanoseconds.
        high: The highest.
        codes: Rows of each number that may stand for "no value".
        spelled: Texts of each of these numbers, with their rows.
        code_places: First place of each of these numbers.
        whole: Whether no number has decimals.
        ends: The lowest and highest values, codes included.
    """

    def __init__(self, column: Column) -> None:
        self.column = column
        self.misfits = FirstTexts(MAX_LISTED)
        self.infinite = FirstTexts(MAX_LISTED)
        self.wrong = 0
        self.unnamed: int | None = None
        self.rows = 0
        self.low: float | None = None
        self.high: float | None = None
        self.codes: dict[int, int] = {}
        self.spelled: dict[int, dict[str, int]] = {}
        self.code_places: dict[int, int] = {}
        self.whole = True
        self.ends = Extremes()

    def add(self, part: Occurrences) -> None:
        """Add texts."""
        self.add_converted(*try_convert(part.texts, self.column), part)

    def add_converted(
        self, values: pa.Array, bad: pa.BooleanArray, part: Occurrences
    ) -> None:
        """Add texts, with the values that `try_convert` returns for them."""
        if pc.any(bad, min_count=0).as_py():
            self._add_misfits(part.where(bad))
        if pa.types.is_timestamp(values.type):
            values = values.cast(pa.int64())
        if pa.types.is_floating(values.type):
            endless = pc.fill_null(pc.is_inf(values), False)
            if pc.any(endless, min_count=0).as_py():
                self.infinite.add(part.where(endless))
                values = pc.if_else(endless, pa.scalar(None, values.type), values)
        self.add_values(values, part)

    def _add_misfits(self, misfits: Occurrences) -> None:
        self.misfits.add(misfits)
        self.wrong += int(misfits.rows.sum())
        if self.unnamed is None and not self.misfits.complete:
            named = pc.is_in(misfits.texts, self.misfits.content.texts)
            self.unnamed = int(misfits.where(pc.invert(named)).places[0])

    def add_values(self, values: pa.Array, part: Occurrences) -> None:
        """Add values, none infinite, and the texts they were read from."""
        if values.null_count:
            values, part = values.drop_null(), part.where(values.is_valid())
        self.rows += int(part.rows.sum())
        if self.whole and pa.types.is_floating(values.type):
            whole = pc.equal(values, pc.floor(values))
            self.whole = bool(pc.all(whole, min_count=0).as_py())
        self.ends.add(values, part)
        is_missing_code = pc.is_in(values, pa.array(CODES).cast(values.type))
        if pc.any(is_missing_code, min_count=0).as_py():
            self._add_codes(values.filter(is_missing_code), part.where(is_missing_code))
            values = values.filter(pc.invert(is_missing_code))
        if len(values):
            extremes = pc.min_max(values)
            self._stretch(extremes["min"].as_py(), extremes["max"].as_py())

    def _add_codes(self, values: pa.Array, part: Occurrences) -> None:
        different = part.distinct()
        numbers = values.take(pc.index_in(different.texts, part.texts))
        for number, text, rows, place in zip(
            numbers.to_pylist(),
            different.texts.to_pylist(),
            different.rows.tolist(),
            different.places.tolist(),
            strict=True,
        ):
            code = int(number)
            self.codes[code] = self.codes.get(code, 0) + rows
            spelled = self.spelled.setdefault(code, {})
            spelled[text.strip()] = spelled.get(text.strip(), 0) + rows
            self.code_places.setdefault(code, place)

    def _stretch(self, low: float, high: float) -> None:
        self.low = low if self.low is None else min(self.low, low)
        self.high = high if self.high is None else max(self.high, high)

    def extremes(self) -> tuple[float, float]:
        """Return the lowest and the highest value, codes included."""
        known = [v for v in (self.low, self.high, *self.codes) if v is not None]
        return min(known), max(known)
