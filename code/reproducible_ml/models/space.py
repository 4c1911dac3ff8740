"""What a search may give to the arguments of the estimator."""

import math
from collections.abc import Mapping
from typing import Any

from sklearn.pipeline import Pipeline

from reproducible_ml.errors import UserError
from reproducible_ml.params import Range, Search

# How a pipeline names the arguments of its last step.
PREFIX = "estimator__"


def make_space(pipeline: Pipeline, search: Search) -> dict[str, Any]:
    """Return the values of each argument as scikit-learn's searchers take them.

    Raises:
        UserError: The estimator has no such argument.
    """
    known = pipeline.get_params()
    estimator = type(pipeline.named_steps["estimator"]).__name__
    problems = [
        f"params.yaml: train.search.space: {estimator} has no argument {name}"
        for name in search.space
        if PREFIX + name not in known
    ]
    if problems:
        raise UserError("\n".join(problems))
    as_list = search.method == "grid"
    return for_last_step(
        {name: values_of(r, as_list=as_list) for name, r in search.space.items()}
    )


def values_of(values: Range, *, as_list: bool = False) -> Any:
    """Return a range as a distribution, or as a list of all its values."""
    from scipy import stats

    first, last = values.ends[0], values.ends[-1]
    if values.choice:
        return list(values.choice)
    if values.int:
        whole = range(first, last + 1)
        return list(whole) if as_list else stats.randint(whole.start, whole.stop)
    if values.log_uniform:
        return stats.loguniform(first, last)
    return stats.uniform(first, last - first)


def for_last_step(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments by the names that a pipeline gives them."""
    return {PREFIX + name: value for name, value in arguments.items()}


def size(space: dict[str, Any]) -> float:
    """Return how many combinations there are: infinitely many of distributions."""
    lists = [v for v in space.values() if isinstance(v, list)]
    return math.prod(map(len, lists)) if len(lists) == len(space) else math.inf
