"""The target is read by task, and summarised exactly in parts of any size."""

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
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
    rare_class,
    read_target,
    summarise_table_target,
    summarise_target,
)
from reproducible_ml.core.params import Compute

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


def test_binary_target_is_true_for_the_positive_class() -> None:
    found = read(category(["no", "yes"], ["no", "yes"]), BINARY)
    assert found.dtype == bool
    assert found.tolist() == [False, True]
    boolean = Data(target="y", positive=False)
    assert read(pd.Series([True, False]), boolean).tolist() == [False, True]


@pytest.mark.parametrize(
    ("known", "dtype"),
    [(["c", "a", "b"], "str"), ([3, 1, 2], "int64"), ([True, False], "bool")],
    ids=["text", "number", "boolean"],
)
def test_multiclass_target_has_labels(known: list[Any], dtype: str) -> None:
    found = read(category(known, known), SEVERAL)
    assert found.dtype == dtype
    assert found.tolist() == known


@pytest.mark.parametrize("dtype", ["int64", "float64"])
def test_regression_target_has_floats(dtype: str) -> None:
    found = read(pd.Series([1, 2], dtype=dtype), NUMBER)
    assert found.dtype == np.float64
    assert found.tolist() == [1.0, 2.0]


@pytest.mark.parametrize("data", [BINARY, SEVERAL])
def test_classes_are_counted(data: Data) -> None:
    known = summarise_target(category(["b", "a", "b"], ["a", "b", "c"]), data)
    assert known.to_dict() == {"rows": 3, "classes": {"a": 1, "b": 2}}


def test_numbers_are_summarised() -> None:
    known = summarise_target(pd.Series([3.0, 1.0, 5.0]), NUMBER)
    target = {"min": 1.0, "mean": 3.0, "max": 5.0}
    assert known.to_dict() == {"rows": 3, "target": target}
    known = summarise_target(pd.Series([], dtype="float64"), NUMBER)
    assert known.to_dict() == {"rows": 0, "target": None}


@given(values=floats, data=st.data())
def test_summary_of_numbers_does_not_depend_on_parts_or_order(
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
def test_summary_of_classes_does_not_depend_on_parts(
    values: list[str], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(values)))
    parts = [
        summarise_target(pd.Series(p, dtype="str"), SEVERAL)
        for p in (values[:cut], values[cut:])
    ]
    assert merge_summaries(parts) == summarise_target(pd.Series(values), SEVERAL)


@pytest.mark.parametrize(
    "values", [[0.1] * 10, [1e16, 1.0, -1e16], [5e-324, -1e308], [2.0**53 - 1] * 5000]
)
def test_sum_is_exact_where_floats_are_not(values: list[float]) -> None:
    assert exact_sum(np.array(values)) == sum(map(Fraction, values))


def test_mean_is_rounded_once() -> None:
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
def test_target_that_can_be_learned_has_no_problem(
    values: pd.Series, data: Data
) -> None:
    known = summarise_target(values, data)
    assert known.problem(data) is None


@pytest.mark.parametrize(
    ("known", "data", "problem"),
    [
        (
            ClassSummary.of(pd.Series([], dtype="str")),
            SEVERAL,
            "has 0 rows of 0 class(es)",
        ),
        (ClassSummary.of(pd.Series(["a"])), SEVERAL, "has 1 rows of 1 class(es)"),
        (
            ClassSummary.of(pd.Series(["a", "b"])),
            BINARY,
            'has no row of the positive class "yes"',
        ),
        (NumberSummary.of(pd.Series([1.0])), NUMBER, "has 1 row(s)"),
    ],
)
def test_target_that_cannot_be_learned_is_explained(
    known: Any, data: Data, problem: str
) -> None:
    assert known.problem(data) == problem


def test_summary_can_be_written_as_json() -> None:
    for values, data in ((pd.Series([1, 2]), NUMBER), (pd.Series(["a"]), SEVERAL)):
        facts = summarise_target(values, data).to_dict()
        assert json.loads(json.dumps(facts, allow_nan=False)) == facts


def test_table_is_summarised_part_by_part(
    write_table: Callable[[pd.DataFrame, Path, int], Path], tmp_path: Path
) -> None:
    table = write_table(pd.DataFrame({"y": ["b", "a", "b"]}), tmp_path / "t", 2)
    compute = Compute(backend="sequential", n_jobs=1)
    found = summarise_table_target(table, SEVERAL, compute)
    assert found.to_dict() == {"rows": 3, "classes": {"a": 1, "b": 2}}


@pytest.mark.parametrize(
    ("counts", "rare"),
    [
        ({"a": 90, "b": 10}, None),
        ({"a": 91, "b": 10}, "b"),
        ({"a": 91, "b": 9}, None),
        ({"a": 1000, "b": 20, "c": 10, "d": 3}, "c"),
        ({}, None),
    ],
)
def test_rare_class_has_a_ninth_of_the_rows_of_another(
    counts: dict[str, int], rare: str | None
) -> None:
    assert rare_class(counts) == rare
