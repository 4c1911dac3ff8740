"""Metrics of a set of rows and of groups of them, with 95 % intervals."""

import math
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from reproducible_ml.datasets import keys
from reproducible_ml.models import bootstrap
from reproducible_ml.models.metrics import Floats, Predicted
from reproducible_ml.models.slices import slices
from reproducible_ml.params import Evaluate

# Digits kept: far finer than any interval, far coarser than rounding errors.
DIGITS = 6


class Judged(NamedTuple):
    """Metrics of some rows, and what they might have been on other rows."""

    metrics: dict[str, float]
    replicates: dict[str, Floats]
    sampled_rows: int


def judge(rows: Predicted, row_keys: keys.Keys, params: Evaluate, limit: int) -> Judged:
    """Return the metrics of all rows, and replicates from at most `limit` of them."""
    values = bootstrap.point(rows, params.metrics)
    chosen = keys.sample(row_keys, limit, keys.number("interval"))
    some = take(rows, chosen)
    replicates = bootstrap.replicate(
        some, row_keys[chosen], params.metrics, params.replicates
    )
    if len(chosen) < len(row_keys):
        sampled = bootstrap.point(some, params.metrics)
        replicates = bootstrap.spread(
            values, sampled, replicates, len(row_keys), len(chosen)
        )
    return Judged(values, replicates, len(chosen))


def take(rows: Predicted, which: np.ndarray[Any, Any]) -> Predicted:
    """Return some of the rows, by their positions or by a mask."""
    return rows._replace(positive=rows.positive[which], score=rows.score[which])


def judge_slices(
    rows: Predicted, columns: pd.DataFrame, params: Evaluate
) -> dict[str, list[dict[str, Any]]]:
    """Return rows and metrics of each group that `params.slices` asks for.

    Args:
        rows: Predicted rows.
        columns: The same rows: columns to group by, and their keys as the index.
        params: The groups, and how many rows their intervals may use together.
    """
    row_keys = columns.index.to_numpy(dtype=np.uint64)
    groups = list(slices(columns, params.slices))
    limit = max(1, params.interval_rows // max(1, len(groups)))
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in params.slices}
    for column, group, mask in groups:
        if mask.any():
            judged = judge(take(rows, mask), row_keys[mask], params, limit)
            facts = {"group": group, "rows": int(mask.sum())}
            found[column].append({**facts, "metrics": describe(judged)})
    return found


def describe(judged: Judged) -> dict[str, dict[str, float | None]]:
    """Return value, lower and upper end of each metric; None where not defined."""
    found: dict[str, dict[str, float | None]] = {}
    for name, value in judged.metrics.items():
        low, high = bootstrap.interval(judged.replicates[name])
        found[name] = {"value": finite(value), "low": finite(low), "high": finite(high)}
    return found


def finite(value: float) -> float | None:
    """Return the number rounded, or None (null in JSON) if it is NaN or infinite."""
    return round(float(value), DIGITS) if math.isfinite(value) else None
