"""Tests of reproducible_ml.modeling.scoring.scores."""

from itertools import chain
from typing import Any

import numpy as np
import pandas as pd
import pytest

from reproducible_ml.modeling.scoring.scores import slices


def members(values: Any, cuts: tuple[float, ...] = ()) -> dict[str, list[int]]:
    """Return the rows of each group of a column of these values."""
    rows = pd.DataFrame({"column": values})
    return {
        name: np.flatnonzero(mask).tolist()
        for _, name, mask in slices(rows, {"column": cuts})
    }


def test_cuts_make_ranges_that_hold_their_lower_end() -> None:
    assert members([0.9, 1.0, 1.9, 2.0, 99.0], (1.0, 2.0)) == {
        "below 1.0": [0],
        "1.0 to 2.0": [1, 2],
        "2.0 and more": [3, 4],
    }


def test_one_cut_makes_two_groups() -> None:
    assert members([-1e308, 0.0, 1e308], (0.0,)) == {
        "below 0.0": [0],
        "0.0 and more": [1, 2],
    }


def test_each_category_is_a_group_in_the_order_of_the_contract() -> None:
    values = pd.Categorical(["a", "b", "a"], categories=["b", "a", "c"])
    groups = members(values)
    assert list(groups) == ["b", "a", "c"]
    assert groups == {"b": [1], "a": [0, 2], "c": []}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([True, False, True], {"False": [1], "True": [0, 2]}),
        (pd.array([3, 1, 3], dtype="Int64"), {"1": [1], "3": [0, 2]}),
        (["web", "shop", "web"], {"shop": [1], "web": [0, 2]}),
    ],
    ids=["bool", "integer", "text"],
)
def test_without_cuts_every_value_is_a_group(
    values: Any, expected: dict[str, list[int]]
) -> None:
    assert members(values) == expected


@pytest.mark.parametrize(
    ("values", "cuts"),
    [
        ([1.0, np.nan, 3.0], (2.0,)),
        (pd.array([1, None, 3], dtype="Int64"), (2.0,)),
        (pd.array([False, None, True], dtype="boolean"), ()),
        (pd.Categorical(["a", None, "b"]), ()),
        (["a", None, "b"], ()),
    ],
    ids=["float", "Int64", "boolean", "category", "text"],
)
def test_a_row_without_a_value_is_in_no_group(
    values: Any, cuts: tuple[float, ...]
) -> None:
    assert list(members(values, cuts).values()) == [[0], [2]]


def test_every_row_with_a_value_is_in_one_group() -> None:
    values = np.random.default_rng(0).normal(size=100)
    found = members(values, (-1.0, 0.0, 0.5))
    assert sorted(chain.from_iterable(found.values())) == list(range(100))


def test_columns_come_one_after_the_other() -> None:
    rows = pd.DataFrame({"member": [True], "amount": [1.0], "note": ["x"]})
    found = [column for column, _, _ in slices(rows, {"amount": (0.0,), "member": ()})]
    assert found == ["amount", "amount", "member"]


def test_a_mask_is_of_plain_booleans() -> None:
    rows = pd.DataFrame({"member": pd.array([True, None], dtype="boolean")})
    (_, _, mask), *_ = slices(rows, {"member": ()})
    assert isinstance(mask, np.ndarray)
    assert mask.dtype == bool
