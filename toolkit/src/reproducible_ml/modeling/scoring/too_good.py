"""Recognise a model that is too good to be true: far better than any single column.

Such a score usually means that the target is computed from several columns, that they
are known only with it, or that rows of one entity are on both sides of the split.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.pipeline import Pipeline

from reproducible_ml.modeling.metrics.metric import DECIMALS, Floats, Predictions

# A score above this is too good, if so many rows, for classes of each, show it.
LIMITS = {"r2": 0.99, "roc_auc": 0.999, "accuracy": 0.999}
ROWS, CLASS_ROWS = 30, 50

# The strongest column alone must fall short of a perfect score by so much, and by so
# many times what the model does.
SHORT, TIMES = 0.02, 5

# Features that are tried alone, and leaves of the tree that is fitted to one.
ALONE, LEAVES = 20, 32

# Features of the model that are named.
NAMED = 3


class Sample(NamedTuple):
    """Rows of a side of the split: features of the contract, and the target."""

    rows: pd.DataFrame
    actual: npt.NDArray[Any]


def find_too_good(
    scored: Predictions,
    model: Pipeline,
    train: Callable[[], Sample],
    test: Callable[[], Sample],
    importance: pd.DataFrame,
) -> dict[str, Any] | None:
    """Return the score, and that of the strongest column, if it is too good to be true.

    Args:
        scored: All test rows.
        model: The fitted model.
        train: Returns training rows, to fit a tree to each column alone.
        test: Returns test rows to score it on. Both are called only if they are needed.
        importance: Columns `feature` and `importance`, the most important first.

    Returns:
        `metric`, its `value`, that of the strongest column `alone`, this `column`, and
        the `features` that the model relies on most; None if there is nothing to say.
    """
    metric = _metric(scored)
    value = _score(metric, scored.actual, scored.output)
    if not _shows_much(metric, scored.actual) or value <= LIMITS[metric]:
        return None
    alone, column = _strongest(metric, model, train(), test())
    if 1 - alone < max(SHORT, TIMES * (1 - value)):
        return None
    used = importance[importance["importance"] > 0]["feature"]
    return {
        "metric": metric,
        "value": round(value, DECIMALS),
        "alone": round(alone, DECIMALS),
        "column": column,
        "features": [str(name) for name in used[:NAMED]],
    }


def _metric(rows: Predictions) -> str:
    """Return the metric that is looked at."""
    if rows.output.ndim == 2:
        return "accuracy"
    return "roc_auc" if rows.actual.dtype == bool else "r2"


def _score(metric: str, actual: npt.NDArray[Any], output: Floats) -> float:
    from sklearn.metrics import accuracy_score, r2_score, roc_auc_score

    if len(np.unique(actual)) < 2:
        return 0.0
    if metric == "accuracy":
        return float(accuracy_score(actual, output.argmax(axis=1)))
    return float({"roc_auc": roc_auc_score, "r2": r2_score}[metric](actual, output))


def _shows_much(metric: str, actual: npt.NDArray[Any]) -> bool:
    """Return whether there are enough rows: few may all be right by chance."""
    if metric == "r2":
        return len(actual) >= ROWS
    counts = np.unique(actual, return_counts=True)[1]
    return bool(np.sort(counts)[-2:].min() >= CLASS_ROWS)


def _strongest(
    metric: str, model: Pipeline, train: Sample, test: Sample
) -> tuple[float, str]:
    """Return the best score of a tree that knows one feature, and its column."""
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    names = [str(name) for name in model[:-1].get_feature_names_out()]
    known, unseen = (_dense(model[:-1].transform(side.rows)) for side in (train, test))
    kind = DecisionTreeRegressor if metric == "r2" else DecisionTreeClassifier
    best = (0.0, "")
    for place in _closest(known, train.actual):
        tree = kind(max_leaf_nodes=LEAVES, min_samples_leaf=5, random_state=0)
        tree.fit(known[:, [place]], train.actual)
        output = _output(tree, unseen[:, [place]], metric)
        score = _score(metric, test.actual, output)
        best = max(best, (score, _column(names[place], train.rows.columns.tolist())))
    return best


def _output(tree: Any, values: Floats, metric: str) -> Floats:
    """Return the predictions of a tree in the form of `Predictions`."""
    if metric == "r2":
        return np.asarray(tree.predict(values))
    found = np.asarray(tree.predict_proba(values))
    if metric == "roc_auc":
        return np.asarray(found[:, -1])
    output = np.zeros((len(values), int(tree.classes_.max()) + 1))
    output[:, tree.classes_] = found
    return output


def _closest(values: Floats, actual: npt.NDArray[Any]) -> Sequence[int]:
    """Return the features with the highest correlation with the target or a class."""
    missing = np.isnan(values)
    means = np.nansum(values, axis=0) / np.maximum((~missing).sum(axis=0), 1)
    centred = np.where(missing, 0, values - means)
    norms = np.sqrt((centred**2).sum(axis=0))
    labels = np.unique(actual)
    columns = (
        [actual == label for label in labels] if len(labels) <= ALONE else [actual]
    )
    goals = np.column_stack(columns).astype(np.float64)
    goals = (goals - goals.mean(axis=0)) / np.maximum(goals.std(axis=0), 1e-300)
    match = np.abs(centred.T @ goals).max(axis=1) / np.where(norms > 0, norms, np.inf)
    return [int(place) for place in np.argsort(-match, kind="stable")[:ALONE]]


def _dense(values: Any) -> Floats:
    """Return the features as a matrix."""
    plain = values.toarray() if hasattr(values, "toarray") else values
    return np.asarray(plain, dtype=np.float64)


def _column(feature: str, columns: Sequence[str]) -> str:
    """Return the column that a feature was made of, or the feature's own name."""
    plain = feature.partition("__")[2] or feature
    fitting = [
        name for name in columns if plain == name or plain.startswith(f"{name}_")
    ]
    return max(fitting, key=len, default=plain)
