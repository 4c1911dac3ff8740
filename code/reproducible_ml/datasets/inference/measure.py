"""The values of columns, once it is known how to read them: misfits and extremes."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from reproducible_ml.datasets.findings import LISTED
from reproducible_ml.datasets.inference.distinct import Portion, Seen, portion
from reproducible_ml.datasets.inference.profile import (
    Batches,
    Profile,
    as_texts,
    pooled,
)
from reproducible_ml.datasets.reading.values import attempt
from reproducible_ml.datasets.schema import Column

# Numbers that often stand for "no value".
CODES = [-1, *(sign * (10**n - 1) for n in range(2, 10) for sign in (-1, 1))]

# A code stands in this many rows and this share of them, at least: a slip is rarer.
CODE_ROWS = 3
CODE_SHARE = 0.002

# How far it lies from all other values, as a share of their range.
FAR = 1.0

# -1 is a number like others unless all others are this large.
FAR_FROM_MINUS_ONE = 10


class Measure:
    """Extremes of the values of one column, and the texts that are none.

    Attributes:
        misfits: The first texts that cannot be read.
        infinite: The first texts that are infinite.
        wrong: Rows with a text that cannot be read, named or not.
        unnamed: The first place of those that are not named.
        rows: Rows with a finite value.
        low: The lowest value that is no code, None without one; dates as nanoseconds.
        high: The highest.
        codes: Rows of each number that may stand for "no value".
        spelled: The texts of those, each with its rows.
        code_places: The first places of those.
    """

    def __init__(self, column: Column) -> None:
        self.column = column
        self.misfits = Seen(LISTED)
        self.infinite = Seen(LISTED)
        self.wrong = 0
        self.unnamed: int | None = None
        self.rows = 0
        self.low: float | None = None
        self.high: float | None = None
        self.codes: dict[int, int] = {}
        self.spelled: dict[int, dict[str, int]] = {}
        self.code_places: dict[int, int] = {}

    def add(self, part: Portion) -> None:
        """Take note of texts."""
        values, bad = attempt(part.texts, self.column)
        misfits = part.where(bad)
        self.misfits.add(misfits)
        self.wrong += int(misfits.rows.sum())
        if self.unnamed is None and not self.misfits.complete:
            named = pc.is_in(misfits.texts, self.misfits.content.texts)
            self.unnamed = int(misfits.where(pc.invert(named)).places[0])
        if pa.types.is_timestamp(values.type):
            values = values.cast(pa.int64())
        if pa.types.is_floating(values.type):
            endless = pc.fill_null(pc.is_inf(values), False)
            self.infinite.add(part.where(endless))
            values = pc.if_else(endless, pa.scalar(None, values.type), values)
        self._add_values(values, part)

    def _add_values(self, values: pa.Array, part: Portion) -> None:
        known = values.is_valid()
        values, part = values.drop_null(), part.where(known)
        self.rows += int(part.rows.sum())
        is_code = pc.is_in(values, pa.array(CODES).cast(values.type))
        if pc.any(is_code, min_count=0).as_py():
            self._add_codes(values.filter(is_code), part.where(is_code))
            values = values.filter(pc.invert(is_code))
        if len(values):
            extremes = pc.min_max(values)
            self._stretch(extremes["min"].as_py(), extremes["max"].as_py())

    def _add_codes(self, values: pa.Array, part: Portion) -> None:
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


def measure(
    files: Sequence[Path],
    read: Batches,
    profiles: Mapping[str, Profile],
    columns: Mapping[str, Column],
) -> dict[str, Measure]:
    """Return the extremes and misfits of these columns.

    The files are read again only if a column has more different texts than its profile
    remembers.
    """
    measures = {name: Measure(column) for name, column in columns.items()}
    open_names = []
    for name, found in measures.items():
        if profiles[name].seen.complete:
            found.add(profiles[name].seen.content)
        else:
            open_names.append(name)
    if open_names:
        with ThreadPoolExecutor() as pool:
            for place, batch in pooled(files, read):
                names = [name for name in open_names if name in batch.schema.names]
                work = [(measures[name], batch[name], place) for name in names]
                list(pool.map(_add, work))
    return measures


def _add(work: tuple[Measure, pa.Array, int]) -> None:
    measured, values, place = work
    measured.add(portion(as_texts(values), place))


def is_code(code: int, found: Measure, rows: int) -> bool:
    """Say whether a number stands for "no value": it repeats, far from all others."""
    count = found.codes[code]
    low, high = found.low, found.high
    if low is None or high is None or low == high:
        return False
    if count < CODE_ROWS or count < CODE_SHARE * rows:
        return False
    if code == -1:
        return low >= FAR_FROM_MINUS_ONE
    far = (low - code if code < 0 else code - high) >= FAR * (high - low)
    return far or (code < 0 <= low)
