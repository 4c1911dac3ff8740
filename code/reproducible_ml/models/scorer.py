"""Judge a fitted pipeline by a metric, as a search of arguments does for each fold."""

import math
from typing import Any

import numpy as np
import pandas as pd

from reproducible_ml.datasets.schema import Contract
from reproducible_ml.errors import UserError
from reproducible_ml.models.metrics import DECIMALS, Metric, Predicted, unit_decimals
from reproducible_ml.models.tasks import Task, make_task, unknown_metrics
from reproducible_ml.params import Params

# What counts unless params.yaml names a metric: these see every change of a prediction.
METRIC = {"binary": "log_loss", "multiclass": "log_loss", "regression": "rmse"}


class Scorer:
    """Gives a fitted pipeline one of the task's metrics; more is better."""

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
        predicted = Predicted(self.task.actual(target), self.task.output(model, rows))
        once = np.ones((1, len(target)))
        return float(self.metric.function(predicted, once)[0])

    def decimals(self, target: pd.Series) -> int:
        """Return how many decimals to keep, as processors differ in the last ones."""
        if not self.metric.in_unit_of_target:
            return DECIMALS
        return unit_decimals(self.task.actual(target))


def make_scorer(contract: Contract, params: Params, name: str | None = None) -> Scorer:
    """Return what judges by a metric, or by that which suits the task.

    Raises:
        UserError: The task has no such metric.
    """
    task = make_task(contract, params.data)
    name = name or METRIC[params.data.task]
    if problems := unknown_metrics(
        "train.search.metric", [name], task.metrics, params.data.task
    ):
        raise UserError("\n".join(problems))
    return Scorer(task, task.metrics[name])
