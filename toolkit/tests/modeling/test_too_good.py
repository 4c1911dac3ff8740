"""Scores that are too good to be true."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier as Classifier
from sklearn.ensemble import HistGradientBoostingRegressor as Regressor
from sklearn.pipeline import Pipeline

from reproducible_ml.modeling.drawing.summary import describe_too_good
from reproducible_ml.modeling.metrics.metric import Predictions
from reproducible_ml.modeling.scoring.too_good import Sample, find_too_good


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
