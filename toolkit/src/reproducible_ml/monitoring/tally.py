"""Counts of rows by window of time: what is kept of a log or table, however long."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from reproducible_ml.monitoring.windows import UNKNOWN, Times
from reproducible_ml.quality.distributions import Distribution, places_of

Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

# What is counted: a feature, or an answer of a model version.
Name = tuple[str | None, str]

# A rule of the contract that a column breaks; the column is empty for several.
Rule = tuple[str, str]


class Cells(NamedTuple):
    """Values of a column in a window.

    Attributes:
        counts: In the bins of the reference, beyond them, and missing.
        sums: Number, sum and sum of squares of numbers, from the reference's mean.
    """

    counts: Counts
    sums: Floats

    def __add__(self, other: object) -> "Cells":
        assert isinstance(other, Cells)
        return Cells(self.counts + other.counts, self.sums + other.sums)

    def as_distribution(self, reference: Distribution) -> Distribution:
        """Return the counts in the form of the reference, with mean and spread."""
        number, total, squares = self.sums
        mean = sd = None
        if number and reference.mean is not None:
            middle = total / number
            mean = float(reference.mean + middle)
            sd = float(np.sqrt(max(0.0, squares / number - middle**2)))
        return reference.model_copy(
            update={
                "counts": tuple(self.counts[:-1].tolist()),
                "missing": int(self.counts[-1]),
                "mean": mean,
                "sd": sd,
            }
        )


class Tally:
    """Counts of rows by window.

    Attributes:
        rows: Rows in each window, without those that were refused.
        refused: Refused rows in each window.
        rules: How many cells broke a rule, in each window.
        unseen: How often a category came that the contract does not name, by column.
        cells: Values, by window and name.
        versions: Rows that each model version answered.
        newest: The latest time; None if no row has one.
        unreadable: Columns that are of another type than the contract says.
        absent: Columns that some rows do not have.
        untimed: Rows that do not count, as their time is not known.
    """

    def __init__(self) -> None:
        self.rows: Counter[int] = Counter()
        self.refused: Counter[int] = Counter()
        self.rules: dict[int, Counter[Rule]] = {}
        self.unseen: dict[str, Counter[str]] = {}
        self.cells: dict[int, dict[Name, Cells]] = {}
        self.versions: Counter[str] = Counter()
        self.newest: int | None = None
        self.unreadable: set[str] = set()
        self.absent: set[str] = set()
        self.untimed = 0

    def add_rows(self, windows: Times) -> None:
        """Count rows by the start of their window."""
        self.rows.update(_frequencies(windows))

    def add_newest(self, times: Times) -> None:
        """Note the latest time."""
        known = times[times != UNKNOWN]
        if len(known):
            latest = int(known.max())
            self.newest = max(latest, self.newest or latest)

    def add_values(
        self,
        windows: Times,
        frame: pd.DataFrame,
        columns: Mapping[str, Distribution],
        version: str | None = None,
    ) -> None:
        """Count the values of columns.

        Args:
            windows: The start of each row's window.
            frame: The rows.
            columns: Reference of each column; those that are not in the rows are noted.
            version: Of the model, if the columns are its answers.
        """
        known, codes = np.unique(windows, return_inverse=True)
        for name, reference in columns.items():
            if name not in frame:
                self.absent.add(name)
                continue
            try:
                found = _count(frame[name], reference, codes, len(known))
            except (ValueError, TypeError, AttributeError):
                self.unreadable.add(name)
                continue
            for start, cells in zip(known.tolist(), found, strict=True):
                self._add(start, (version, name), cells)

    def _add(self, start: int, name: Name, cells: Cells) -> None:
        window = self.cells.setdefault(start, {})
        window[name] = window[name] + cells if name in window else cells

    def merge(self, other: "Tally") -> None:
        """Add the counts of other rows."""
        self.rows.update(other.rows)
        self.refused.update(other.refused)
        for start, rules in other.rules.items():
            self.rules.setdefault(start, Counter()).update(rules)
        for column, values in other.unseen.items():
            self.unseen.setdefault(column, Counter()).update(values)
        for start, window in other.cells.items():
            for name, cells in window.items():
                self._add(start, name, cells)
        self.versions.update(other.versions)
        if other.newest is not None:
            self.newest = max(other.newest, self.newest or other.newest)
        self.unreadable |= other.unreadable
        self.absent |= other.absent
        self.untimed += other.untimed

    def whole(self) -> "Tally":
        """Return the counts of all windows together, as one that starts at 0."""
        found = Tally()
        found.rows[0] = self.rows.total()
        found.refused[0] = self.refused.total()
        for rules in self.rules.values():
            found.rules.setdefault(0, Counter()).update(rules)
        for window in self.cells.values():
            for name, cells in window.items():
                found._add(0, name, cells)
        found.unseen, found.newest = self.unseen, self.newest
        found.versions = self.versions
        found.unreadable, found.absent = self.unreadable, self.absent
        found.untimed = self.untimed
        return found


def merge_all(tallies: Iterable[Tally]) -> Tally:
    """Return the sum of tallies."""
    found = Tally()
    for each in tallies:
        found.merge(each)
    return found


def _frequencies(windows: Times) -> dict[int, int]:
    known, counts = np.unique(windows, return_counts=True)
    return dict(zip(known.tolist(), counts.tolist(), strict=True))


def _count(
    values: pd.Series, reference: Distribution, codes: npt.NDArray[np.intp], number: int
) -> list[Cells]:
    """Return the counts of a column for each of several windows."""
    width = len(reference.bins) + 2
    places = places_of(values, reference)
    counts = np.bincount(codes * width + places, minlength=number * width)
    sums = np.zeros((number, 3))
    if reference.kind in ("numbers", "lengths") and reference.mean is not None:
        plain = values.str.len() if reference.kind == "lengths" else values
        numbers = plain.to_numpy(dtype=np.float64, na_value=np.nan) - reference.mean
        known = np.isfinite(numbers)
        numbers, at = numbers[known], codes[known]
        for place, each in enumerate((None, numbers, numbers**2)):
            sums[:, place] = np.bincount(at, each, minlength=number)
    return [
        Cells(row, total)
        for row, total in zip(counts.reshape(number, width), sums, strict=True)
    ]
