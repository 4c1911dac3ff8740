"""The threshold that makes errors cheapest, on out-of-fold predictions."""

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import Pipeline

from reproducible_ml.contract.schema import Column, Contract, Data
from reproducible_ml.modeling.fitting.threshold import Costs, choose_threshold
from reproducible_ml.modeling.metrics.tasks import make_task

DATA = Data(target="late", positive=True)
CONTRACT = Contract(
    columns={
        "x": Column(dtype="float64"),
        "late": Column(dtype="bool"),
    }
)
PIPELINE = Pipeline([("estimator", LogisticRegression())])


def table(count: int = 300) -> tuple[pd.DataFrame, pd.Series]:
    random = np.random.default_rng(0)
    x = random.normal(size=count)
    return pd.DataFrame({"x": x}), pd.Series(x + random.normal(size=count) > 1)


@pytest.mark.parametrize(("alarm", "missed"), [(1, 1), (1, 10), (5, 1), (0.5, 0.7)])
def test_no_other_threshold_is_cheaper_on_out_of_fold_predictions(
    alarm: float, missed: float
) -> None:
    rows, target = table()
    costs = Costs(false_positive=float(alarm), false_negative=float(missed))
    folds = list(KFold(5).split(rows))
    task = make_task(CONTRACT, DATA)
    chosen = choose_threshold(costs, PIPELINE, rows, target, folds, task)
    output = cross_val_predict(
        PIPELINE, rows, target, cv=folds, method="predict_proba"
    )[:, 1]

    def cost(threshold: float) -> float:
        errors = confusion_matrix(target, output >= threshold)
        return float(alarm * errors[0, 1] + missed * errors[1, 0])

    assert cost(chosen) == min(cost(number / 1000) for number in range(1001))
    cautious = missed > alarm
    assert (chosen < 0.5) is cautious or alarm == missed


def test_free_errors_are_always_made() -> None:
    rows, target = table()
    folds, task = list(KFold(2).split(rows)), make_task(CONTRACT, DATA)
    never = Costs(false_positive=1.0, false_negative=0.0)
    always = Costs(false_positive=0.0, false_negative=1.0)
    assert choose_threshold(never, PIPELINE, rows, target, folds, task) == 1
    assert choose_threshold(always, PIPELINE, rows, target, folds, task) == 0
    with pytest.raises(ValidationError, match="must cost something"):
        Costs(false_positive=0.0, false_negative=0.0)
