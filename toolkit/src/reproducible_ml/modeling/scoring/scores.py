"""Metrics of the test rows, and of slices and classes of them, with 95 % intervals."""

import hashlib
import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from reproducible_ml.core import keys
from reproducible_ml.modeling.metrics.metric import (
    DECIMALS,
    Floats,
    Labels,
    Metrics,
    Predictions,
    unit_decimals,
)
from reproducible_ml.modeling.metrics.multiclass import per_class
from reproducible_ml.modeling.scoring import bootstrap


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
        groups = _cut(rows[column], cuts) if cuts else rows[column].astype("category")
        for name in groups.cat.categories:
            yield column, str(name), (groups == name).to_numpy(dtype=bool)


def _cut(values: pd.Series, cuts: tuple[float, ...]) -> pd.Series:
    """Return the range of each value; a range includes its lower end."""
    inner = [f"{low} to {high}" for low, high in pairwise(cuts)]
    names = [f"below {cuts[0]}", *inner, f"{cuts[-1]} and more"]
    edges = [-np.inf, *cuts, np.inf]
    return pd.cut(values.astype(float), edges, right=False, labels=names)


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
        row_keys: Keys of the rows, of shape (n,).
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
        columns: Columns to slice by, with the keys of the rows as index.
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
    """Return value, lower and upper end of each metric, None where undefined."""
    return {
        name: _ends(value, scores.replicates[name], scores.decimals[name])
        for name, value in scores.metrics.items()
    }


def _ends(value: float, replicates: Floats, kept: int) -> dict[str, float | None]:
    low, high = bootstrap.percentile_interval(replicates)
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


def evaluation_report(scores: Scores, baseline: Scores, rows: int) -> dict[str, Any]:
    """Return the content of reports/evaluation.json about all rows."""
    model, simple = describe(scores), describe(baseline)
    return {
        "rows": rows,
        "interval_rows": scores.sampled_rows,
        "metrics": {name: {**model[name], "baseline": simple[name]} for name in model},
    }


def bootstrap_report(scores: Scores, row_keys: keys.Keys) -> dict[str, Any]:
    """Return the content of reports/bootstrap.json, for comparing two revisions."""
    return {
        "rows": len(row_keys),
        "interval_rows": scores.sampled_rows,
        "test_set": hashlib.sha256(np.sort(row_keys).tobytes()).hexdigest(),
        "replicates": {
            name: [finite(value, scores.decimals[name]) for value in values]
            for name, values in scores.replicates.items()
        },
    }
