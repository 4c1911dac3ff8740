"""Windows of time."""

import datetime

import numpy as np
import pandas as pd
import pytest

from reproducible_ml.core.errors import UserError
from reproducible_ml.monitoring.windows import (
    Span,
    Width,
    label,
    parse_span,
    parse_time,
    read_times,
    starts,
    to_datetime,
    to_microseconds,
)

NOW = datetime.datetime(2026, 11, 29, 15, 30, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("width", "pandas", "name"),
    [
        ("hour", "h", "2026-11-29 15:00"),
        ("day", "D", "2026-11-29"),
        ("week", "W-SUN", "2026-W48"),
    ],
)
def test_windows_are_those_of_pandas(width: Width, pandas: str, name: str) -> None:
    random = np.random.default_rng(0)
    # Before 1970 as well, where rounding towards zero would be wrong.
    moments = pd.Series(
        pd.to_datetime(random.integers(-(10**16), 2 * 10**16, 2000), unit="us")
    )
    expected = moments.dt.to_period(pandas).dt.start_time
    found = starts(read_times(moments), width)
    assert [to_datetime(int(f)).replace(tzinfo=None) for f in found] == [*expected]
    assert label(int(starts(np.array([to_microseconds(NOW)]), width)[0]), width) == name


def test_times_without_a_zone_are_utc_and_missing_ones_are_kept_apart() -> None:
    berlin = pd.to_datetime(pd.Series(["2026-11-29T16:30+01:00", None]))
    plain = pd.to_datetime(pd.Series(["2026-11-29T15:30", None]))
    assert read_times(berlin).tolist() == read_times(plain).tolist()
    found = starts(read_times(plain), "day")
    assert [label(int(f), "day") for f in found] == ["2026-11-29", "no time"]
    assert Span().chosen(read_times(plain)).all()
    assert Span(end=to_microseconds(NOW)).chosen(read_times(plain)).tolist() == [
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-29", "2026-11-29T00:00Z"),
        ("2026-11-29T15:00+01:00", "2026-11-29T14:00Z"),
        ("24h", "2026-11-28T15:30Z"),
        ("2w", "2026-11-15T15:30Z"),
    ],
)
def test_typed_times(text: str, expected: str) -> None:
    moment = datetime.datetime.fromisoformat(expected)
    assert parse_time(text, NOW) == to_microseconds(moment)


def test_what_is_no_time_is_refused() -> None:
    with pytest.raises(UserError, match="'yesterday' is no time"):
        parse_time("yesterday", NOW)


def test_long_ago_is_a_date_and_spans_have_an_order() -> None:
    assert label(parse_time("999999w", NOW), "day") < "1970"
    with pytest.raises(UserError, match="Fix: give --since a time before --until"):
        parse_span("2026-11-30", "2026-11-29", NOW)
