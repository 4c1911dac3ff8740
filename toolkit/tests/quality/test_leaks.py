"""Columns that leak the target."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from reproducible_ml.contract.schema import Data
from reproducible_ml.quality import leaks
from reproducible_ml.quality.leaks import (
    as_numbers,
    find_leaks,
    overlap,
    separates,
)

BINARY = Data(target="y", positive="yes")
MULTICLASS = Data(target="y", task="multiclass")
REGRESSION = Data(target="y", task="regression")
RECODED = "is the target recoded"
TOGETHER = f"{RECODED}: both always rise or fall together"
SHIFTED = "is the target multiplied, shifted or rounded"

CleanTable = Callable[..., pd.DataFrame]


def leak(frame: pd.DataFrame, data: Data, values: Any) -> tuple[str, bool] | None:
    """Return reason and certainty of a leak in another column; others have none."""
    frame = frame.assign(more=values)
    found = find_leaks(frame, list(frame.columns.drop("y")), data)
    assert {one.column for one in found} <= {"more"}
    return (found[0].reason, found[0].certain) if found else None


@pytest.mark.parametrize("data", [BINARY, MULTICLASS, REGRESSION])
@pytest.mark.parametrize("rows", [100, 1000])
@pytest.mark.parametrize("seed", range(5))
def test_clean_table_has_no_leaks(
    data: Data, rows: int, seed: int, clean_table: CleanTable
) -> None:
    frame = clean_table(data.task, rows, seed)
    assert find_leaks(frame, list(frame.columns.drop("y")), data) == []


@pytest.mark.parametrize("seed", range(10))
def test_column_that_equals_a_rare_class_by_chance_is_not_a_leak(seed: int) -> None:
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(random.random((40, 300)) < 0.03).rename(columns=str)
    frame["y"] = pd.Categorical(np.where(np.arange(40) == 7, "yes", "no"))
    assert find_leaks(frame, list(frame.columns.drop("y")), BINARY) == []


@pytest.mark.parametrize(
    ("codes", "reason"),
    [
        ({"a": "a", "b": "b", "c": "c"}, "repeats the target"),
        ({"a": 1, "b": 2, "c": 3}, RECODED),
        ({"a": 0.5, "b": -1.0, "c": np.nan}, RECODED),
        ({"a": "red", "b": "green", "c": "blue"}, RECODED),
    ],
)
def test_copies_of_the_classes_are_certain_leaks(
    codes: dict[str, Any], reason: str, clean_table: CleanTable
) -> None:
    frame = clean_table("multiclass")
    values = frame["y"].astype(object).map(codes)
    assert leak(frame, MULTICLASS, values) == (reason, True)


def test_ranges_of_classes_that_do_not_overlap_are_a_leak(
    clean_table: CleanTable,
) -> None:
    frame = clean_table("multiclass")
    reason, certain = leak(
        frame, MULTICLASS, frame["y"].cat.codes * 100 + frame["score"]
    ) or ("", True)
    assert reason.startswith("each class has its own range of values")
    assert not certain


def flipped(frame: pd.DataFrame, step: int) -> Any:
    values = (frame["y"] == "yes").to_numpy(copy=True)
    values[::step] ^= True
    return values


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (lambda f: f["y"] == "no", (RECODED, True)),
        (
            lambda f: np.where(f["y"] == "yes", f["city"].astype("str"), "none"),
            ("its 4 values always determine the class", False),
        ),
        (
            lambda f: flipped(f, 1000),
            ("its 2 values in all but 2 rows determine the class", False),
        ),
        (lambda f: flipped(f, 50), None),
        (
            lambda f: f["score"].where(f["y"] == "yes"),
            ("is missing for one class and given for the other", True),
        ),
        (
            lambda f: f["city"].where(f["y"] == "yes"),
            ("is missing for one class and given for the other", True),
        ),
        (
            lambda f: f["score"].mask((f["y"] == "yes") & f["member"]),
            ("is missing for rows of one class only", False),
        ),
    ],
)
def test_values_that_determine_the_class_are_leaks(
    values: Callable[[pd.DataFrame], Any], found: Any, clean_table: CleanTable
) -> None:
    frame = clean_table(rows=2000)
    assert leak(frame, BINARY, values(frame)) == found


def test_values_that_are_nearly_unique_are_not_a_leak(clean_table: CleanTable) -> None:
    frame = clean_table()
    names = pd.Series([f"person {i // 2}" for i in range(len(frame))])
    assert leak(frame.sort_values("y", ignore_index=True), BINARY, names) is None


@pytest.mark.parametrize(("rows", "expected"), [(29, False), (30, True)])
def test_ranges_need_thirty_rows_each(rows: int, expected: bool) -> None:
    numbers = np.arange(2.0 * rows)
    assert separates(numbers, np.repeat([1, 0], rows)) == expected
    touching = np.repeat([1.0, 2.0, 2.0, 3.0], 30)
    assert not separates(touching, np.repeat([0, 1], 60))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda y: y, "repeats the target"),
        (lambda y: y * 100 + 3, SHIFTED),
        (lambda y: -y.round(4) / 7, SHIFTED),
        (lambda y: y * 1e300, SHIFTED),
        (lambda y: y * 1e-300, SHIFTED),
        (lambda y: -y.round(1), TOGETHER),
        (np.exp, TOGETHER),
    ],
)
def test_number_computed_from_the_target_is_a_certain_leak(
    change: Callable[[pd.Series], pd.Series], reason: str, clean_table: CleanTable
) -> None:
    frame = clean_table("regression")
    assert leak(frame, REGRESSION, change(frame["y"])) == (reason, True)
    gaps = change(frame["y"]).where(frame.index % 10 > 0)
    assert leak(frame, REGRESSION, gaps) == (reason, True)


def test_target_that_grows_with_time_is_not_a_copy_of_the_date(
    clean_table: CleanTable,
) -> None:
    frame = clean_table("regression").sort_values("y")
    dates = pd.date_range("2024-01-01", periods=len(frame)).astype("datetime64[ns]")
    _, certain = leak(frame, REGRESSION, dates) or ("", True)
    assert not certain


@pytest.mark.parametrize(("noise", "is_leak"), [(0.005, True), (0.05, False)])
def test_number_that_is_nearly_the_target_is_a_leak(
    noise: float, is_leak: bool, clean_table: CleanTable
) -> None:
    frame = clean_table("regression", 1000)
    scale = noise * frame["y"].std()
    more = np.random.default_rng(1).normal(0, scale, len(frame))
    reason, certain = leak(frame, REGRESSION, frame["y"] + more) or ("", False)
    assert reason.startswith("is nearly the target: their corr") == is_leak
    assert not certain


def test_value_of_the_target_for_each_value_is_a_leak(clean_table: CleanTable) -> None:
    frame = clean_table("regression")
    goods = np.arange(len(frame)) % 12
    prices = frame.assign(y=np.sqrt(goods * 31 % 12))
    names = pd.Series([f"article {number}" for number in goods])
    expected = ("each of its 12 values has one value of the target", False)
    assert leak(prices, REGRESSION, names) == expected


def test_number_that_is_missing_for_small_targets_is_a_leak(
    clean_table: CleanTable,
) -> None:
    frame = clean_table("regression")
    expected = ("is missing in one range of the target only", False)
    assert leak(frame, REGRESSION, frame["age"].where(frame["y"] > 0.5)) == expected


@pytest.mark.parametrize(
    ("values", "numbers"),
    [
        (pd.Series([1, None], dtype="Int64"), [1.0, np.nan]),
        (pd.Series([1, 2]), [1.0, 2.0]),
        (pd.Series(["a"]), None),
        (pd.Series([True]), None),
        (pd.Series([1, 2], dtype="category"), None),
        (pd.Series(["1970-01-01", None], dtype="datetime64[ns]"), [0.0, np.nan]),
    ],
)
def test_numbers_and_dates_become_floats(
    values: pd.Series, numbers: list[float] | None
) -> None:
    found = as_numbers(values)
    assert (found is None) == (numbers is None)
    if found is not None:
        np.testing.assert_array_equal(found, numbers)


@pytest.mark.parametrize(("strays", "is_leak"), [(0.01, True), (0.05, False)])
def test_number_whose_range_tells_the_class_in_nearly_all_rows_is_a_leak(
    strays: float, is_leak: bool, clean_table: CleanTable
) -> None:
    frame = clean_table(rows=2000)
    ended = np.random.default_rng(1).integers(100, 900, 2000)
    ended = np.where(frame["y"] == "yes", 900, ended)
    # Some left early, though nothing happened to them.
    ended[np.flatnonzero(frame["y"] == "yes")[: int(strays * 1000)]] = 300
    reason, certain = leak(frame, BINARY, ended) or ("", False)
    expected = "each class has its own range of values, but for 10 rows"
    assert (reason, certain) == (expected if is_leak else "", False)


@pytest.mark.parametrize("seed", range(8))
def test_numbers_looked_at_together_have_the_leaks_of_each_alone(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(seed)
    rows, kinds = int(random.choice([70, 300, 900])), 2 + seed % 3
    classes = random.integers(0, kinds, rows)
    columns: dict[str, Any] = {
        f"apart by {step}": classes * step + random.random(rows).round(seed)
        for step in (0.0, 0.5, 0.9, 0.97, 1.0, 1.5)
    }
    columns["classes"] = classes * 2
    columns["few"] = classes * 10 + random.integers(0, 5, rows)
    columns["missing"] = np.where(classes == 0, np.nan, random.random(rows))
    columns["constant"] = np.ones(rows)
    frame = pd.DataFrame(columns).assign(y=pd.Categorical(classes.astype(str)))
    names = list(columns)
    together = find_leaks(frame, names, MULTICLASS)
    monkeypatch.setattr(leaks, "SHORT", 0)
    assert find_leaks(frame, names, MULTICLASS) == together
    assert {"classes", "few"} <= {one.column for one in together}


@pytest.mark.parametrize("share", [0.5, 0.9, 0.97])
@pytest.mark.parametrize("noise", [0.0, 0.05, 0.2, 0.3, 2.0])
@pytest.mark.parametrize("sort", [False, True])
def test_rows_on_the_wrong_side_are_those_of_all_rows(
    share: float, noise: float, sort: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(1)
    classes = (random.random(4000) < share).astype(np.intp)
    classes = np.sort(classes) if sort else classes
    numbers = classes + random.normal(0, noise, 4000)
    found = overlap(numbers, classes)
    monkeypatch.setattr(leaks, "PART", 0)
    assert overlap(numbers, classes) == found
    expected = {0.0: 0, 0.05: 0, 2.0: None}
    assert found == expected.get(noise, found)
