"""Windows of time: hours, days and weeks of UTC.

Times are whole microseconds since 1970, so that a million of them are cut at once.
"""

import datetime
import re
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from reproducible_ml.core.errors import UserError

Width = Literal["none", "hour", "day", "week"]

Times = npt.NDArray[np.int64]

SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR

LENGTHS = {"hour": HOUR, "day": DAY, "week": 7 * DAY}

# 1970 began on a Thursday; weeks begin on Monday (ISO 8601).
FIRST_MONDAY = 4 * DAY

# The place of a missing time: beyond every other.
UNKNOWN = int(np.iinfo(np.int64).min)

# The first time that has a date.
FIRST = -719_162 * DAY

AGO = re.compile(r"(\d{1,6}) ?(h|d|w)")
UNITS = {"h": "hour", "d": "day", "w": "week"}


class Span(NamedTuple):
    """Times from `start` on and before `end`; None for no limit."""

    start: int | None = None
    end: int | None = None

    def chosen(self, times: Times) -> npt.NDArray[np.bool_]:
        """Return which times are within; with a limit, unknown ones are not."""
        if self == (None, None):
            return np.ones(len(times), dtype=bool)
        within: npt.NDArray[np.bool_] = times != UNKNOWN
        if self.start is not None:
            within &= times >= self.start
        if self.end is not None:
            within &= times < self.end
        return within


def starts(times: Times, width: Width) -> Times:
    """Return the start of the window that each time is in.

    Args:
        times: In microseconds since 1970 (UTC), UNKNOWN where there is none.
        width: `none` puts all into one window, which starts at 0.
    """
    if width == "none":
        return np.zeros(len(times), dtype=np.int64)
    length = LENGTHS[width]
    first = FIRST_MONDAY if width == "week" else 0
    known = np.where(times == UNKNOWN, 0, times)
    found = (known - first) // length * length + first
    return np.where(times == UNKNOWN, UNKNOWN, found)


def label(start: int, width: Width) -> str:
    """Return the name of a window: 2026-11-29, 2026-11-29 15:00, or 2026-W48."""
    if width == "none":
        return "all rows"
    if start == UNKNOWN:
        return "no time"
    moment = to_datetime(start)
    if width == "hour":
        return f"{moment:%Y-%m-%d %H:00}"
    return f"{moment:%G-W%V}" if width == "week" else f"{moment:%Y-%m-%d}"


def to_datetime(time: int) -> datetime.datetime:
    """Return a time as a datetime of UTC."""
    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    return epoch + datetime.timedelta(microseconds=time)


def to_microseconds(moment: datetime.datetime) -> int:
    """Return a datetime as microseconds since 1970; one without a zone is UTC."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    return (moment - epoch) // datetime.timedelta(microseconds=1)


def read_times(values: Any) -> Times:
    """Return dates of a column as microseconds since 1970, UNKNOWN where missing.

    Args:
        values: A pandas Series of datetimes; those without a zone are UTC.
    """
    moments = pd.Series(values)
    if getattr(moments.dtype, "tz", None) is not None:
        moments = moments.dt.tz_convert("UTC").dt.tz_localize(None)
    plain = moments.to_numpy().astype("datetime64[us]").astype(np.int64)
    return np.asarray(plain)


def parse_time(text: str, now: datetime.datetime) -> int:
    """Return a time that was typed, in microseconds since 1970.

    Args:
        text: 2026-11-29, 2026-11-29T15:00 (UTC unless it has a zone), or how long ago:
            24h, 7d, 4w.
        now: The time now.

    Raises:
        UserError: It is none of these.
    """
    if ago := AGO.fullmatch(text.strip()):
        length = LENGTHS[UNITS[ago[2]]]
        # Before the first year there is nothing.
        return max(FIRST, to_microseconds(now) - int(ago[1]) * length)
    try:
        return to_microseconds(datetime.datetime.fromisoformat(text.strip()))
    except ValueError:
        raise UserError(
            f"{text!r:.40} is no time. Fix: type 2026-11-29, 2026-11-29T15:00, or how"
            " long ago: 24h, 7d, 4w"
        ) from None


def parse_span(since: str | None, until: str | None, now: datetime.datetime) -> Span:
    """Return the times between two that were typed; None for no limit.

    Raises:
        UserError: One is no time, or the first is not before the second.
    """
    found = Span(*(None if t is None else parse_time(t, now) for t in (since, until)))
    if found.start is not None and found.end is not None and found.start >= found.end:
        raise UserError(
            f"no time is from {since} on and before {until}. Fix: give --since a time"
            " before --until"
        )
    return found
