"""Tasks: what differs between binary, multiclass and regression problems."""

import math
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

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

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator


class Task(Protocol):
    """How models of a task predict, and how their predictions are scored."""

    @property
    def names(self) -> dict[Any, str]:
        """Name of each class, in the order of reports; empty for regression."""

    @property
    def scoring(self) -> str | Callable[..., float]:
        """Scoring of the permutation importance, as scikit-learn takes it."""

    def actual(self, target: pd.Series) -> npt.NDArray[Any]:
        """Return the actual values of rows in the form of `Predictions`."""

    def output(self, model: Any, rows: pd.DataFrame) -> Floats:
        """Return the output of a model for rows in the form of `Predictions`."""

    def baseline(self) -> "BaseEstimator":
        """Return an unfitted model that ignores the features."""


TASKS: dict[str, Callable[[Contract, Data], Task]] = {
    "binary": Binary,
    "multiclass": Multiclass,
    "regression": Regression,
}


def make_task(contract: Contract, data: Data) -> Task:
    """Return the task that params.yaml names, for the target of the contract."""
    return TASKS[data.task](contract, data)


def choose_metrics(
    key: str, names: Iterable[str], known: Metrics, task: str
) -> Metrics:
    """Return the metrics that params.yaml names under `key`.

    Args:
        key: Where the names stand, as `evaluate.metrics`.
        names: Names of metrics.
        known: All metrics of the task.
        task: `binary`, `multiclass` or `regression`.

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
    """Scores a fitted pipeline by one metric, as scikit-learn's scorers do."""

    def __init__(self, task: Task, metric: Metric) -> None:
        self.task = task
        self.metric = metric
        self.sign = 1 if metric.greater_is_better else -1

    def __call__(self, model: Any, rows: pd.DataFrame, target: pd.Series) -> float:
        """Return the metric of some rows, negated if a lower one is better.

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
        """Return the number of decimals to keep, as processors differ in the last."""
        if not self.metric.in_unit_of_target:
            return DECIMALS
        return unit_decimals(self.task.actual(target))


def steps(last: int, count: int) -> list[int]:
    """Return at most `count` evenly spaced iterations, the last among them."""
    return sorted({int(n) for n in np.linspace(0, last, count + 1).round()} - {0})
