"""The probability from which the positive class is predicted, by costs of errors."""

import logging
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import model_validator
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from reproducible_ml.core.params import Distance, Section
from reproducible_ml.modeling.fitting.estimator import row_weights
from reproducible_ml.modeling.fitting.search import Fold, for_last_step
from reproducible_ml.modeling.metrics.tasks import Task

logger = logging.getLogger(__name__)

# Thresholds that are compared: processors differ in the last digits of probabilities.
CANDIDATES = 1000


class Costs(Section):
    """What an error costs, in any unit: a false alarm, and a positive row not found."""

    false_positive: Distance
    false_negative: Distance

    @model_validator(mode="after")
    def _errors_cost_something(self) -> "Costs":
        if self.false_positive + self.false_negative == 0:
            raise ValueError("at least one of the two errors must cost something")
        return self

    @property
    def theoretical(self) -> float:
        """The best threshold if probabilities are calibrated (Elkan, 2001, eq. 2)."""
        return self.false_positive / (self.false_positive + self.false_negative)


def choose_threshold(
    costs: Costs,
    pipeline: Pipeline,
    rows: pd.DataFrame,
    target: pd.Series,
    folds: list[Fold],
    task: Task,
    class_weight: str | None = None,
) -> float:
    """Return the threshold with the lowest cost on out-of-fold predictions.

    Args:
        costs: Of the errors.
        pipeline: Unfitted; it is fitted once for each fold.
        rows: Features of `n` training rows.
        target: Class of each row, of shape (n,).
        folds: Positions of the rows to fit to, and of those to predict.
        task: A binary one.
        class_weight: As in params.yaml.

    Returns:
        One of the numbers from 0 to 1 with three decimals. Of several that cost the
        same, the one nearest to that for calibrated probabilities.
    """
    actual, output = [], []
    for fitted_to, predicted in folds:
        model, known = clone(pipeline), target.iloc[fitted_to]
        weights = row_weights(model.named_steps["estimator"], known, class_weight)
        model.fit(rows.iloc[fitted_to], known, **for_last_step(weights))
        actual.append(task.actual(target.iloc[predicted]))
        output.append(task.output(model, rows.iloc[predicted]))
    total = _costs(np.concatenate(actual), np.concatenate(output), costs)
    cheapest = np.flatnonzero(total == total.min())
    nearest = np.abs(cheapest / CANDIDATES - costs.theoretical).argmin()
    threshold = float(cheapest[nearest] / CANDIDATES)
    logger.info(
        "Threshold %.3f: errors cost %g on out-of-fold predictions, %g at 0.5",
        threshold,
        total.min(),
        total[CANDIDATES // 2],
    )
    return threshold


def _costs(
    actual: npt.NDArray[np.bool_], output: npt.NDArray[Any], costs: Costs
) -> npt.NDArray[np.float64]:
    """Return the cost of all errors at each candidate from 0 to 1."""
    candidates = np.arange(CANDIDATES + 1) / CANDIDATES
    # Rows below a candidate are predicted negative, those on it positive.
    missed = np.searchsorted(np.sort(output[actual]), candidates, side="left")
    avoided = np.searchsorted(np.sort(output[~actual]), candidates, side="left")
    alarms = np.count_nonzero(~actual) - avoided
    return np.asarray(costs.false_negative * missed + costs.false_positive * alarms)
