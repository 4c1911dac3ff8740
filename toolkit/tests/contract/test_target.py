"""Tests of reproducible_ml.contract.target."""

import json
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reproducible_ml.contract.schema import Data
from reproducible_ml.contract.target import (
    ClassSummary,
    NumberSummary,
    exact_sum,
    merge_summaries,
    read_target,
    summarise_target,
)

BINARY = Data(target="y", positive="yes")
SEVERAL = Data(target="y", task="multiclass")
NUMBER = Data(target="y", task="regression")

floats = st.lists(
    st.floats(-1e300, 1e300, allow_nan=False, allow_infinity=False), min_size=1
)
labels = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1)


def category(values: list[Any], known: list[Any]) -> pd.Series:
    return pd.Series(pd.Categorical(values, categories=known), name="y")


def read(values: pd.Series, data: Data) -> pd.Series:
    return read_target(pd.DataFrame({"y": values, "x": 0}), data)


def test_binary_says_whether_a_row_is_of_the_positive_class() -> None:
    found = read(category(["no", "yes"], ["no", "yes"]), BINARY)
    assert found.dtype == bool
    assert found.tolist() == [False, True]


def test_a_boolean_target_has_a_positive_class_too() -> None:
    data = Data(target="y", positive=False)
    assert read(pd.Series([True, False]), data).tolist() == [False, True]


@pytest.mark.parametrize(
    ("known", "dtype"),
    [(["c", "a", "b"], "str"), ([3, 1, 2], "int64"), ([True, False], "bool")],
    ids=["text", "number", "boolean"],
)
def test_multiclass_gives_the_labels(known: list[Any], dtype: str) -> None:
    found = read(category(known, known), SEVERAL)
    assert found.dtype == dtype
    assert found.tolist() == known


@pytest.mark.parametrize("dtype", ["int64", "float64"])
def test_regression_gives_floats(dtype: str) -> None:
    found = read(pd.Series([1, 2], dtype=dtype), NUMBER)
    assert found.dtype == np.float64
    assert found.tolist() == [1.0, 2.0]


@pytest.mark.parametrize("data", [BINARY, SEVERAL])
def test_classes_are_counted(data: Data) -> None:
    known = summarise_target(category(["b", "a", "b"], ["a", "b", "c"]), data)
    assert known.to_dict() == {"rows": 3, "classes": {"a": 1, "b": 2}}


def test_numbers_are_measured() -> None:
    known = summarise_target(pd.Series([3.0, 1.0, 5.0]), NUMBER)
    target = {"min": 1.0, "mean": 3.0, "max": 5.0}
    assert known.to_dict() == {"rows": 3, "target": target}


def test_no_numbers_have_no_range() -> None:
    known = summarise_target(pd.Series([], dtype="float64"), NUMBER)
    assert known.to_dict() == {"rows": 0, "target": None}


@given(values=floats, data=st.data())
def test_numbers_in_any_parts_and_order_are_known_the_same(
    values: list[float], data: st.DataObject
) -> None:
    mixed = data.draw(st.permutations(values))
    cut = data.draw(st.integers(0, len(values)))
    parts = [
        summarise_target(pd.Series(p, dtype="float64"), NUMBER)
        for p in (mixed[:cut], mixed[cut:])
    ]
    assert merge_summaries(parts) == summarise_target(pd.Series(values), NUMBER)


@given(values=labels, data=st.data())
def test_classes_in_any_parts_are_known_the_same(
    values: list[str], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(values)))
    parts = [
        summarise_target(pd.Series(p, dtype="str"), SEVERAL)
        for p in (values[:cut], values[cut:])
    ]
    assert merge_summaries(parts) == summarise_target(pd.Series(values), SEVERAL)


@given(values=floats)
def test_a_sum_is_exact(values: list[float]) -> None:
    assert exact_sum(np.array(values)) == sum(map(Fraction, values))


@pytest.mark.parametrize(
    "values", [[0.1] * 10, [1e16, 1.0, -1e16], [5e-324, -1e308], [2.0**53 - 1] * 5000]
)
def test_a_sum_is_exact_where_floats_are_not(values: list[float]) -> None:
    assert exact_sum(np.array(values)) == sum(map(Fraction, values))


def test_a_mean_of_many_is_rounded_once() -> None:
    values = np.random.default_rng(0).lognormal(10, 3, 10_000)
    mean = sum(map(Fraction, values.tolist())) / len(values)
    assert summarise_target(pd.Series(values), NUMBER).to_dict()["target"][
        "mean"
    ] == float(mean)


@pytest.mark.parametrize(
    ("values", "data"),
    [
        (pd.Series(["no", "yes"]), BINARY),
        (pd.Series(["no", "yes", "maybe"]), SEVERAL),
        (pd.Series([1.0, 2.0]), NUMBER),
    ],
)
def test_what_can_be_learned_passes(values: pd.Series, data: Data) -> None:
    known = summarise_target(values, data)
    assert known.problem(data) is None


@pytest.mark.parametrize(
    ("known", "data", "problem"),
    [
        (
            ClassSummary.of(pd.Series([], dtype="str")),
            SEVERAL,
            "holds 0 rows of 0 class(es)",
        ),
        (ClassSummary.of(pd.Series(["a"])), SEVERAL, "holds 1 rows of 1 class(es)"),
        (
            ClassSummary.of(pd.Series(["a", "b"])),
            BINARY,
            'holds no row of the positive class "yes"',
        ),
        (NumberSummary.of(pd.Series([1.0])), NUMBER, "holds 1 row(s)"),
    ],
)
def test_what_is_too_little_says_why(known: Any, data: Data, problem: str) -> None:
    assert known.problem(data) == problem


def test_facts_are_fit_for_json() -> None:
    for values, data in ((pd.Series([1, 2]), NUMBER), (pd.Series(["a"]), SEVERAL)):
        facts = summarise_target(values, data).to_dict()
        assert json.loads(json.dumps(facts, allow_nan=False)) == facts
