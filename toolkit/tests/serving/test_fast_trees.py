"""All trees of a boosted model are followed at once, as scikit-learn follows them."""

from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)

from reproducible_ml.serving.fast_trees import FEW_ROWS, FastTrees

KINDS: dict[str, Any] = {
    "binary": HistGradientBoostingClassifier(max_iter=40),
    "64 leaves": HistGradientBoostingClassifier(max_iter=40, max_leaf_nodes=64),
    "one split each": HistGradientBoostingClassifier(max_iter=60, max_leaf_nodes=2),
    "several classes": HistGradientBoostingClassifier(max_iter=15),
    "regression": HistGradientBoostingRegressor(max_iter=40),
    "counts": HistGradientBoostingRegressor(loss="poisson", max_iter=40),
    "categories": HistGradientBoostingClassifier(
        max_iter=40, categorical_features=[1, 3]
    ),
}


def make_table(rows: int, seed: int) -> Any:
    """Return columns, the second and fourth with codes of categories."""
    random = np.random.default_rng(seed)
    table = random.normal(size=(rows, 5))
    table[:, 2] = table[:, 2].round(1)
    table[random.random(table.shape) < 0.1] = np.nan
    table[:, 1] = random.choice([0, 1, 2, 5, 7, np.nan], rows)
    table[:, 3] = random.integers(0, 40, rows)
    return table


def make_target(table: Any, kind: str) -> Any:
    filled = np.nan_to_num(table, nan=0.7)
    score = filled[:, 0] + filled[:, 2] * (filled[:, 1] > 1) + np.sin(filled[:, 3])
    if kind == "several classes":
        return np.digitize(score, [-0.5, 0.5])
    if kind == "counts":
        return np.floor(np.exp(score.clip(-2, 2)))
    return score if kind == "regression" else score > 0.3


@pytest.mark.parametrize("kind", KINDS)
def test_answers_are_those_of_scikit_learn(kind: str) -> None:
    table = make_table(3000, 1)
    estimator = KINDS[kind].fit(table, make_target(table, kind))
    fast = FastTrees.of(estimator)
    assert fast is not None
    rows = make_table(1500, 2)
    rows[:5, ::2] = [[np.inf], [-np.inf], [np.nan], [-0.0], [1e300]]
    rows[6:9, 1] = 3, 0.5, 300  # categories that were not in training
    edges = fast.features[0].edges
    if not fast.features[0].is_categorical:
        rows[20 : 20 + len(edges), fast.features[0].column] = edges
    is_classifier = hasattr(estimator, "predict_proba")
    method = "predict_proba" if is_classifier else "predict"
    for count in (0, 1, 7, FEW_ROWS, FEW_ROWS + 1, 1500):
        for some in (rows[:count], np.asfortranarray(rows[:count])):
            if count:
                expected = getattr(estimator, method)(some)
            else:
                expected = getattr(estimator, method)(rows)[:0]
            np.testing.assert_array_equal(getattr(fast, method)(some), expected)


def test_what_is_no_faster_is_left_to_scikit_learn() -> None:
    table = make_table(3000, 1)
    target = make_target(table, "binary")
    many = HistGradientBoostingClassifier(max_iter=10, max_leaf_nodes=200)
    few = HistGradientBoostingClassifier(max_iter=2)
    for estimator in (many, few, RandomForestClassifier(5)):
        assert FastTrees.of(estimator.fit(table, target)) is None


def test_other_rules_than_those_known_are_left_to_scikit_learn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = make_table(3000, 1)
    estimator = KINDS["binary"].fit(table, make_target(table, "binary"))
    later = HistGradientBoostingClassifier._raw_predict
    monkeypatch.setattr(
        HistGradientBoostingClassifier,
        "_raw_predict",
        lambda self, rows: later(self, rows) + 1e-9,
    )
    assert FastTrees.of(estimator) is None
