"""The tasks that `data.task` in params.yaml may name, and what `evaluate` asks them."""

from collections.abc import Callable, Iterable
from typing import Any, Protocol

import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator

from reproducible_ml.datasets.keys import Keys
from reproducible_ml.datasets.schema import Contract
from reproducible_ml.models.binary import Binary
from reproducible_ml.models.metrics import Floats, Metrics, Predicted
from reproducible_ml.models.multiclass import Multiclass
from reproducible_ml.models.regression import Regression
from reproducible_ml.params import Data, Evaluate


class Task(Protocol):
    """What is special about judging a model of one task."""

    @property
    def metrics(self) -> Metrics:
        """All metrics by name."""

    @property
    def scoring(self) -> str | Callable[..., float]:
        """What the permutation importance is a loss of, as scikit-learn takes it."""

    def actual(self, target: pd.Series) -> npt.NDArray[Any]:
        """Return what is true of each row, as `Predicted` holds it."""

    def output(self, model: Any, rows: pd.DataFrame) -> Floats:
        """Return what a model says of each row of features, as `Predicted` holds it."""

    def baseline(self) -> BaseEstimator:
        """Return an unfitted model that looks at no feature."""

    def tables(self, rows: Predicted, row_keys: Keys) -> dict[str, pd.DataFrame]:
        """Return the tables of all plots that need nothing but predictions."""

    def details(
        self, rows: Predicted, row_keys: Keys, params: Evaluate
    ) -> dict[str, Any]:
        """Return what else reports/evaluation.json should say."""


TASKS: dict[str, Callable[[Contract, Data], Task]] = {
    "binary": Binary,
    "multiclass": Multiclass,
    "regression": Regression,
}


def make_task(contract: Contract, data: Data) -> Task:
    """Return the task of params.yaml, about the target of the contract."""
    return TASKS[data.task](contract, data)


def unknown_metrics(
    key: str, names: Iterable[str], known: Metrics, task: str
) -> list[str]:
    """Return a line for each name in params.yaml that is no metric of the task."""
    return [
        f"params.yaml: {key}: {name} is none of {', '.join(known)}"
        f" (data.task is {task})"
        for name in names
        if name not in known
    ]
