"""Tests of reproducible_ml.quality.distributions."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from reproducible_ml.core.params import Compute
from reproducible_ml.quality.distributions import read_subset

COMPUTE = Compute(backend="sequential", n_jobs=1)
THREADS = Compute(backend="threading", n_jobs=2)

Stored = Callable[..., Path]


@pytest.fixture
def frame() -> pd.DataFrame:
    city = pd.Categorical(["Bonn", "Rome"] * 500, ["Bonn", "Oslo", "Rome"])
    return pd.DataFrame({"x": range(1000), "city": city, "y": 0})


def test_small_table_is_read_whole(frame: pd.DataFrame, stored: Stored) -> None:
    some = read_subset(stored(frame, rows=300), COMPUTE)
    pd.testing.assert_frame_equal(some.reset_index(drop=True), frame)


def test_of_a_large_table_about_as_many_rows_as_asked_for_are_read(
    frame: pd.DataFrame, stored: Stored
) -> None:
    some = read_subset(stored(frame), COMPUTE, ["x"], rows=200)
    assert 150 < len(some) < 250
    assert list(some.columns) == ["x"]
    assert some["x"].max() > 900


def test_chosen_rows_do_not_depend_on_parts_or_threads(
    frame: pd.DataFrame, stored: Stored
) -> None:
    whole = read_subset(stored(frame, name="whole", rows=1000), COMPUTE, rows=200)
    parts = read_subset(stored(frame, name="parts", rows=7), THREADS, rows=200)
    pd.testing.assert_frame_equal(whole, parts)


def test_rows_that_are_alike_are_not_all_chosen_or_all_left_out(stored: Stored) -> None:
    same = pd.DataFrame({"x": [1] * 1000, "y": 0})
    assert 150 < len(read_subset(stored(same), COMPUTE, rows=200)) < 250


def test_part_without_rows_does_not_spoil_categories(
    frame: pd.DataFrame, stored: Stored
) -> None:
    table = stored(frame, rows=1000)
    empty = stored(frame.iloc[:0], name="empty") / "part-00000.parquet"
    empty.rename(table / "part-00001.parquet")
    assert read_subset(table, COMPUTE)["city"].dtype == frame["city"].dtype


def test_table_without_rows_is_read(frame: pd.DataFrame, stored: Stored) -> None:
    assert read_subset(stored(frame.iloc[:0]), COMPUTE).empty
