"""Tests of reproducible_ml.modeling.scoring.plot_data."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.pipeline import Pipeline

from reproducible_ml.core.keys import Keys
from reproducible_ml.modeling.metrics.metric import Floats, Predictions
from reproducible_ml.modeling.scoring.plot_data import (
    BINS,
    DOTS,
    POINTS,
    calibration,
    confusion,
    dots,
    importance,
    precision_recall,
    residual_histogram,
    roc,
    thin,
)


@pytest.fixture
def many() -> Predictions:
    """Return rows enough for curves of thousands of points."""
    random = np.random.default_rng(0)
    score = random.random(20_000)
    return Predictions(random.random(20_000) < score, score, 0.5)


def test_curves_have_no_more_points_than_a_picture_shows(many: Predictions) -> None:
    assert len(roc(many)) <= POINTS
    assert len(precision_recall(many)) <= POINTS


def test_a_short_table_keeps_all_rows() -> None:
    table = pd.DataFrame({"x": np.arange(POINTS / 2)})
    pd.testing.assert_frame_equal(thin(table), table)


def test_the_roc_curve_goes_from_corner_to_corner(many: Predictions) -> None:
    table = roc(many)
    assert table.iloc[[0, -1]].to_numpy().tolist() == [[0, 0], [1, 1]]
    assert table["fpr"].is_monotonic_increasing
    assert table["tpr"].is_monotonic_increasing


def test_few_points_have_the_area_of_all(many: Predictions) -> None:
    table = roc(many)
    area = np.trapezoid(table["tpr"], table["fpr"])
    assert area == pytest.approx(roc_auc_score(many.actual, many.output), abs=0.001)


def test_precision_and_recall_rise_from_nothing_found_to_all(many: Predictions) -> None:
    table = precision_recall(many)
    assert table["recall"].iloc[[0, -1]].tolist() == [0, 1]
    assert table["recall"].is_unique
    assert table["precision"].iloc[0] == 1
    lowest = many.output[many.actual].min()
    found = many.actual[many.output >= lowest].mean()
    assert table["precision"].iloc[-1] == pytest.approx(found, abs=1e-6)


def test_precision_and_recall_have_the_area_of_all_points(many: Predictions) -> None:
    table = precision_recall(many)
    area = np.trapezoid(table["precision"], table["recall"])
    expected = average_precision_score(many.actual, many.output)
    assert area == pytest.approx(expected, abs=0.01)


def test_a_calibrated_model_is_on_the_diagonal(many: Predictions) -> None:
    table = calibration(many)
    assert len(table) == 10
    np.testing.assert_allclose(table["predicted"], table["actual"], atol=0.05)


def test_one_score_for_all_rows_gives_one_point_of_calibration() -> None:
    rows = Predictions(np.arange(40) < 10, np.full(40, 0.3), 0.5)
    table = calibration(rows)
    assert table.to_numpy().tolist() == [[0.3, 0.25]]


def test_confusion_counts_rows_of_each_pair_of_classes() -> None:
    actual = np.array([False] * 3 + [True] * 7)
    score = np.array([0.9, 0.1, 0.1, 0.1, 0.1, 0.5, 0.9, 0.9, 0.9, 0.9])
    table = confusion(actual, score >= 0.5, {False: "no", True: "yes"})
    assert table.to_numpy().tolist() == [
        ["no", "no", 2],
        ["no", "yes", 1],
        ["yes", "no", 2],
        ["yes", "yes", 5],
    ]


def test_confusion_has_all_pairs_even_of_a_class_nobody_predicts() -> None:
    actual, predicted = np.array([True, True]), np.array([False, False])
    table = confusion(actual, predicted, {False: "no", True: "yes"})
    assert table["rows"].tolist() == [0, 0, 2, 0]


def test_confusion_shows_classes_in_the_order_of_their_names() -> None:
    table = confusion(np.array([0, 1]), np.array([0, 0]), {1: "b", 0: "a"})
    assert table.to_numpy().tolist() == [
        ["b", "b", 0],
        ["b", "a", 1],
        ["a", "b", 0],
        ["a", "a", 1],
    ]


def estimate(rows: int) -> tuple[Predictions, Keys]:
    """Return numbers, estimates that are about one off, and keys."""
    random = np.random.default_rng(0)
    actual = random.normal(50, 10, rows)
    row_keys = random.integers(0, 2**64, rows, dtype=np.uint64)
    return Predictions(actual, actual + random.normal(size=rows)), row_keys


def test_dots_are_no_more_than_a_picture_shows() -> None:
    assert len(sample_predictions(*estimate(5000))) == DOTS
    assert len(sample_predictions(*estimate(50))) == 50


def test_dots_do_not_depend_on_the_order_of_rows() -> None:
    rows, row_keys = estimate(5000)
    turned = Predictions(rows.actual[::-1], rows.output[::-1])
    pd.testing.assert_frame_equal(
        sample_predictions(turned, row_keys[::-1]), sample_predictions(rows, row_keys)
    )


def test_dots_hold_what_is_true_what_is_predicted_and_the_difference() -> None:
    rows = Predictions(np.array([3.0, 1.0]), np.array([2.5, 2.0]))
    table = sample_predictions(rows, np.array([1, 2], dtype=np.uint64))
    assert table.to_dict("list") == {
        "predicted": [2.0, 2.5],
        "actual": [1.0, 3.0],
        "residual": [-1.0, 0.5],
    }


def test_the_histogram_counts_all_rows() -> None:
    rows, _ = estimate(5000)
    table = residual_histogram(rows)
    assert len(table) == BINS
    assert table["rows"].sum() == 5000
    assert table["residual"].is_monotonic_increasing
    assert abs(table["residual"].iloc[table["rows"].argmax()]) < 0.5


def test_one_outlier_does_not_flatten_the_histogram() -> None:
    rows, _ = estimate(5000)
    rows.output[0] = 1e9
    assert (residual_histogram(rows)["rows"] > 20).all()


def test_a_perfect_model_has_a_histogram() -> None:
    perfect = np.arange(10.0)
    assert residual_histogram(Predictions(perfect, perfect))["rows"].sum() == 10


def test_numbers_are_rounded(many: Predictions) -> None:
    for table in (roc(many), precision_recall(many), calibration(many)):
        pd.testing.assert_frame_equal(table.round(6), table)


@pytest.fixture
def rows() -> pd.DataFrame:
    """Return a column that decides, and two that say nothing."""
    random = np.random.default_rng(0)
    useless = {name: random.normal(size=200) for name in ("b", "a")}
    return pd.DataFrame({**useless, "decides": random.normal(size=200)})


def test_the_column_that_decides_is_the_most_important(rows: pd.DataFrame) -> None:
    positive = (rows["decides"] > 0).to_numpy()
    model = Pipeline([("estimator", LogisticRegression())]).fit(rows, positive)
    table = importance(model, rows, positive, "roc_auc", repeats=3, seed=0)
    assert table["feature"].iloc[0] == "decides"
    assert table["importance"].iloc[0] > 0.3
    np.testing.assert_allclose(table["importance"].iloc[1:], 0, atol=0.01)


def test_equally_important_columns_are_in_the_order_of_their_names(
    rows: pd.DataFrame,
) -> None:
    positive = (rows["decides"] > 0).to_numpy()
    model = Pipeline([("estimator", LogisticRegression())]).fit(rows * 0, positive)
    table = importance(model, rows, positive, "roc_auc", repeats=2, seed=0)
    assert table["feature"].tolist() == ["a", "b", "decides"]


def test_importance_depends_on_the_seed_alone(rows: pd.DataFrame) -> None:
    positive = (rows["decides"] + rows["a"] > 0).to_numpy()
    model = Pipeline([("estimator", LogisticRegression())]).fit(rows, positive)
    first, again, other = (
        importance(model, rows, positive, "roc_auc", repeats=2, seed=seed)
        for seed in (0, 0, 1)
    )
    pd.testing.assert_frame_equal(first, again)
    assert not first.equals(other)


def test_importance_is_a_loss_of_any_score(rows: pd.DataFrame) -> None:
    target = rows["decides"].to_numpy() * 10

    def score(model: Pipeline, shuffled: pd.DataFrame, actual: Floats) -> float:
        return -float(np.abs(model.predict(shuffled) - actual).mean())

    model = Pipeline([("estimator", LinearRegression())]).fit(rows, target)
    by_r2 = importance(model, rows, target, "r2", repeats=2, seed=0)
    by_error = importance(model, rows, target, score, repeats=2, seed=0)
    assert by_r2["importance"].iloc[0] > 1
    assert by_error["importance"].iloc[0] > 5
