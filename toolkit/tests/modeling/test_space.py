"""Tests of reproducible_ml.modeling.fitting.search."""

import math
from typing import Any

import pytest
from sklearn.model_selection import ParameterSampler
from sklearn.pipeline import Pipeline
from sklearn.tree import DecisionTreeClassifier

from reproducible_ml.core.errors import UserError
from reproducible_ml.modeling.fitting.search import (
    Range,
    Search,
    make_space,
    size,
    values_of,
)


def drawn(**values: Any) -> list[Any]:
    """Return a thousand values of a range."""
    space = {"name": values_of(Range.model_validate(values))}
    return [p["name"] for p in ParameterSampler(space, 1000, random_state=0)]


def test_uniform_covers_its_range_evenly() -> None:
    values = drawn(uniform=[2.0, 4.0])
    assert 2.0 <= min(values) < 2.1
    assert 3.9 < max(values) <= 4.0
    assert sum(value < 3.0 for value in values) == pytest.approx(500, abs=60)


def test_log_uniform_covers_each_power_of_ten_evenly() -> None:
    values = drawn(log_uniform=[0.001, 1.0])
    assert min(values) < 0.0012
    assert sum(value < 0.01 for value in values) == pytest.approx(333, abs=50)


def test_whole_numbers_include_both_ends() -> None:
    assert set(drawn(int=[3, 5])) == {3, 4, 5}


def test_choice_is_what_stands_there() -> None:
    assert values_of(Range(choice=("a", None, 3))) == ["a", None, 3]


def test_grid_lists_whole_numbers() -> None:
    assert values_of(Range(int=(3, 5)), as_list=True) == [3, 4, 5]


def make(space: dict[str, Any], method: str = "random") -> dict[str, Any]:
    search = Search.model_validate({"method": method, "space": space})
    return make_space(Pipeline([("estimator", DecisionTreeClassifier())]), search)


def test_arguments_are_those_of_the_last_step() -> None:
    assert make({"max_depth": {"choice": [1, 2]}}) == {"estimator__max_depth": [1, 2]}


def test_each_unknown_argument_is_told_in_a_line() -> None:
    with pytest.raises(UserError) as caught:
        make({"depth": {"int": [1, 2]}, "width": {"int": [1, 2]}})
    assert str(caught.value).splitlines() == [
        "params.yaml: train.search.space: DecisionTreeClassifier has no argument depth",
        "params.yaml: train.search.space: DecisionTreeClassifier has no argument width",
    ]


def test_size_counts_combinations() -> None:
    grid = {"max_depth": {"int": [1, 3]}, "criterion": {"choice": ["gini", "entropy"]}}
    assert size(make(grid, "grid")) == 6
    assert size(make(grid)) == math.inf
