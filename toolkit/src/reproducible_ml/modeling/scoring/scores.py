"""Metrics of test rows, slices and classes, and whether they are too good to be true.

Metrics have 95 % intervals. A score that is far better than that of any single column
usually means that the target is computed from several columns, that they are known only
with it, or that rows of one entity are on both sides of the split.
"""

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.pipeline import Pipeline

from reproducible_ml.core import keys
from reproducible_ml.modeling.metrics.metric import (
    DECIMALS,
    Floats,
    Labels,
    Metric,
    Metrics,
    Predictions,
    unit_decimals,
)
from reproducible_ml.modeling.metrics.multiclass import per_class
from reproducible_ml.modeling.scoring import bootstrap

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


def slices(
    rows: pd.DataFrame, columns: dict[str, tuple[float, ...]]
) -> Iterator[tuple[str, str, Labels]]:
    """Yield column, name and mask of the rows of each slice.

    Args:
        rows: Columns to slice by.
        columns: For each column, the bounds of ranges of numbers; without bounds, each
            value is a slice.
    """
    for column, cuts in columns.items():
        names, codes = grouped(rows[column], cuts)
        for code, name in enumerate(names):
            yield column, name, codes == code


def grouped(
    values: pd.Series, cuts: tuple[float, ...]
) -> tuple[list[str], npt.NDArray[np.intp]]:
    """Return the names of groups, and the place of each value's group among them.

    Args:
        values: Of any type; those that are missing are a group of their own.
        cuts: Bounds of ranges of numbers, which include their lower end; if there are
            none, each value is a group.
    """
    found = _ranges(values, cuts).cat if cuts else values.astype("category").cat
    names = [str(name) for name in found.categories]
    codes = found.codes.to_numpy().astype(np.intp)
    if (codes < 0).any():
        missing = "(missing)"
        while missing in names:
            missing = f"({missing})"
        names, codes = [*names, missing], np.where(codes < 0, len(names), codes)
    return names, codes


def _ranges(values: pd.Series, cuts: tuple[float, ...]) -> pd.Series:
    inner = [f"{low} to {high}" for low, high in pairwise(cuts)]
    names = [f"below {cuts[0]}", *inner, f"{cuts[-1]} and more"]
    edges = [-np.inf, *cuts, np.inf]
    # No range includes its upper end, and thus none would include infinity.
    finite_values = values.astype(float).clip(upper=np.finfo(np.float64).max)
    return pd.cut(finite_values, edges, right=False, labels=names)


class Scores(NamedTuple):
    """Metrics of some rows, and their replicates in the bootstrap."""

    metrics: dict[str, float]
    replicates: dict[str, Floats]
    sampled_rows: int
    decimals: dict[str, int]


def score_rows(
    rows: Predictions,
    row_keys: keys.Keys,
    metrics: Metrics,
    replicates: int,
    limit: int,
) -> Scores:
    """Return the metrics of all rows, and replicates of a sample of them.

    Args:
        rows: Predictions of `n` rows.
        row_keys: Keys of the rows, of shape (n,), or those of `bootstrap.unit_keys`.
        metrics: Metrics to compute, by name.
        replicates: Number of replicates.
        limit: Rows in the sample, at most.
    """
    values = bootstrap.point(rows, metrics)
    chosen = keys.sample_rows(row_keys, limit, keys.salt_from_text("interval"))
    some = take(rows, chosen)
    found = bootstrap.replicate(some, row_keys[chosen], metrics, replicates)
    if len(chosen) < len(row_keys):
        sampled = bootstrap.point(some, metrics)
        found = bootstrap.rescale(values, sampled, found, len(row_keys), len(chosen))
    kept = {
        name: unit_decimals(rows.actual) if metric.in_unit_of_target else DECIMALS
        for name, metric in metrics.items()
    }
    return Scores(values, found, len(chosen), kept)


def take(rows: Predictions, which: np.ndarray[Any, Any]) -> Predictions:
    """Return some of the rows, by positions or by a mask."""
    return rows._replace(actual=rows.actual[which], output=rows.output[which])


def score_slices(
    rows: Predictions,
    columns: pd.DataFrame,
    metrics: Metrics,
    wanted: dict[str, tuple[float, ...]],
    replicates: int,
    limit: int,
) -> dict[str, list[dict[str, Any]]]:
    """Return number of rows and metrics of each slice that has rows.

    Args:
        rows: Predictions of `n` rows.
        columns: Columns to slice by; the index is what is drawn, as `row_keys` of
            `score_rows`.
        metrics: Metrics to compute, by name.
        wanted: For each column, the bounds of ranges of numbers; without bounds, each
            value is a slice.
        replicates: Number of replicates.
        limit: Sampled rows of all slices together, at most.
    """
    row_keys = columns.index.to_numpy(dtype=np.uint64)
    groups = list(slices(columns, wanted))
    limit = max(1, limit // max(1, len(groups)))
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in wanted}
    for column, group, mask in groups:
        if mask.any():
            scores = score_rows(
                take(rows, mask), row_keys[mask], metrics, replicates, limit
            )
            facts = {"group": group, "rows": int(mask.sum())}
            found[column].append({**facts, "metrics": describe(scores)})
    return found


def describe(scores: Scores) -> dict[str, dict[str, float | None]]:
    """Return value, lower and upper end of each metric, None where unknown."""
    return {
        name: _ends(value, scores.replicates[name], scores.decimals[name])
        for name, value in scores.metrics.items()
    }


def _ends(value: float, replicates: Floats, kept: int) -> dict[str, float | None]:
    low, high = bootstrap.percentile_interval(replicates)
    if low == high:
        # As that of a model without an error in some rows: it may make one in others.
        low = high = float("nan")
    numbers = {"value": value, "low": low, "high": high}
    return {name: finite(number, kept) for name, number in numbers.items()}


def finite(value: float, kept: int = DECIMALS) -> float | None:
    """Return the number rounded, or None (null in JSON) if it is NaN or infinite."""
    return round(float(value), kept) if math.isfinite(value) else None


def score_classes(
    rows: Predictions,
    row_keys: keys.Keys,
    names: dict[int, str],
    replicates: int,
    limit: int,
) -> list[dict[str, Any]]:
    """Return number of rows, precision, recall and F1 score of each class.

    Args:
        rows: Predictions of `n` rows of a multiclass task.
        row_keys: Keys of the rows, of shape (n,).
        names: Name of each class, in the order of the report.
        replicates: Number of replicates.
        limit: Rows in the sample behind the replicates, at most.
    """
    chosen = keys.sample_rows(row_keys, limit, keys.salt_from_text("interval"))
    some, kept = take(rows, chosen), row_keys[chosen]
    values, sampled = (
        {name: found[0] for name, found in per_class(each, _once(each)).items()}
        for each in (rows, some)
    )
    chunks = [
        per_class(some, weights) for weights in bootstrap.weightings(kept, replicates)
    ]
    varied = {name: np.concatenate([c[name] for c in chunks]) for name in values}
    if len(chosen) < len(row_keys):
        sizes = len(row_keys), len(chosen)
        varied = bootstrap.rescale(values, sampled, varied, *sizes)
    counts = np.bincount(rows.actual, minlength=rows.output.shape[1])
    return [
        {
            "class": name,
            "rows": int(counts[code]),
            "metrics": {
                metric: _ends(float(found[code]), varied[metric][:, code], DECIMALS)
                for metric, found in values.items()
            },
        }
        for code, name in names.items()
    ]


def _once(rows: Predictions) -> Floats:
    """Return the weighting that counts each row once."""
    return np.ones((1, len(rows.actual)))


def evaluation_report(
    scores: Scores,
    baseline: Scores,
    units: keys.Keys,
    group: str | None,
    metrics: Metrics,
) -> dict[str, Any]:
    """Return the content of reports/evaluation.json about all rows.

    Args:
        scores: Of the model.
        baseline: Of a model without features.
        units: What was drawn, as of `bootstrap.unit_keys`.
        group: The column that units are values of, if it is not the rows.
        metrics: The metrics by name.
    """
    model, simple = describe(scores), describe(baseline)
    drawn = {"interval_group": group, "groups": len(np.unique(units))} if group else {}
    worse = [n for n in model if _is_no_better(n, scores, baseline, metrics[n])]
    return {
        "rows": len(units),
        "interval_rows": scores.sampled_rows,
        **drawn,
        "metrics": {name: {**model[name], "baseline": simple[name]} for name in model},
        **({"no_better_than_baseline": worse} if worse else {}),
    }


def _is_no_better(name: str, model: Scores, baseline: Scores, metric: Metric) -> bool:
    """Return whether a metric, as it is reported, is no better than the baseline's."""
    value, other = (
        round(float(scores.metrics[name]), model.decimals[name])
        for scores in (model, baseline)
    )
    # False for metrics that are not defined (NaN).
    return value <= other if metric.greater_is_better else value >= other


def bootstrap_report(
    scores: Scores,
    row_keys: keys.Keys,
    actual: npt.NDArray[Any],
    names: Mapping[Any, str],
    group: str | None = None,
) -> dict[str, Any]:
    """Return the content of reports/bootstrap.json, for comparing two revisions.

    Args:
        scores: Of all test rows.
        row_keys: Of the rows, shape (n,).
        actual: Their targets as in `Predictions`.
        names: Of the classes, as of the task.
        group: The column whose values were drawn, if it was not the rows.
    """
    return {
        "rows": len(row_keys),
        "interval_rows": scores.sampled_rows,
        **({"interval_group": group} if group else {}),
        "test_set": hashlib.sha256(np.sort(row_keys).tobytes()).hexdigest(),
        "targets": hash_targets(row_keys, actual, names),
        "replicates": {
            name: [finite(value, scores.decimals[name]) for value in values]
            for name, values in scores.replicates.items()
        },
    }


def hash_targets(
    row_keys: keys.Keys, actual: npt.NDArray[Any], names: Mapping[Any, str]
) -> str:
    """Return a hash of the target of each row, in whatever order the rows are.

    Keys say nothing of it: without it, corrected labels would look like a worse model.
    """
    if names:
        # Codes change when a class is added.
        known = {
            code: int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
            for code, name in names.items()
        }
        values = np.array([known[code] for code in actual.tolist()], dtype=np.uint64)
    else:
        # -0.0 equals 0.0, but its bits differ.
        values = (actual.astype(np.float64) + 0.0).view(np.uint64)
    order = np.lexsort((values, row_keys))
    both = np.stack([row_keys[order], values[order]])
    return hashlib.sha256(both.tobytes()).hexdigest()


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
