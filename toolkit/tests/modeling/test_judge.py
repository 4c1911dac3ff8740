"""Tests of reproducible_ml.modeling.scoring.scores."""

import math

import numpy as np
import pandas as pd
import pytest

from reproducible_ml.core.keys import Keys
from reproducible_ml.modeling.metrics import multiclass, regression
from reproducible_ml.modeling.metrics.binary import METRICS
from reproducible_ml.modeling.metrics.metric import Predictions
from reproducible_ml.modeling.scoring.bootstrap import percentile_interval
from reproducible_ml.modeling.scoring.scores import (
    Scores,
    describe,
    finite,
    score_rows,
    score_slices,
    take,
)
from tumour_diagnosis.models.evaluate import Evaluate

PARAMS = Evaluate(metrics=("accuracy", "roc_auc"), replicates=200)
SOME = {name: METRICS[name] for name in PARAMS.metrics}


@pytest.fixture
def columns(row_keys: Keys) -> pd.DataFrame:
    """Return a number and a category of each row of `predicted`."""
    channel = pd.Categorical(["shop", "web"] * 200, categories=["shop", "web", "fax"])
    rows = {"amount": np.linspace(0, 1, 400), "channel": channel}
    return pd.DataFrame(rows, index=row_keys)


def test_all_rows_are_judged(predicted: Predictions, row_keys: Keys) -> None:
    judged = score_rows(predicted, row_keys, SOME, PARAMS, limit=10_000)
    right = (predicted.output >= 0.5) == predicted.actual
    assert judged.metrics["accuracy"] == right.mean()
    assert judged.sampled_rows == 400


def test_a_metric_lies_within_its_interval(
    predicted: Predictions, row_keys: Keys
) -> None:
    judged = score_rows(predicted, row_keys, SOME, PARAMS, limit=10_000)
    for name, value in judged.metrics.items():
        low, high = interval(judged.replicates[name])
        assert low < value < high


def test_metrics_come_from_all_rows_even_if_intervals_do_not(
    predicted: Predictions, row_keys: Keys
) -> None:
    capped = score_rows(predicted, row_keys, SOME, PARAMS, limit=100)
    assert capped.sampled_rows == 100
    assert (
        capped.metrics == score_rows(predicted, row_keys, SOME, PARAMS, 10_000).metrics
    )


def test_intervals_of_fewer_rows_are_about_as_wide(
    predicted: Predictions, row_keys: Keys
) -> None:
    capped = score_rows(predicted, row_keys, SOME, PARAMS, limit=200)
    full = score_rows(predicted, row_keys, SOME, PARAMS, limit=400)
    for name in PARAMS.metrics:
        ratio = capped.replicates[name].std() / full.replicates[name].std()
        assert ratio == pytest.approx(1, abs=0.25)


def test_intervals_of_fewer_rows_lie_around_the_metric_of_all(
    predicted: Predictions, row_keys: Keys
) -> None:
    capped = score_rows(predicted, row_keys, SOME, PARAMS, limit=100)
    for name, value in capped.metrics.items():
        assert capped.replicates[name].mean() == pytest.approx(value, abs=0.01)


def test_the_rows_behind_intervals_are_chosen_by_their_keys(
    predicted: Predictions, row_keys: Keys
) -> None:
    there = score_rows(predicted, row_keys, SOME, PARAMS, limit=100)
    turned = take(predicted, np.arange(400)[::-1])
    back = score_rows(turned, row_keys[::-1], SOME, PARAMS, limit=100)
    for name in PARAMS.metrics:
        np.testing.assert_allclose(there.replicates[name], back.replicates[name])


def test_rows_are_taken_by_mask_or_position(predicted: Predictions) -> None:
    mask = np.arange(400) < 3
    by_mask, by_position = take(predicted, mask), take(predicted, np.arange(3))
    np.testing.assert_array_equal(by_mask.output, predicted.output[:3])
    np.testing.assert_array_equal(by_mask.actual, by_position.actual)
    assert by_mask.threshold == predicted.threshold


def test_a_slice_is_judged_as_its_rows_alone(
    predicted: Predictions, columns: pd.DataFrame, row_keys: Keys
) -> None:
    params = PARAMS.model_copy(update={"slices": {"channel": ()}})
    found = score_slices(predicted, columns, SOME, params)["channel"]
    web = np.arange(400) % 2 == 1
    alone = score_rows(take(predicted, web), row_keys[web], SOME, PARAMS, 10_000)
    assert found[1] == {"group": "web", "rows": 200, "metrics": describe(alone)}


def test_empty_groups_are_left_out(
    predicted: Predictions, columns: pd.DataFrame
) -> None:
    params = PARAMS.model_copy(update={"slices": {"channel": (), "amount": (0.5, 2)}})
    found = score_slices(predicted, columns, SOME, params)
    groups = {name: [group["group"] for group in found[name]] for name in found}
    assert groups == {"channel": ["shop", "web"], "amount": ["below 0.5", "0.5 to 2"]}


def test_groups_share_the_rows_that_intervals_may_use(
    predicted: Predictions, columns: pd.DataFrame, row_keys: Keys
) -> None:
    """So that many slices take no longer than the whole."""
    slices = {"slices": {"amount": (0.5,)}, "interval_rows": 100}
    params = PARAMS.model_copy(update=slices)
    found = score_slices(predicted, columns, SOME, params)["amount"]
    low = np.arange(400) < 200
    capped = score_rows(take(predicted, low), row_keys[low], SOME, PARAMS, limit=50)
    assert found[0]["metrics"] == describe(capped)


def test_without_slices_there_is_nothing_to_judge(
    predicted: Predictions, columns: pd.DataFrame
) -> None:
    assert score_slices(predicted, columns, SOME, PARAMS) == {}


def test_a_metric_is_described_by_value_and_interval() -> None:
    judged = Scores(
        {"accuracy": 0.5}, {"accuracy": np.arange(1001) / 1000}, 10, {"accuracy": 6}
    )
    expected = {"accuracy": {"value": 0.5, "low": 0.025, "high": 0.975}}
    assert describe(judged) == expected


def test_an_undefined_metric_is_described_as_none(row_keys: Keys) -> None:
    one_class = Predictions(np.ones(400, dtype=bool), np.linspace(0, 1, 400), 0.5)
    described = describe(score_rows(one_class, row_keys, SOME, PARAMS, limit=10_000))
    assert described["roc_auc"] == {"value": None, "low": None, "high": None}
    assert described["accuracy"]["value"] == 0.5


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_json_does_not_know_is_none(value: float) -> None:
    assert finite(value) is None


def test_numbers_are_rounded() -> None:
    assert finite(np.float64(2 / 3)) == 0.666667


def test_a_metric_with_a_unit_keeps_digits_and_one_without_keeps_decimals(
    estimated: Predictions, row_keys: Keys
) -> None:
    in_millions = estimated._replace(
        actual=estimated.actual * 1e6, output=estimated.output * 1e6
    )
    few = {name: regression.METRICS[name] for name in ("mae", "r2")}
    judged = score_rows(in_millions, row_keys, few, PARAMS)
    assert judged.decimals == {"mae": 2, "r2": 6}
    described = describe(judged)
    assert described["mae"]["value"] == round(judged.metrics["mae"], 2)
    assert described["r2"]["low"] == round(interval(judged.replicates["r2"])[0], 6)


@pytest.mark.parametrize("kind", ["classified", "estimated"])
def test_rows_of_every_task_are_judged_by_slices(
    kind: str, columns: pd.DataFrame, request: pytest.FixtureRequest
) -> None:
    rows = request.getfixturevalue(kind)
    metrics = (multiclass if kind == "classified" else regression).METRICS
    params = PARAMS.model_copy(update={"slices": {"channel": ()}})
    found = score_slices(rows, columns, metrics, params)["channel"]
    assert [group["rows"] for group in found] == [200, 200]
    web = take(rows, np.arange(400) % 2 == 1)
    for name, metric in metrics.items():
        expected = metric.function(web, np.ones((1, 200)))[0]
        assert found[1]["metrics"][name]["value"] == pytest.approx(expected, abs=1e-6)
