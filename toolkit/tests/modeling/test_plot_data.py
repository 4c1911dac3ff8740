"""The tables behind plots: curves, confusion, residuals, importance, learning."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.pipeline import Pipeline
from sklearn.tree import DecisionTreeClassifier

from reproducible_ml.contract.schema import Contract, Data
from reproducible_ml.contract.target import read_target
from reproducible_ml.core.keys import Keys
from reproducible_ml.core.params import Compute
from reproducible_ml.modeling.metrics.metric import Floats, Predictions
from reproducible_ml.modeling.metrics.tasks import Scorer, make_task
from reproducible_ml.modeling.model.transformers import (
    Calendar,
    CategoryCodes,
    Numbers,
)
from reproducible_ml.modeling.scoring.importance import (
    cut_report,
    importance,
    plan_importance,
    used_columns,
)
from reproducible_ml.modeling.scoring.plot_data import (
    BINS,
    DOTS,
    LEARNING_POINTS,
    POINTS,
    calibration,
    confusion,
    learning_curve,
    precision_recall,
    residual_histogram,
    roc,
    sample_predictions,
    thin,
)
from tumour_diagnosis.models.metrics import LOSS, METRICS

from .conftest import make_contract, make_orders, make_params


@pytest.fixture
def many() -> Predictions:
    """Return rows enough for curves of thousands of points."""
    random = np.random.default_rng(0)
    score = random.random(20_000)
    return Predictions(random.random(20_000) < score, score, 0.5)


def test_roc_curve_of_few_points_has_the_area_of_all(many: Predictions) -> None:
    table = roc(many)
    assert len(table) <= POINTS
    assert table.iloc[[0, -1]].to_numpy().tolist() == [[0, 0], [1, 1]]
    assert table["fpr"].is_monotonic_increasing
    assert table["tpr"].is_monotonic_increasing
    area = np.trapezoid(table["tpr"], table["fpr"])
    assert area == pytest.approx(roc_auc_score(many.actual, many.output), abs=0.001)


def test_precision_and_recall_go_from_the_first_to_all_positives(
    many: Predictions,
) -> None:
    table = precision_recall(many)
    assert len(table) <= POINTS
    assert table["recall"].iloc[[0, -1]].tolist() == [0, 1]
    assert table["recall"].is_unique
    assert table["precision"].iloc[0] == 1
    last = many.actual[many.output >= many.output[many.actual].min()].mean()
    assert table["precision"].iloc[-1] == pytest.approx(last, abs=1e-6)
    area = np.trapezoid(table["precision"], table["recall"])
    expected = average_precision_score(many.actual, many.output)
    assert area == pytest.approx(expected, abs=0.01)


def test_calibrated_model_is_on_the_diagonal(many: Predictions) -> None:
    table = calibration(many)
    assert len(table) == 10
    np.testing.assert_allclose(table["predicted"], table["actual"], atol=0.05)
    constant = calibration(Predictions(np.arange(40) < 10, np.full(40, 0.3)))
    assert constant.to_numpy().tolist() == [[0.3, 0.25]]


def test_curves_are_rounded_and_short_ones_are_whole(many: Predictions) -> None:
    for table in (roc(many), precision_recall(many), calibration(many)):
        pd.testing.assert_frame_equal(table.round(6), table)
    short = pd.DataFrame({"x": np.arange(POINTS / 2)})
    pd.testing.assert_frame_equal(thin(short), short)


def test_confusion_has_all_pairs_of_classes_in_the_order_of_the_names() -> None:
    actual = np.array([0, 0, 0, 1, 1, 1])
    predicted = np.array([0, 0, 1, 0, 1, 1])
    table = confusion(actual, predicted, {1: "b", 0: "a", 2: "c"})
    assert list(table) == ["actual", "predicted", "rows"]
    pairs = [[one, other] for one in "bac" for other in "bac"]
    assert table[["actual", "predicted"]].to_numpy().tolist() == pairs
    assert table["rows"].tolist() == [2, 1, 0, 1, 2, 0, 0, 0, 0]


def estimate(rows: int) -> tuple[Predictions, Keys]:
    """Return numbers, estimates that are about one off, and keys."""
    random = np.random.default_rng(0)
    actual = random.normal(50, 10, rows)
    row_keys = random.integers(0, 2**64, rows, dtype=np.uint64)
    return Predictions(actual, actual + random.normal(size=rows)), row_keys


def test_sample_of_predictions_is_drawn_by_keys() -> None:
    rows, row_keys = estimate(5000)
    table = sample_predictions(rows, row_keys)
    assert len(table) == DOTS
    reverse = Predictions(rows.actual[::-1], rows.output[::-1])
    pd.testing.assert_frame_equal(sample_predictions(reverse, row_keys[::-1]), table)
    two = Predictions(np.array([3.0, 1.0]), np.array([2.5, 2.0]))
    assert sample_predictions(two, row_keys[:2]).to_dict("list") == {
        "predicted": [2.0, 2.5],
        "actual": [1.0, 3.0],
        "residual": [-1.0, 0.5],
    }


def test_histogram_counts_all_rows_and_survives_an_outlier() -> None:
    rows, _ = estimate(5000)
    rows.output[0] = 1e9
    table = residual_histogram(rows)
    assert len(table) == BINS
    assert table["rows"].sum() == 5000
    assert (table["rows"] > 20).all()
    assert abs(table["residual"].iloc[table["rows"].argmax()]) < 0.5
    perfect = np.arange(10.0)
    assert residual_histogram(Predictions(perfect, perfect))["rows"].sum() == 10


@pytest.fixture
def rows() -> pd.DataFrame:
    """Return a column that decides, and two of noise."""
    random = np.random.default_rng(0)
    noise = {name: random.normal(size=200) for name in ("b", "a")}
    return pd.DataFrame({**noise, "decides": random.normal(size=200)})


@pytest.mark.parametrize(
    "compute",
    [
        None,
        Compute(backend="sequential", n_jobs=1),
        Compute(backend="threading", n_jobs=3),
        Compute(backend="loky", n_jobs=2),
    ],
    ids=str,
)
def test_importance_is_that_of_scikit_learn_with_any_number_of_threads(
    rows: pd.DataFrame, compute: Compute | None
) -> None:
    rows = rows.assign(kind=pd.Categorical(["x", "y"] * 100).codes)
    target = (rows["decides"] + rows["a"] > 0).to_numpy()
    model = Pipeline([("estimator", HistGradientBoostingClassifier(max_iter=5))])
    model.fit(rows, target)
    found = importance(model, rows, target, "roc_auc", 3, 7, compute)
    expected = permutation_importance(
        model, rows, target, scoring="roc_auc", n_repeats=3, random_state=7
    )
    table = found.set_index("feature").loc[list(rows)]
    assert table["importance"].tolist() == expected.importances_mean.round(6).tolist()
    assert table["deviation"].tolist() == expected.importances_std.round(6).tolist()
    assert found["importance"].is_monotonic_decreasing


FEATURES = ColumnTransformer(
    [
        ("codes", CategoryCodes({"kind": ["x", "y"]}), ["kind"]),
        ("numbers", Numbers(), ["unused", "decides"]),
        ("dates", Calendar(), ["sent"]),
    ]
)


@pytest.mark.parametrize(
    ("estimator", "used"),
    [
        (HistGradientBoostingClassifier(categorical_features=[0]), {0, 2}),
        (HistGradientBoostingClassifier(categorical_features=[1]), {0, 1, 2, 3}),
        (RandomForestClassifier(5, random_state=0), {0, 2}),
        (GradientBoostingClassifier(n_estimators=5), {0, 2}),
        (DecisionTreeClassifier(), {0, 2}),
        (LogisticRegression(max_iter=1000), {0, 1, 2, 3}),
    ],
    ids=str,
)
def test_columns_that_no_tree_splits_by_are_not_shuffled(
    estimator: Any, used: set[int]
) -> None:
    random = np.random.default_rng(0)
    decides = random.normal(size=300)
    kind = random.choice(["x", "y"], 300)
    rows = pd.DataFrame(
        {
            "kind": pd.Categorical(kind),
            "unused": np.ones(300),
            "decides": decides,
            "sent": pd.Timestamp("2024-01-01"),
        }
    )
    target = (decides > 0) ^ (kind == "x")
    model = Pipeline([("features", FEATURES), ("estimator", estimator)])
    model.fit(rows, target)
    assert set(np.flatnonzero(used_columns(model, rows.columns))) == used
    table = importance(model, rows, target, "roc_auc", 3, 0).set_index("feature")
    expected = permutation_importance(
        model, rows, target, scoring="roc_auc", n_repeats=3, random_state=0
    )
    found = [table["importance"][str(name)] for name in rows]
    assert found == expected.importances_mean.round(6).tolist()


@pytest.mark.parametrize(
    ("limit", "rows_then", "repeats"),
    [(10_000, 400, 5), (5_000, 400, 4), (2_000, 333, 2), (500, 83, 2), (150, 50, 1)],
)
def test_importance_takes_a_limited_number_of_predictions(
    rows: pd.DataFrame, limit: int, rows_then: int, repeats: int
) -> None:
    many = pd.concat([rows, rows]).head(400)
    many.index = pd.Index(np.arange(400, dtype=np.uint64))
    target = (many["decides"] > 0).to_numpy()
    model = Pipeline([("estimator", LogisticRegression())]).fit(many, target)
    plan = plan_importance(model, many.columns, 400, 5, limit)
    assert (plan.rows, plan.repeats) == (rows_then, repeats)
    assert plan.predictions <= limit
    report = cut_report(plan, 3, 400, 5, limit)
    assert report.get("predictions", plan.predictions) == plan.predictions
    assert bool(report) == (limit < 6_000)
    table = importance(model, many, target, "roc_auc", 5, 0, None, plan)
    assert table["feature"].iloc[0] == "decides"


def test_important_columns_come_first_and_equal_ones_by_name(
    rows: pd.DataFrame,
) -> None:
    target = (rows["decides"] > 0).to_numpy()
    model = Pipeline([("estimator", LogisticRegression())]).fit(rows, target)
    table = importance(model, rows, target, "roc_auc", 3, 0)
    assert table["feature"].iloc[0] == "decides"
    assert table["importance"].iloc[0] > 0.3
    np.testing.assert_allclose(table["importance"].iloc[1:], 0, atol=0.01)
    constant = Pipeline([("estimator", LogisticRegression())]).fit(rows * 0, target)
    equal = importance(constant, rows, target, "roc_auc", 2, 0)
    assert equal["feature"].tolist() == ["a", "b", "decides"]


def test_importance_is_a_loss_of_any_score(rows: pd.DataFrame) -> None:
    target = rows["decides"].to_numpy() * 10

    def score(model: Pipeline, shuffled: pd.DataFrame, actual: Floats) -> float:
        return -float(np.abs(model.predict(shuffled) - actual).mean())

    model = Pipeline([("estimator", LinearRegression())]).fit(rows, target)
    assert importance(model, rows, target, "r2", 2, 0)["importance"].iloc[0] > 1
    assert importance(model, rows, target, score, 2, 0)["importance"].iloc[0] > 5


def curve(task: str, estimator: Any) -> tuple[pd.DataFrame, float]:
    """Return the learning curve of a model, and its loss on the test rows."""
    data = Data.model_validate(make_params(task)["data"])
    known = make_task(Contract.model_validate(make_contract(task)), data)
    sides = {}
    for seed, side in enumerate(("train", "test"), start=1):
        rows = make_orders(200, seed, task).dropna()
        sides[side] = rows[["amount", "items"]], read_target(rows, data)
    steps = [("features", "passthrough"), ("estimator", estimator)]
    model = Pipeline(steps).fit(*sides["train"])
    scorer = Scorer(known, METRICS[task][LOSS[task]])
    return learning_curve(model, sides, scorer), scorer.value(model, *sides["test"])


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_learning_curve_falls_to_the_loss_of_the_model(task: str) -> None:
    boosting = HistGradientBoostingClassifier(max_iter=20)
    if task == "regression":
        boosting = HistGradientBoostingRegressor(max_iter=20)
    found, loss = curve(task, boosting)
    assert found["iteration"].tolist() == list(range(1, 21))
    assert found["train"].is_monotonic_decreasing
    assert found["test"].iloc[-1] == pytest.approx(loss, abs=1e-6)


def test_learning_curve_is_short_or_empty() -> None:
    found, _ = curve("binary", HistGradientBoostingClassifier(max_iter=120))
    assert len(found) == LEARNING_POINTS
    assert found["iteration"].iloc[-1] == 120
    found, _ = curve("binary", LogisticRegression())
    assert found.empty
    assert list(found) == ["iteration", "train", "test"]
