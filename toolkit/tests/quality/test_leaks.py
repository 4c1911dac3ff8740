"""Tests of reproducible_ml.quality.leaks."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from reproducible_ml.contract.schema import Data
from reproducible_ml.quality.leaks import Leak, as_numbers, find_leaks, separates

BINARY = Data(target="y", positive="yes")
MULTICLASS = Data(target="y", task="multiclass")
REGRESSION = Data(target="y", task="regression")

CleanTable = Callable[..., pd.DataFrame]


def leaks(frame: pd.DataFrame, data: Data, **added: Any) -> list[Leak]:
    """Return the leaks of a frame with these columns added."""
    frame = frame.assign(**added)
    return find_leaks(frame, list(frame.columns.drop("y")), data)


def found(frame: pd.DataFrame, data: Data, values: Any) -> tuple[str, bool] | None:
    """Return what is said of one more column."""
    said = {leak.column: leak for leak in leaks(frame, data, more=values)}
    assert said.keys() <= {"more"}
    return (said["more"].reason, said["more"].certain) if said else None


@pytest.mark.parametrize("data", [BINARY, MULTICLASS, REGRESSION])
@pytest.mark.parametrize("rows", [100, 1000])
@pytest.mark.parametrize("seed", range(10))
def test_clean_table_has_no_leaks(
    data: Data, rows: int, seed: int, clean_table: CleanTable
) -> None:
    assert leaks(clean_table(data.task, rows, seed), data) == []


@pytest.mark.parametrize("seed", range(20))
def test_column_that_equals_a_rare_class_by_chance_is_no_leak(seed: int) -> None:
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(random.random((40, 300)) < 0.03).rename(columns=str)
    frame["y"] = pd.Categorical(np.where(np.arange(40) == 7, "yes", "no"))
    assert leaks(frame, BINARY) == []


def test_copy_of_the_classes_is_certain(clean_table: CleanTable) -> None:
    frame = clean_table("multiclass")
    copy = frame["y"].astype("str")
    assert found(frame, MULTICLASS, copy) == ("repeats the target", True)


@pytest.mark.parametrize(
    "codes",
    [
        {"a": 1, "b": 2, "c": 3},
        {"a": 0.5, "b": -1.0, "c": np.nan},
        {"a": "red", "b": "green", "c": "blue"},
    ],
)
def test_recoded_classes_are_certain(
    codes: dict[str, Any], clean_table: CleanTable
) -> None:
    frame = clean_table("multiclass")
    values = frame["y"].astype(object).map(codes)
    assert found(frame, MULTICLASS, values) == ("is the target recoded", True)


def test_true_and_false_for_yes_and_no_is_certain(clean_table: CleanTable) -> None:
    frame = clean_table()
    assert found(frame, BINARY, frame["y"] == "no") == ("is the target recoded", True)


def test_values_that_belong_to_one_class_each_are_told(clean_table: CleanTable) -> None:
    frame = clean_table()
    values = np.where(frame["y"] == "yes", frame["city"].astype("str"), "none")
    expected = ("its 4 values always tell the class", False)
    assert found(frame, BINARY, values) == expected


def test_values_that_tell_the_class_with_few_exceptions_are_told(
    clean_table: CleanTable,
) -> None:
    frame = clean_table(rows=2000)
    values = (frame["y"] == "yes").to_numpy(copy=True)
    values[[5, 600]] ^= True
    expected = ("its 2 values in all but 2 rows tell the class", False)
    assert found(frame, BINARY, values) == expected


def test_values_that_often_tell_the_class_are_no_leak(clean_table: CleanTable) -> None:
    frame = clean_table(rows=2000)
    values = (frame["y"] == "yes").to_numpy(copy=True)
    values[::50] ^= True
    assert found(frame, BINARY, values) is None


def test_values_that_are_nearly_unique_are_no_leak(clean_table: CleanTable) -> None:
    frame = clean_table()
    names = pd.Series([f"person {i // 2}" for i in range(len(frame))])
    assert found(frame.sort_values("y", ignore_index=True), BINARY, names) is None


def test_range_of_its_own_for_each_class_is_told(clean_table: CleanTable) -> None:
    frame = clean_table("multiclass")
    values = frame["y"].cat.codes * 100 + frame["score"]
    expected = "each class has its own range of values, none of which overlap"
    assert found(frame, MULTICLASS, values) == (expected, False)


@pytest.mark.parametrize(("rows", "apart"), [(29, False), (30, True)])
def test_ranges_need_thirty_rows_each(rows: int, apart: bool) -> None:
    numbers = np.arange(2.0 * rows)
    assert separates(numbers, np.repeat([1, 0], rows)) == apart


def test_ranges_that_touch_are_not_apart() -> None:
    numbers = np.repeat([1.0, 2.0, 2.0, 3.0], 30)
    assert not separates(numbers, np.repeat([0, 1], 60))


def test_value_that_is_given_for_one_class_alone_is_certain(
    clean_table: CleanTable,
) -> None:
    frame = clean_table()
    values = frame["age"].where(frame["y"] == "yes")
    expected = ("is missing for one class and given for the other", True)
    assert found(frame, BINARY, values) == expected


def test_value_that_is_missing_in_one_class_alone_is_told(
    clean_table: CleanTable,
) -> None:
    frame = clean_table()
    values = frame["age"].mask((frame["y"] == "yes") & frame["member"])
    assert found(frame, BINARY, values) == (
        "is missing for rows of one class only",
        False,
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda y: y, "repeats the target"),
        (lambda y: y * 100 + 3, "is the target multiplied, shifted or rounded"),
        (lambda y: -y.round(4) / 7, "is the target multiplied, shifted or rounded"),
        (lambda y: -y.round(1), "is the target recoded: both always rise or fall"),
        (np.exp, "is the target recoded: both always rise or fall"),
    ],
)
def test_number_computed_from_the_target_is_certain(
    change: Callable[[pd.Series], pd.Series], reason: str, clean_table: CleanTable
) -> None:
    frame = clean_table("regression")
    assert found(frame, REGRESSION, change(frame["y"])) == (reason, True)
    gaps = change(frame["y"]).where(frame.index % 10 > 0)
    assert found(frame, REGRESSION, gaps) == (reason, True)


def test_target_that_grows_with_time_is_no_copy_of_the_date(
    clean_table: CleanTable,
) -> None:
    frame = clean_table("regression").sort_values("y")
    dates = pd.date_range("2024-01-01", periods=len(frame)).astype("datetime64[ns]")
    _, certain = found(frame, REGRESSION, dates) or ("", True)
    assert not certain


def test_number_that_is_nearly_the_target_is_told(clean_table: CleanTable) -> None:
    frame = clean_table("regression", 1000)
    noise = np.random.default_rng(1).normal(0, 0.005 * frame["y"].std(), len(frame))
    reason, certain = found(frame, REGRESSION, frame["y"] + noise) or ("", True)
    assert reason.startswith("is nearly the target: their correlation is 0.99998")
    assert not certain


def test_good_number_is_no_leak(clean_table: CleanTable) -> None:
    frame = clean_table("regression", 1000)
    noise = np.random.default_rng(1).normal(0, 0.05 * frame["y"].std(), len(frame))
    assert found(frame, REGRESSION, frame["y"] + noise) is None


@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_extreme_numbers_are_compared_without_overflow(
    scale: float, clean_table: CleanTable
) -> None:
    frame = clean_table("regression")
    expected = ("is the target multiplied, shifted or rounded", True)
    assert found(frame, REGRESSION, frame["y"] * scale) == expected


def test_price_list_is_told(clean_table: CleanTable) -> None:
    frame = clean_table("regression")
    goods = np.arange(len(frame)) % 12
    prices = frame.assign(y=np.sqrt(goods * 31 % 12))
    names = pd.Series([f"article {number}" for number in goods])
    expected = ("each of its 12 values has one value of the target", False)
    assert found(prices, REGRESSION, names) == expected


def test_number_that_is_given_for_large_targets_alone_is_told(
    clean_table: CleanTable,
) -> None:
    frame = clean_table("regression")
    values = frame["age"].where(frame["y"] > 0.5)
    expected = ("is missing in one range of the target only", False)
    assert found(frame, REGRESSION, values) == expected


@pytest.mark.parametrize(
    ("values", "numbers"),
    [
        (pd.Series([1, None], dtype="Int64"), [1.0, np.nan]),
        (pd.Series([1, 2]), [1.0, 2.0]),
        (pd.Series(["a"]), None),
        (pd.Series([True]), None),
        (pd.Series([1, 2], dtype="category"), None),
    ],
)
def test_numbers_are_floats(values: pd.Series, numbers: list[float] | None) -> None:
    found = as_numbers(values)
    assert (found is None) == (numbers is None)
    if found is not None:
        np.testing.assert_array_equal(found, numbers)


def test_dates_are_numbers_in_their_order() -> None:
    dates = pd.Series(["2024-01-01", None, "1960-01-01"], dtype="datetime64[ns]")
    numbers = as_numbers(dates)
    assert numbers is not None
    assert numbers[0] > 0 > numbers[2]
    assert np.isnan(numbers[1])
