"""Tests of reproducible_ml.profiling.values."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from reproducible_ml.contract.schema import Column
from reproducible_ml.profiling.profile import ColumnProfile, profile_columns
from reproducible_ml.profiling.values import (
    Measurements,
    is_missing_code,
    measure_columns,
)

FILE = Path("a.csv")


def measured(
    texts: list[str], dtype: Any = "Int64", seen: int = 10_000
) -> Measurements:
    batch = pa.RecordBatch.from_pydict({"x": pa.array(texts)})

    def read(_: Path) -> list[pa.RecordBatch]:
        return [batch]

    profiles = profile_columns([FILE], read)
    if len(profiles["x"].seen) > seen:
        profiles["x"] = ColumnProfile("x", 10**6 // seen)
        profiles["x"].add(batch["x"], 0)
    columns = {"x": Column(dtype=dtype, nullable=True)}
    return measure_columns([FILE], read, profiles, columns)["x"]


@pytest.mark.parametrize("seen", [10_000, 2])
def test_extremes_and_misfits(seen: int) -> None:
    found = measured(["5", "3", "forty", "12", "forty", ""], seen=seen)
    assert found.extremes() == (3, 12)
    assert found.misfits.counts() == {"forty": 2}
    assert found.misfits.content.places.tolist() == [2]
    assert found.rows == 3


def test_whole_numbers_are_exact() -> None:
    found = measured(["9007199254740993", "9223372036854775807"])
    assert found.extremes() == (9007199254740993, 9223372036854775807)


def test_infinite_numbers_are_no_extremes() -> None:
    found = measured(["1.5", "inf", "2.5"], "float64")
    assert found.extremes() == (1.5, 2.5)
    assert found.infinite.counts() == {"inf": 1}


def test_codes_are_counted_apart() -> None:
    found = measured(["5", "-999", " -999", "7"])
    assert (found.low, found.high) == (5, 7)
    assert found.codes == {-999: 2}
    assert found.spelled == {-999: {"-999": 2}}
    assert found.code_places == {-999: 1}
    assert found.extremes() == (-999, 7)


@pytest.mark.parametrize(
    ("code", "others"),
    [
        (-999, range(100)),
        (-999, range(-50, 50)),
        (-99, range(0, 2000, 20)),
        (9999, range(1000)),
        (-1, range(18, 90)),
    ],
)
def test_repeated_number_far_from_all_others_is_a_code(
    code: int, others: range
) -> None:
    texts = [str(number) for number in [*others, code, code, code]]
    assert is_missing_code(code, measured(texts), len(texts))


@pytest.mark.parametrize(
    ("code", "times", "others"),
    [
        (-999, 2, range(100)),
        (-999, 3, range(-5000, 5000)),
        (999, 3, range(900)),
        (-1, 3, range(5)),
        (99, 3, range(100)),
        (99, 50, range(1)),
    ],
)
def test_other_numbers_are_none(code: int, times: int, others: range) -> None:
    texts = [str(number) for number in [*others, *[code] * times]]
    assert not is_missing_code(code, measured(texts), len(texts))
