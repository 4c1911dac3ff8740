"""Tasks: what differs between two classes, several classes and a number."""

import math
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator

from reproducible_ml.contract.schema import Contract, Data
from reproducible_ml.core.errors import UserError
from reproducible_ml.modeling.metrics.binary import Binary
from reproducible_ml.modeling.metrics.metric import (
    DECIMALS,
    Floats,
    Metric,
    Metrics,
    Predictions,
    unit_decimals,
)
from reproducible_ml.modeling.metrics.multiclass import Multiclass
from reproducible_ml.modeling.metrics.regression import Regression


class Task(Protocol):
    """What is particular to predictions of one task."""

    @property
    def names(self) -> dict[Any, str]:
        """Name of each class, in the order of reports; empty for numbers."""

    @property
    def scoring(self) -> str | Callable[..., float]:
        """What the permutation importance is a loss of, as scikit-learn takes it."""

    def actual(self, target: pd.Series) -> npt.NDArray[Any]:
        """Return what is true of each row, as `Predictions` holds it."""

    def output(self, model: Any, rows: pd.DataFrame) -> Floats:
        """Return what a model says of each row of features, as `Predictions` holds it."""

    def baseline(self) -> BaseEstimator:
        """Return an unfitted model that looks at no feature."""


TASKS: dict[str, Callable[[Contract, Data], Task]] = {
    "binary": Binary,
    "multiclass": Multiclass,
    "regression": Regression,
}


def make_task(contract: Contract, data: Data) -> Task:
    """Return the task of params.yaml, about the target of the contract."""
    return TASKS[data.task](contract, data)


def choose_metrics(
    key: str, names: Iterable[str], known: Metrics, task: str
) -> Metrics:
    """Return the metrics that params.yaml names under `key`.

    Raises:
        UserError: A line for each name that is not a metric of the task.
    """
    names = list(names)
    if unknown := [name for name in names if name not in known]:
        rest = f"is not one of {', '.join(known)} (data.task is {task})"
        lines = [f"params.yaml: {key}: {name} {rest}" for name in unknown]
        raise UserError("\n".join(lines))
    return {name: known[name] for name in names}


class Scorer:
    """Scores a fitted pipeline by one metric; a higher score is better."""

    def __init__(self, task: Task, metric: Metric) -> None:
        self.task = task
        self.metric = metric
        self.sign = 1 if metric.greater_is_better else -1

    def __call__(self, model: Any, rows: pd.DataFrame, target: pd.Series) -> float:
        """Return the metric of some rows, or its negative if less is better.

        It is NaN for a trial of a search that could not be fitted.
        """
        if getattr(model, "failure", None):
            return math.nan
        return self.sign * self.value(model, rows, target)

    def value(self, model: Any, rows: Any, target: pd.Series) -> float:
        """Return the metric of some rows."""
        predicted = Predictions(self.task.actual(target), self.task.output(model, rows))
        once = np.ones((1, len(target)))
        return float(self.metric.function(predicted, once)[0])

    def decimals(self, target: pd.Series) -> int:
        """Return how many decimals to keep, as processors differ in the last ones."""
        if not self.metric.in_unit_of_target:
            return DECIMALS
        return unit_decimals(self.task.actual(target))


def steps(last: int, count: int) -> list[int]:
    """Return at most `count` iterations at which to score, up to the last one."""
    return sorted({int(n) for n in np.linspace(0, last, count + 1).round()} - {0})
