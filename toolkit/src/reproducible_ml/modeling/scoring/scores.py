"""Metrics of a set of rows and of groups of them, with 95 % intervals."""

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
from reproducible_ml.modeling.metrics.multiclass import PER_CLASS
from reproducible_ml.modeling.scoring import bootstrap


def slices(
    rows: pd.DataFrame, columns: dict[str, tuple[float, ...]]
) -> Iterator[tuple[str, str, Labels]]:
    """Yield column, name of the group, and which rows belong to it.

    Args:
        rows: Columns to group by.
        columns: For each, where to cut it if it holds numbers; without cuts, every
            value is a group.
    """
    for column, cuts in columns.items():
        groups = _cut(rows[column], cuts) if cuts else rows[column].astype("category")
        for name in groups.cat.categories:
            yield column, str(name), (groups == name).to_numpy(dtype=bool)


def _cut(values: pd.Series, cuts: tuple[float, ...]) -> pd.Series:
    """Return the range that each value falls into; the lower end belongs to it."""
    inner = [f"{low} to {high}" for low, high in pairwise(cuts)]
    names = [f"below {cuts[0]}", *inner, f"{cuts[-1]} and more"]
    edges = [-np.inf, *cuts, np.inf]
    return pd.cut(values.astype(float), edges, right=False, labels=names)


class Scores(NamedTuple):
    """Metrics of some rows, and what they might have been on other rows."""

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
    """Return the metrics of all rows, and replicates from some of them.

    Args:
        rows: `n` predicted rows.
        row_keys: Their keys, of shape (n,).
        metrics: What to compute, by name.
        replicates: How many replicates.
        limit: From how many rows at most.
    """
    values = bootstrap.point(rows, metrics)
    chosen = keys.sample_rows(row_keys, limit, keys.salt_from_text("interval"))
    some = take(rows, chosen)
    found = bootstrap.replicate(some, row_keys[chosen], metrics, replicates)
    if len(chosen) < len(row_keys):
        sampled = bootstrap.point(some, metrics)
        found = bootstrap.spread(values, sampled, found, len(row_keys), len(chosen))
    kept = {
        name: unit_decimals(rows.actual) if metric.in_unit_of_target else DECIMALS
        for name, metric in metrics.items()
    }
    return Scores(values, found, len(chosen), kept)


def take(rows: Predictions, which: np.ndarray[Any, Any]) -> Predictions:
    """Return some of the rows, by their positions or by a mask."""
    return rows._replace(actual=rows.actual[which], output=rows.output[which])


def score_slices(
    rows: Predictions,
    columns: pd.DataFrame,
    metrics: Metrics,
    wanted: dict[str, tuple[float, ...]],
    replicates: int,
    limit: int,
) -> dict[str, list[dict[str, Any]]]:
    """Return rows and metrics of each group that `wanted` names.

    Args:
        rows: Predictions rows.
        columns: The same rows: columns to group by, and their keys as the index.
        metrics: What to compute, by name.
        wanted: Columns to group by, and where to cut those that hold numbers.
        replicates: How many replicates.
        limit: From how many rows of all groups together at most.
    """
    row_keys = columns.index.to_numpy(dtype=np.uint64)
    groups = list(slices(columns, wanted))
    limit = max(1, limit // max(1, len(groups)))
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in wanted}
    for column, group, mask in groups:
        if mask.any():
            judged = score_rows(
                take(rows, mask), row_keys[mask], metrics, replicates, limit
            )
            facts = {"group": group, "rows": int(mask.sum())}
            found[column].append({**facts, "metrics": describe(judged)})
    return found


def describe(judged: Scores) -> dict[str, dict[str, float | None]]:
    """Return value, lower and upper end of each metric; None where not defined."""
    return {
        name: _ends(value, judged.replicates[name], judged.decimals[name])
        for name, value in judged.metrics.items()
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
    """Return rows, precision, recall and F1 of each class, taken as the positive one.

    Args:
        rows: `n` predicted rows of a multiclass task.
        row_keys: Their keys, of shape (n,).
        names: Name of each class, in the order of the report.
        replicates: How many replicates.
        limit: From how many rows at most.
    """
    found, predicted = [], rows.predicted
    for code, name in names.items():
        alone = Predictions(rows.actual == code, (predicted == code).astype(float))
        scores = score_rows(alone, row_keys, PER_CLASS, replicates, limit)
        facts = {"class": name, "rows": int(alone.actual.sum())}
        found.append({**facts, "metrics": describe(scores)})
    return found


def evaluation_report(scores: Scores, baseline: Scores, rows: int) -> dict[str, Any]:
    """Return what reports/evaluation.json says of all rows."""
    model, simple = describe(scores), describe(baseline)
    return {
        "rows": rows,
        "interval_rows": scores.sampled_rows,
        "metrics": {name: {**model[name], "baseline": simple[name]} for name in model},
    }


def bootstrap_report(scores: Scores, row_keys: keys.Keys) -> dict[str, Any]:
    """Return what reports/bootstrap.json holds: enough to compare two revisions."""
    return {
        "rows": len(row_keys),
        "interval_rows": scores.sampled_rows,
        "test_set": hashlib.sha256(np.sort(row_keys).tobytes()).hexdigest(),
        "replicates": {
            name: [finite(value, scores.decimals[name]) for value in values]
            for name, values in scores.replicates.items()
        },
    }
