"""When the rows of a table are from: rows by period, and gaps."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]

# Periods that are counted of a column before longer ones are taken, and shown at most.
COUNTED, SHOWN = 20_000, 60

# Gaps that are listed, the longest first.
GAPS = 5

SECONDS = {"hour": 3600, "day": 86_400}


class Period(NamedTuple):
    """A way to divide time: a unit of NumPy, and how many of them are one period."""

    name: str
    unit: str
    number: int = 1


PERIODS = (
    Period("hour", "h"),
    Period("day", "D"),
    # NumPy's weeks begin on Thursdays, as 1970 did.
    Period("week", "D", 7),
    Period("month", "M"),
    Period("quarter", "M", 3),
    Period("year", "Y"),
    Period("decade", "Y", 10),
    Period("century", "Y", 100),
    Period("millennium", "Y", 1000),
)

# Periods that are counted, each as soon as there are too many of the one before; all
# others are made of one of them.
KEPT = tuple(period for period in PERIODS if period.number == 1)

# 5 January 1970 was a Monday.
MONDAY = 4


class Coverage:
    """Counts the rows of each period of a column of dates."""

    def __init__(self) -> None:
        self.kept = 0
        self.periods = np.array([], dtype=np.int64)
        self.counts = np.array([], dtype=np.int64)

    def add(self, seconds: Ints) -> None:
        """Add the dates of rows, in seconds since 1970."""
        if not len(seconds):
            return
        found = _numbers(seconds.astype("datetime64[s]"), KEPT[self.kept])
        different, counts = _counted(found, np.ones(len(found), dtype=np.int64))
        self._merge(different, counts)
        while len(self.periods) > COUNTED and self.kept < len(KEPT) - 1:
            starts = _starts(self.periods, KEPT[self.kept])
            self.kept += 1
            old, self.periods = self.counts, self.periods[:0]
            self.counts = self.counts[:0]
            self._merge(*_counted(_numbers(starts, KEPT[self.kept]), old))

    def _merge(self, periods: Ints, counts: Ints) -> None:
        self.periods, self.counts = _counted(
            np.concatenate([self.periods, periods]),
            np.concatenate([self.counts, counts]),
        )

    def result(self, *, clock: bool) -> dict[str, Any]:
        """Return the rows of each period, of a length that shows them all, and gaps.

        Args:
            clock: Whether the dates have times of the day.
        """
        if not len(self.periods):
            return {}
        known = KEPT[self.kept]
        starts = _starts(self.periods, known)
        periods = self.periods
        if known.name == "hour" and not clock:
            known = KEPT[1]
            periods = _numbers(starts, known)
        coarser = PERIODS[PERIODS.index(known) :]
        for period in coarser:
            numbers = _numbers(starts, period)
            if numbers[-1] - numbers[0] < SHOWN:
                break
        found, counts = _counted(numbers, self.counts)
        every = np.arange(found[0], found[-1] + 1)[: 10 * SHOWN]
        rows = dict(zip(found.tolist(), counts.tolist(), strict=True))
        return {
            "period": period.name,
            "starts": [_text(start) for start in _starts(every, period)],
            "rows": [rows.get(number, 0) for number in every.tolist()],
            "finest": known.name,
            "empty": int(len(every) - len(found)),
            "gaps": [*_gaps(periods, known)],
        }


def _gaps(periods: Ints, kept: Period) -> Iterator[dict[str, Any]]:
    """Yield the longest stretches without rows, if they are longer than usual ones."""
    steps = np.diff(periods)
    if not len(steps):
        return
    usual = int(np.quantile(steps, 0.95, method="lower"))
    long = np.flatnonzero(steps > max(2 * usual, 1))
    for place in long[np.argsort(-steps[long], kind="stable")][:GAPS]:
        after, before = periods[place], periods[place + 1]
        yield {
            "after": _text(_starts(periods[place : place + 1], kept)[0]),
            "before": _text(_starts(periods[place + 1 : place + 2], kept)[0]),
            "empty": int(before - after - 1),
            "period": kept.name,
        }


def _numbers(times: npt.NDArray[np.datetime64], period: Period) -> Ints:
    """Return the number of the period that each time is in."""
    units = times.astype(f"datetime64[{period.unit}]").astype(np.int64)
    if period.name == "week":
        return (units - MONDAY) // 7
    if period.unit == "Y":
        return (units + 1970) // period.number
    return units // period.number


def _starts(numbers: Ints, period: Period) -> npt.NDArray[np.datetime64]:
    """Return when each period begins."""
    units = numbers * period.number
    if period.name == "week":
        units = units + MONDAY
    if period.unit == "Y":
        units = units - 1970
    times: npt.NDArray[np.datetime64] = units.astype(f"datetime64[{period.unit}]")
    return times


def _counted(values: Ints, weights: Ints) -> tuple[Ints, Ints]:
    """Return the different values, sorted, and the sum of the weights of each."""
    if not len(values):
        return values, weights
    low, high = int(values.min()), int(values.max())
    if high - low < 4 * len(values) + 1000:
        sums = np.bincount(values - low, weights, high - low + 1)
        found = np.flatnonzero(np.bincount(values - low, minlength=high - low + 1))
        return found + low, sums[found].astype(np.int64)
    different, places = np.unique(values, return_inverse=True)
    sums = np.bincount(places, weights, len(different))
    return different, sums.astype(np.int64)


def _text(time: np.datetime64) -> str:
    """Return a date as ISO 8601, no finer than its unit."""
    shown = str(time)
    return f"{shown}:00" if "T" in shown else shown
