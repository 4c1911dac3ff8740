"""Tests of reproducible_ml.modeling.scoring.plot_data."""

import pandas as pd
import pytest
from sklearn.pipeline import Pipeline

from reproducible_ml.contract.schema import Contract
from reproducible_ml.contract.target import read_target
from reproducible_ml.modeling.fitting.estimator import Estimator
from reproducible_ml.modeling.metrics.tasks import make_scorer
from reproducible_ml.modeling.scoring.plot_data import learning_curve
from tumour_diagnosis.models.train import fit
from tumour_diagnosis.params import Params

from .conftest import make_contract, make_orders, make_params


def curve(task: str, path: str = "", **arguments: int) -> tuple[pd.DataFrame, float]:
    """Return the curve of a model, and its loss on the test rows."""
    params = Params.model_validate(make_params(task))
    path = path or params.train.estimator.path
    estimator = Estimator(path=path, arguments=arguments)
    train = params.train.model_copy(update={"estimator": estimator})
    params = params.model_copy(update={"train": train})
    contract = Contract.model_validate(make_contract(task))
    rows = {"train": make_orders(200, 1, task), "test": make_orders(100, 2, task)}
    rows = {side: table.dropna() for side, table in rows.items()}
    model: Pipeline = fit(rows["train"], contract, {}, params)
    scorer = make_scorer(contract, params)
    sides = {side: (t, read_target(t, params.data)) for side, t in rows.items()}
    return learning_curve(model, sides, scorer), scorer.value(model, *sides["test"])


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_curve_falls_and_ends_with_the_loss_of_the_model(task: str) -> None:
    found, loss = curve(task, max_iter=20)
    assert found["iteration"].tolist() == list(range(1, 21))
    assert found["train"].is_monotonic_decreasing
    assert found["test"].iloc[-1] == pytest.approx(loss, abs=1e-6)


def test_long_curve_has_no_more_points_than_can_be_seen() -> None:
    found, _ = curve("binary", max_iter=120)
    assert len(found) == 50
    assert found["iteration"].iloc[-1] == 120


def test_model_without_iterations_has_no_curve() -> None:
    found, _ = curve("binary", "sklearn.linear_model.LogisticRegression")
    assert found.empty
    assert list(found) == ["iteration", "train", "test"]
