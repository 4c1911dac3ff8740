"""Scores of rows, slices and classes, and which are too good to be true."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier as Classifier
from sklearn.ensemble import HistGradientBoostingRegressor as Regressor
from sklearn.pipeline import Pipeline

from reproducible_ml.core.keys import Keys
from reproducible_ml.modeling.drawing.summary import describe_too_good
from reproducible_ml.modeling.metrics.metric import Predictions
from reproducible_ml.modeling.scoring.bootstrap import percentile_interval
from reproducible_ml.modeling.scoring.scores import (
    Sample,
    Scores,
    bootstrap_report,
    describe,
    evaluation_report,
    find_too_good,
    finite,
    hash_targets,
    score_classes,
    score_rows,
    score_slices,
    slices,
    take,
)
from tumour_diagnosis.models.metrics import BINARY, METRICS, REGRESSION

SOME = {name: BINARY[name] for name in ("accuracy", "roc_auc")}
ALL = 10_000


@pytest.fixture
def columns(row_keys: Keys) -> pd.DataFrame:
    """Return a number and a category of each row of `predicted`."""
    channel = pd.Categorical(["shop", "web"] * 200, categories=["shop", "web", "fax"])
    rows = {"amount": np.linspace(0, 1, 400), "channel": channel}
    return pd.DataFrame(rows, index=row_keys)


def test_all_rows_are_scored_and_lie_within_their_interval(
    predicted: Predictions, row_keys: Keys
) -> None:
    scores = score_rows(predicted, row_keys, SOME, 200, ALL)
    right = (predicted.output >= 0.5) == predicted.actual
    assert scores.metrics["accuracy"] == right.mean()
    assert scores.sampled_rows == 400
    for name, value in scores.metrics.items():
        low, high = percentile_interval(scores.replicates[name])
        assert low < value < high


def test_intervals_of_a_sample_are_about_those_of_all_rows(
    predicted: Predictions, row_keys: Keys
) -> None:
    full = score_rows(predicted, row_keys, SOME, 200, ALL)
    sampled = score_rows(predicted, row_keys, SOME, 200, 200)
    assert sampled.sampled_rows == 200
    assert sampled.metrics == full.metrics
    for name, value in full.metrics.items():
        ratio = sampled.replicates[name].std() / full.replicates[name].std()
        assert ratio == pytest.approx(1, abs=0.25)
        assert sampled.replicates[name].mean() == pytest.approx(value, abs=0.01)


def test_sample_does_not_depend_on_the_order_of_rows(
    predicted: Predictions, row_keys: Keys
) -> None:
    scores = score_rows(predicted, row_keys, SOME, 200, 100)
    reverse = take(predicted, np.arange(400)[::-1])
    same = score_rows(reverse, row_keys[::-1], SOME, 200, 100)
    for name in SOME:
        np.testing.assert_allclose(scores.replicates[name], same.replicates[name])


def test_rows_are_taken_by_mask_or_position(predicted: Predictions) -> None:
    rows = predicted._replace(threshold=0.7)
    by_mask, by_position = take(rows, np.arange(400) < 3), take(rows, np.arange(3))
    np.testing.assert_array_equal(by_mask.output, rows.output[:3])
    np.testing.assert_array_equal(by_mask.actual, by_position.actual)
    assert by_mask.threshold == by_position.threshold == 0.7


def members(values: Any, cuts: tuple[float, ...] = ()) -> dict[str, list[int]]:
    """Return the rows of each slice of a column of these values."""
    rows = pd.DataFrame({"column": values})
    found = {}
    for column, name, mask in slices(rows, {"column": cuts}):
        assert column == "column"
        assert mask.dtype == bool
        found[name] = np.flatnonzero(mask).tolist()
    return found


@pytest.mark.parametrize(
    ("values", "cuts", "expected"),
    [
        (
            [0.9, 1.0, 1.9, 2.0, 99.0],
            (1.0, 2.0),
            {"below 1.0": [0], "1.0 to 2.0": [1, 2], "2.0 and more": [3, 4]},
        ),
        ([-1e308, 0.0, 1e308], (0.0,), {"below 0.0": [0], "0.0 and more": [1, 2]}),
        (
            pd.Categorical(["a", "b", "a"], categories=["b", "a", "c"]),
            (),
            {"b": [1], "a": [0, 2], "c": []},
        ),
        ([True, False, True], (), {"False": [1], "True": [0, 2]}),
        (pd.array([3, 1, 3], dtype="Int64"), (), {"1": [1], "3": [0, 2]}),
        (["web", "shop", "web"], (), {"shop": [1], "web": [0, 2]}),
    ],
    ids=["ranges", "one bound", "categories", "bool", "whole numbers", "texts"],
)
def test_slices_are_ranges_or_values(
    values: Any, cuts: tuple[float, ...], expected: dict[str, list[int]]
) -> None:
    found = members(values, cuts)
    assert found == expected
    assert list(found) == list(expected)


@pytest.mark.parametrize(
    ("values", "cuts"),
    [
        ([1.0, np.nan, 3.0], (2.0,)),
        (pd.array([1, None, 3], dtype="Int64"), (2.0,)),
        (pd.array([False, None, True], dtype="boolean"), ()),
        (pd.Categorical(["a", None, "b"]), ()),
        (["a", None, "b"], ()),
    ],
    ids=["float", "Int64", "boolean", "category", "text"],
)
def test_rows_without_a_value_are_a_slice_of_their_own(
    values: Any, cuts: tuple[float, ...]
) -> None:
    found = members(values, cuts)
    assert found.pop("(missing)") == [1]
    assert list(found.values()) == [[0], [2]]


def test_slice_is_scored_as_its_rows_alone_and_empty_ones_are_left_out(
    predicted: Predictions, columns: pd.DataFrame, row_keys: Keys
) -> None:
    wanted = {"channel": (), "amount": (0.5, 2.0)}
    found = score_slices(predicted, columns, SOME, wanted, 200, ALL)
    names = {column: [each["group"] for each in found[column]] for column in found}
    assert names == {
        "channel": ["shop", "web"],
        "amount": ["below 0.5", "0.5 to 2.0"],
    }
    web = np.arange(400) % 2 == 1
    alone = score_rows(take(predicted, web), row_keys[web], SOME, 200, ALL)
    expected = {"group": "web", "rows": 200, "metrics": describe(alone)}
    assert found["channel"][1] == expected
    assert score_slices(predicted, columns, SOME, {}, 200, ALL) == {}


def test_slices_share_the_rows_behind_intervals(
    predicted: Predictions, columns: pd.DataFrame, row_keys: Keys
) -> None:
    """So that many slices take no longer than all rows."""
    found = score_slices(predicted, columns, SOME, {"amount": (0.5,)}, 200, 100)
    low = np.arange(400) < 200
    alone = score_rows(take(predicted, low), row_keys[low], SOME, 200, 50)
    assert found["amount"][0]["metrics"] == describe(alone)


@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_rows_of_other_tasks_are_sliced(
    task: str, columns: pd.DataFrame, classified: Predictions, estimated: Predictions
) -> None:
    rows = classified if task == "multiclass" else estimated
    metrics = METRICS[task]
    found = score_slices(rows, columns, metrics, {"channel": ()}, 100, ALL)["channel"]
    web = take(rows, np.arange(400) % 2 == 1)
    for name, metric in metrics.items():
        expected = metric.function(web, np.ones((1, 200)))[0]
        assert found[1]["metrics"][name]["value"] == pytest.approx(expected, abs=1e-6)


def test_each_class_has_metrics_and_one_without_rows_has_none(
    classified: Predictions, row_keys: Keys
) -> None:
    wider = classified._replace(output=np.pad(classified.output, ((0, 0), (0, 1))))
    names = {1: "small", 0: "medium", 2: "large", 3: "tiny", 4: "none"}
    found = score_classes(wider, row_keys, names, 100, ALL)
    assert [each["class"] for each in found] == list(names.values())
    assert found[0]["rows"] == (classified.actual == 1).sum()
    recall = found[0]["metrics"]["recall"]
    hits = classified.predicted[classified.actual == 1] == 1
    assert recall["value"] == pytest.approx(hits.mean(), abs=1e-6)
    assert recall["low"] < recall["value"] < recall["high"]
    undefined = {"value": None, "low": None, "high": None}
    nothing = dict.fromkeys(("precision", "recall", "f1"), undefined)
    assert found[4] == {"class": "none", "rows": 0, "metrics": nothing}


def test_undefined_metric_is_none_in_reports(row_keys: Keys) -> None:
    one_class = Predictions(np.ones(400, dtype=bool), np.linspace(0, 1, 400), 0.5)
    scores = score_rows(one_class, row_keys, SOME, 100, ALL)
    assert describe(scores)["roc_auc"] == {"value": None, "low": None, "high": None}
    assert describe(scores)["accuracy"]["value"] == 0.5
    report = bootstrap_report(scores, row_keys, one_class.actual, {True: "yes"})
    assert report["replicates"]["roc_auc"] == [None] * 100
    for value in (math.nan, math.inf, -math.inf):
        assert finite(value) is None


def test_no_error_in_some_rows_is_no_interval_without_width(row_keys: Keys) -> None:
    actual = np.arange(400) % 2 == 0
    scores = score_rows(Predictions(actual, actual * 0.9, 0.5), row_keys, SOME, 100, 99)
    assert describe(scores)["accuracy"] == {"value": 1.0, "low": None, "high": None}


def test_numbers_are_rounded_by_their_unit(
    estimated: Predictions, row_keys: Keys
) -> None:
    millions = estimated._replace(
        actual=estimated.actual * 1e6, output=estimated.output * 1e6
    )
    few = {name: REGRESSION[name] for name in ("mae", "r2")}
    scores = score_rows(millions, row_keys, few, 100, ALL)
    assert scores.decimals == {"mae": 2, "r2": 6}
    assert describe(scores)["mae"]["value"] == round(scores.metrics["mae"], 2)
    low, _ = percentile_interval(scores.replicates["r2"])
    assert describe(scores)["r2"]["low"] == round(low, 6)
    assert finite(np.float64(2 / 3)) == 0.666667


def test_reports_hold_values_baseline_and_the_test_set(row_keys: Keys) -> None:
    replicates = {"accuracy": np.arange(1001) / 1000}
    model = Scores({"accuracy": 0.5}, replicates, 10, {"accuracy": 6})
    baseline = model._replace(metrics={"accuracy": 0.25})
    report = evaluation_report(model, baseline, row_keys, None, BINARY)
    assert (report["rows"], report["interval_rows"]) == (400, 10)
    assert {"groups", "no_better_than_baseline"}.isdisjoint(report)
    of_two = evaluation_report(model, baseline, row_keys % 2, "patient", BINARY)
    assert (of_two["interval_group"], of_two["groups"]) == ("patient", 2)
    interval = {"low": 0.025, "high": 0.975}
    assert report["metrics"]["accuracy"] == {
        "value": 0.5,
        **interval,
        "baseline": {"value": 0.25, **interval},
    }
    one, reverse, fewer = (
        bootstrap_report(model, each, np.zeros(len(each)), {})["test_set"]
        for each in (row_keys, row_keys[::-1], row_keys[1:])
    )
    assert one == reverse != fewer


@pytest.mark.parametrize(
    ("metric", "model", "baseline", "named"),
    [
        ("accuracy", 0.7, 0.5, False),
        ("accuracy", 0.5, 0.7, True),
        ("accuracy", 0.5 + 1e-9, 0.5, True),
        ("log_loss", 0.5, 0.7, False),
        ("log_loss", 0.7, 0.5, True),
        ("log_loss", np.inf, 0.5, True),
        ("log_loss", 0.5 - 1e-9, 0.5, True),
        ("f1", np.nan, 0.5, False),
    ],
)
def test_metrics_that_are_no_better_than_the_baseline_are_named(
    metric: str, model: float, baseline: float, named: bool, row_keys: Keys
) -> None:
    one, other = (
        Scores({metric: value}, {metric: np.arange(9) / 9}, 10, {metric: 6})
        for value in (model, baseline)
    )
    report = evaluation_report(one, other, row_keys, None, BINARY)
    assert report.get("no_better_than_baseline", []) == [metric] * named


def test_hash_of_targets_depends_on_each_target_and_on_nothing_else(
    row_keys: Keys,
) -> None:
    names = {0: "a", 1: "b"}
    codes = np.arange(len(row_keys)) % 2
    found = hash_targets(row_keys, codes, names)
    assert found == hash_targets(row_keys[::-1], codes[::-1], names)
    assert found == hash_targets(row_keys, 2 - codes, {2: "a", 1: "b", 0: "new"})
    # As many of each class as before, but of other rows.
    assert found != hash_targets(row_keys, 1 - codes, names)
    numbers = codes - 1.0
    found = hash_targets(row_keys, numbers, {})
    assert found == hash_targets(row_keys, np.where(codes == 1, -0.0, -1.0), {})
    assert found != hash_targets(row_keys, numbers + 1e-9, {})


def score(rows: pd.DataFrame, target: Any, tested: int = 1000) -> Any:
    """Fit a model to all rows but the last, and look at its score on these."""
    actual = np.asarray(target)
    sides = [Sample(rows[:-tested], actual[:-tested])]
    sides += [Sample(rows[-tested:], actual[-tested:])]
    numeric = actual.dtype == np.float64
    estimator = Regressor() if numeric else Classifier()
    kept = ColumnTransformer(
        [("numbers", "passthrough", list(rows))], verbose_feature_names_out=False
    )
    model = Pipeline([("features", kept), ("estimator", estimator)])
    model.fit(*sides[0])
    test = sides[1]
    if numeric:
        output = model.predict(test.rows)
    else:
        output = model.predict_proba(test.rows)
        output = output[:, 1] if actual.dtype == bool else output
    used = pd.DataFrame({"feature": ["a", "b", "c"], "importance": [0.3, 0.2, 0.0]})
    scored = Predictions(test.actual, output)
    return find_too_good(scored, model, lambda: sides[0], lambda: test, used)


@pytest.fixture
def rows() -> pd.DataFrame:
    random = np.random.default_rng(0)
    numbers = random.integers(0, 10, (6000, 3)).astype(float)
    rows = pd.DataFrame(numbers, columns=list("abc"))
    return rows.assign(c=rows["c"].mask(rows["c"] > 8))


def test_number_that_columns_determine_together(rows: pd.DataFrame) -> None:
    found = score(rows, 1.1 * rows["a"] + rows["b"])
    assert found["metric"] == "r2"
    assert found["value"] > 0.99
    assert found["alone"] < 0.7
    assert (found["column"], found["features"]) == ("a", ["a", "b"])
    words = describe_too_good(found)
    assert 'with the strongest single column ("a")' in words
    assert 'relies most on "a", "b". Check that' in words


@pytest.mark.parametrize("classes", [2, 3])
def test_class_that_columns_determine_together(
    classes: int, rows: pd.DataFrame
) -> None:
    both = rows["a"] + rows["b"]
    found = score(rows, both > 9 if classes == 2 else (both // 7).astype(int))
    assert found["metric"] == {2: "roc_auc", 3: "accuracy"}[classes]
    assert found["value"] > 0.999
    assert found["alone"] < 0.95


def test_good_scores_with_a_reason_or_few_rows_are_right(rows: pd.DataFrame) -> None:
    both, noise = rows["a"] + rows["b"], np.random.default_rng(1).normal(size=6000)
    assert score(rows, both + noise) is None
    # A single column says as much.
    assert score(rows, rows["a"] > 5) is None
    assert score(rows, rows["a"] * 3) is None
    assert score(rows, both > 9, tested=60) is None
