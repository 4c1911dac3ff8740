"""Tests of reproducible_ml.modeling.metrics.tasks."""

import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.metrics import log_loss, roc_auc_score

from reproducible_ml.contract.schema import Contract
from reproducible_ml.contract.target import read_target
from reproducible_ml.core.errors import UserError
from reproducible_ml.modeling.metrics.tasks import make_scorer
from tumour_diagnosis.models.train import fit
from tumour_diagnosis.params import Params

from .conftest import make_contract, make_orders, make_params


def test_score_is_the_metric_of_the_rows(
    orders: pd.DataFrame, contract: Contract, params: Params
) -> None:
    model = fit(orders, contract, {}, params)
    target = read_target(orders, params.data)
    chance = model.predict_proba(orders)[:, 1]
    score = make_scorer(contract, params, "roc_auc")(model, orders, target)
    assert score == pytest.approx(roc_auc_score(target, chance))


def test_more_is_better_also_of_losses(
    orders: pd.DataFrame, contract: Contract, params: Params
) -> None:
    model = fit(orders, contract, {}, params)
    target = read_target(orders, params.data)
    loss = log_loss(target, model.predict_proba(orders))
    scorer = make_scorer(contract, params)
    assert scorer(model, orders, target) == pytest.approx(-loss)
    assert scorer.value(model, orders, target) == pytest.approx(loss)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_every_task_has_a_metric_that_suits_it(task: str) -> None:
    params = Params.model_validate(make_params(task))
    contract = Contract.model_validate(make_contract(task))
    rows = make_orders(100, 1, task)
    model = fit(rows, contract, {}, params)
    scorer = make_scorer(contract, params)
    target = read_target(rows, params.data)
    assert scorer(model, rows, target) < 0


def test_unknown_metric_is_told_with_those_there_are(
    contract: Contract, params: Params
) -> None:
    with pytest.raises(UserError) as caught:
        make_scorer(contract, params, "rmse")
    assert str(caught.value).startswith(
        "params.yaml: train.search.metric: rmse is none of roc_auc, "
    )


def test_decimals_follow_the_unit_of_the_target() -> None:
    params = Params.model_validate(make_params("regression"))
    contract = Contract.model_validate(make_contract("regression"))
    scorer = make_scorer(contract, params)
    assert scorer.decimals(pd.Series([1e-6, 2e-6])) > 12
    assert scorer.decimals(pd.Series([1e6, 2e6])) == 3
    assert make_scorer(contract, params, "r2").decimals(pd.Series([1e6])) == 6


def test_class_that_no_row_has_makes_no_number(
    orders: pd.DataFrame, contract: Contract, params: Params
) -> None:
    target = read_target(orders, params.data)
    dummy = DummyClassifier(strategy="prior").fit(orders, target)
    some = orders[target.to_numpy()]
    score = make_scorer(contract, params, "roc_auc")(
        dummy, some, read_target(some, params.data)
    )
    assert score != score
