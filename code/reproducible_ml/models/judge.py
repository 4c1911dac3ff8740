"""Metrics of a set of rows and of groups of them, with 95 % intervals."""

import math
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from reproducible_ml.datasets import keys
from reproducible_ml.models import bootstrap
from reproducible_ml.models.metrics import (
    DECIMALS,
    Floats,
    Metrics,
    Predicted,
    unit_decimals,
)
from reproducible_ml.models.slices import slices
from reproducible_ml.params import Evaluate


class Judged(NamedTuple):
    """Metrics of some rows, and what they might have been on other rows."""

    metrics: dict[str, float]
    replicates: dict[str, Floats]
    sampled_rows: int
    decimals: dict[str, int]


def judge(
    rows: Predicted,
    row_keys: keys.Keys,
    metrics: Metrics,
    params: Evaluate,
    limit: int | None = None,
) -> Judged:
    """Return the metrics of all rows, and replicates from some of them.

    Args:
        rows: `n` predicted rows.
        row_keys: Their keys, of shape (n,).
        metrics: What to compute, by name.
        params: How many replicates, and from how many rows at most.
        limit: From how many rows at most, if that differs from `params`.
    """
    values = bootstrap.point(rows, metrics)
    limit = params.interval_rows if limit is None else limit
    chosen = keys.sample(row_keys, limit, keys.number("interval"))
    some = take(rows, chosen)
    replicates = bootstrap.replicate(some, row_keys[chosen], metrics, params.replicates)
    if len(chosen) < len(row_keys):
        sampled = bootstrap.point(some, metrics)
        replicates = bootstrap.spread(
            values, sampled, replicates, len(row_keys), len(chosen)
        )
    kept = {
        name: unit_decimals(rows.actual) if metric.in_unit_of_target else DECIMALS
        for name, metric in metrics.items()
    }
    return Judged(values, replicates, len(chosen), kept)


def take(rows: Predicted, which: np.ndarray[Any, Any]) -> Predicted:
    """Return some of the rows, by their positions or by a mask."""
    return rows._replace(actual=rows.actual[which], output=rows.output[which])


def judge_slices(
    rows: Predicted, columns: pd.DataFrame, metrics: Metrics, params: Evaluate
) -> dict[str, list[dict[str, Any]]]:
    """Return rows and metrics of each group that `params.slices` asks for.

    Args:
        rows: Predicted rows.
        columns: The same rows: columns to group by, and their keys as the index.
        metrics: What to compute, by name.
        params: The groups, and how many rows their intervals may use together.
    """
    row_keys = columns.index.to_numpy(dtype=np.uint64)
    groups = list(slices(columns, params.slices))
    limit = max(1, params.interval_rows // max(1, len(groups)))
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in params.slices}
    for column, group, mask in groups:
        if mask.any():
            judged = judge(take(rows, mask), row_keys[mask], metrics, params, limit)
            facts = {"group": group, "rows": int(mask.sum())}
            found[column].append({**facts, "metrics": describe(judged)})
    return found


def describe(judged: Judged) -> dict[str, dict[str, float | None]]:
    """Return value, lower and upper end of each metric; None where not defined."""
    return {
        name: _ends(value, judged.replicates[name], judged.decimals[name])
        for name, value in judged.metrics.items()
    }


def _ends(value: float, replicates: Floats, kept: int) -> dict[str, float | None]:
    low, high = bootstrap.interval(replicates)
    numbers = {"value": value, "low": low, "high": high}
    return {name: finite(number, kept) for name, number in numbers.items()}


def finite(value: float, kept: int = DECIMALS) -> float | None:
    """Return the number rounded, or None (null in JSON) if it is NaN or infinite."""
    return round(float(value), kept) if math.isfinite(value) else None
