"""Partial dependence: the mean prediction if a column had one value in all rows.

The means are those of `sklearn.inspection.partial_dependence`, which predicts each
value by itself: measured, that takes five times as long. Here a value is copied from a
row that has it, so columns keep their types, and a missing value is a value.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.pipeline import Pipeline

from reproducible_ml.core import keys
from reproducible_ml.core.parallel import map_jobs, one_thread
from reproducible_ml.core.params import Compute
from reproducible_ml.modeling.metrics.metric import (
    DECIMALS,
    Floats,
    unit_decimals,
    weighted_mean,
)
from reproducible_ml.modeling.metrics.tasks import Task
from reproducible_ml.modeling.scoring.bootstrap import weightings

# Values of a column, at most, and the share of rows beyond the outermost, at each end.
POINTS, TAIL = 20, 0.05

# With fewer rows, a mean says little.
MIN_ROWS = 50

COLUMNS = ["feature", "value", "mean", "low", "high"]

Places = npt.NDArray[np.intp]


class Curve(NamedTuple):
    """What is predicted for one column.

    Attributes:
        column: Its name.
        places: For each value, the position of a row that has it.
    """

    column: str
    places: Places


def choose_values(column: pd.Series) -> Places:
    """Return for each value to show the position of a row that has it.

    These are up to POINTS values between the outer twentieths of the rows; of
    categories and texts the most frequent ones. A missing value comes last.
    """
    values = column.reset_index(drop=True)
    known = values.dropna()
    codes = known.astype("category").cat.codes if _is_name(column) else None
    if codes is not None:
        # Texts are ordered by their name, categories as in the contract.
        frequent = codes.value_counts().sort_index().nlargest(POINTS).index
        chosen = codes[codes.isin(frequent)].drop_duplicates().sort_values()
    else:
        ordered = known.sort_values(kind="stable")
        chosen = ordered.drop_duplicates()
        if len(chosen) > POINTS:
            shares = np.linspace(TAIL, 1 - TAIL, POINTS)
            at = (shares * (len(ordered) - 1)).round().astype(np.intp)
            chosen = ordered.iloc[at].drop_duplicates()
    missing = np.flatnonzero(values.isna())[:1]
    return np.concatenate([chosen.index.to_numpy(np.intp), missing])


def _is_name(column: pd.Series) -> bool:
    """Return whether values have no order, or none that matters."""
    return not (
        pd.api.types.is_numeric_dtype(column)
        or pd.api.types.is_datetime64_any_dtype(column)
    )


def partial_dependence(
    model: Pipeline,
    rows: pd.DataFrame,
    columns: Sequence[str],
    task: Task,
    replicates: int,
    limit: int | None = None,
    compute: Compute | None = None,
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Return the mean prediction at the values of each column (Friedman, 2001).

    The mean is that of a probability, of the number for a regression. Its 95 % interval
    is that of a bootstrap of the rows: how much it depends on which rows were looked
    at, not on those that the model was fitted to.

    Args:
        model: Fitted to columns like those of `rows`; predicts each row by itself.
        rows: Features; the index has their keys.
        columns: Names of the columns, in the order of the table.
        task: How the model predicts.
        replicates: Number of replicates of the bootstrap.
        limit: Predictions of a row, at most; None for any number. It is exceeded only
            if less than MIN_ROWS rows would be left.
        compute: How many threads work on columns; changes no result. None: one.

    Returns:
        Columns `feature`, `value` (text, empty if missing), `mean`, `low` and `high`;
        of several classes also `class`, after the feature. And what was saved to keep
        within the limit; nothing if nothing was.
    """
    compute = compute or Compute(backend="sequential", n_jobs=1)
    if compute.backend != "sequential":
        # Threads share the model and the rows; each process would get a copy.
        compute = Compute(backend="threading", n_jobs=compute.n_jobs)
    wanted, most = len(rows), len(rows)
    if limit is not None and columns:
        most = min(wanted, max(MIN_ROWS, limit // (len(columns) * POINTS)))
    salt = keys.salt_from_text("dependence")
    rows = rows.iloc[keys.sample_rows(rows.index.to_numpy(np.uint64), most, salt)]
    row_keys = rows.index.to_numpy(np.uint64)
    weights = np.concatenate([*weightings(row_keys, replicates)])
    work = partial(_dependence, model, rows, task, weights)
    jobs = [(Curve(name, choose_values(rows[name])),) for name in columns]
    found = map_jobs(work, jobs, compute, "dependence", unit="columns")
    several = ["class"] if _is_multiclass(task) else []
    order = [COLUMNS[0], *several, *COLUMNS[1:]]
    table = pd.concat(found)[order] if found else pd.DataFrame(columns=order)
    if limit is None or most == wanted:
        return table, {}
    return table, {"limit": limit, "rows": most, "rows_wanted": wanted}


def _is_multiclass(task: Task) -> bool:
    return bool(task.names) and set(task.names) != {False, True}


def _dependence(
    model: Pipeline,
    rows: pd.DataFrame,
    task: Task,
    weights: Floats,
    curve: Curve,
) -> pd.DataFrame:
    """Return the part of the table that belongs to one column."""
    number = len(curve.places)
    stacked = rows.iloc[np.tile(np.arange(len(rows)), number)].reset_index(drop=True)
    same = rows[curve.column].iloc[np.repeat(curve.places, len(rows))]
    stacked[curve.column] = same.set_axis(stacked.index)
    with one_thread():
        output = task.output(model, stacked)
    # A line of predictions for each value, and for each class if there are several.
    lines = output.reshape(number, len(rows), -1)
    decimals = DECIMALS if task.names else unit_decimals(output)
    names = _texts(rows[curve.column].iloc[curve.places])
    parts = [
        pd.DataFrame(
            {
                "feature": curve.column,
                "class": label,
                "value": names,
                **_interval(lines[:, :, place], weights, decimals),
            }
        )
        for place, label in _labels(task)
    ]
    return pd.concat(parts)


def _labels(task: Task) -> list[tuple[int, str]]:
    """Return place and name of each class that has its own predictions."""
    if not _is_multiclass(task):
        return [(0, "")]
    return [(int(code), name) for code, name in task.names.items()]


def _interval(lines: Floats, weights: Floats, decimals: int) -> dict[str, Floats]:
    """Return mean and interval of each line, over its rows."""
    replicates = np.stack([weighted_mean(line, weights) for line in lines])
    low, high = np.nanquantile(replicates, [0.025, 0.975], axis=1)
    found = {"mean": lines.mean(axis=1), "low": low, "high": high}
    return {name: values.round(decimals) for name, values in found.items()}


def _texts(values: pd.Series) -> list[str]:
    """Return values as text, empty if missing."""
    return ["" if pd.isna(value) else _text(value) for value in values.tolist()]


def _text(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
