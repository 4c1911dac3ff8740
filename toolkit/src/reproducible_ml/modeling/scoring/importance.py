"""Permutation importance of the columns, within a number of predictions.

The numbers are those of `sklearn.inspection.permutation_importance`, which predicts
each shuffle of each column by itself: hundreds of columns take it minutes.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import OneToOneFeatureMixin
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from reproducible_ml.core import keys
from reproducible_ml.core.parallel import map_jobs, one_thread
from reproducible_ml.core.params import Compute
from reproducible_ml.modeling.metrics.metric import DECIMALS, Labels
from reproducible_ml.modeling.model.transformers import Clip

# Rows and values that are predicted at once, about: enough that calls cost little.
BATCH_ROWS, BATCH_VALUES = 4_000, 4_000_000

# With fewer rows, a shuffle says little; with fewer repeats, its deviation is unknown.
MIN_ROWS, MIN_REPEATS = 50, 2

# What a scorer may ask a model for.
OUTPUTS = ("predict", "predict_proba", "predict_log_proba", "decision_function")


class Plan(NamedTuple):
    """What is predicted to find the importance.

    Attributes:
        used: Places of the columns that the model uses: others have none.
        rows: Number of rows, of those there are.
        repeats: How often each column is shuffled.
    """

    used: list[int]
    rows: int
    repeats: int

    @property
    def predictions(self) -> int:
        """Rows that are predicted in all."""
        return len(self.used) * self.rows * self.repeats


def plan_importance(
    model: Pipeline, columns: Iterable[str], rows: int, repeats: int, limit: int
) -> Plan:
    """Return which columns to shuffle, how often, and on how many rows.

    Beyond the limit, first repeats are saved, then rows, then the last repeat.

    Args:
        model: Fitted pipeline.
        columns: Names of the features, in order.
        rows: Rows that there are.
        repeats: How often each column should be shuffled.
        limit: Predictions of a row, at most; it is exceeded only if the model uses so
            many columns that less than MIN_ROWS rows of each would be left.
    """
    used = np.flatnonzero(used_columns(model, columns)).tolist()
    each = max(1, limit // max(1, len(used)))
    repeats = min(repeats, max(each // max(1, rows), MIN_REPEATS))
    rows_then = min(rows, max(each // repeats, MIN_ROWS))
    if rows_then * repeats > each:
        repeats = 1
    return Plan(used, rows_then, repeats)


def cut_report(
    plan: Plan, columns: int, rows: int, repeats: int, limit: int
) -> dict[str, int]:
    """Return what was saved to keep within the limit; nothing if nothing was.

    Args:
        plan: What is predicted.
        columns: Number of features.
        rows: Rows that there are.
        repeats: How often each column should be shuffled.
        limit: Predictions, at most.
    """
    if (plan.rows, plan.repeats) == (rows, repeats):
        return {}
    return {
        "limit": limit,
        "predictions": plan.predictions,
        "columns": columns,
        "columns_used": len(plan.used),
        "rows": plan.rows,
        "rows_wanted": rows,
        "repeats": plan.repeats,
        "repeats_wanted": repeats,
    }


def used_columns(model: Pipeline, columns: Iterable[str]) -> Labels:
    """Return whether the model uses each column; True also where it does not show."""
    names = list(columns)
    *before, last = model.steps
    transform = before.pop()[1] if before else None
    features = used_features(last[1])
    plain = all(isinstance(step, Clip) for _, step in before)
    every = np.ones(len(names), dtype=bool)
    if features is None or not plain or not isinstance(transform, ColumnTransformer):
        return every
    used = set[str]()
    for name, step, selected in transform.transformers_:
        if isinstance(selected, str) or not all(isinstance(n, str) for n in selected):
            return every
        some = features[transform.output_indices_[name]]
        if _is_one_to_one(step) and len(some) == len(selected):
            used |= {n for n, is_used in zip(selected, some, strict=True) if is_used}
        elif some.any():
            used |= {*selected}
    return np.array([name in used for name in names], dtype=bool)


def _is_one_to_one(step: Any) -> bool:
    """Return whether each feature is made of the column in the same place."""
    if isinstance(step, FunctionTransformer):
        return step.func is None
    return isinstance(step, OneToOneFeatureMixin)


def used_features(estimator: Any) -> Labels | None:
    """Return whether a tree of the estimator splits by each feature; None: unknown."""
    boosted = getattr(estimator, "_predictors", None)
    if boosted:
        # scikit-learn moves the categorical ones to the front.
        moved = getattr(estimator, "is_categorical_", None)
        if moved is not None and (np.diff(np.asarray(moved, dtype=int)) > 0).any():
            return None
        nodes = [tree.nodes for trees in boosted for tree in trees]
        split = [each["feature_idx"][each["is_leaf"] == 0] for each in nodes]
    else:
        several = np.ravel(getattr(estimator, "estimators_", [estimator]))
        if not all(hasattr(tree, "tree_") for tree in several):
            return None
        found = [tree.tree_.feature for tree in several]
        split = [each[each >= 0] for each in found]
    used = np.zeros(estimator.n_features_in_, dtype=bool)
    used[np.concatenate(split).astype(np.intp)] = True
    return used


def importance(
    model: Pipeline,
    rows: pd.DataFrame,
    actual: npt.NDArray[Any],
    scoring: str | Callable[..., float],
    repeats: int,
    seed: int,
    compute: Compute | None = None,
    plan: Plan | None = None,
) -> pd.DataFrame:
    """Return the permutation importance of each column (Breiman, 2001).

    It is the loss of the score when the column is shuffled.

    Args:
        model: Fitted to columns like those of `rows`; predicts each row by itself.
        rows: Features of `n` rows; the index has their keys if the plan takes fewer.
        actual: Actual values, of shape (n,).
        scoring: The score, as scikit-learn takes it.
        repeats: How often each column is shuffled.
        seed: Seed of the shuffling.
        compute: How many threads work on columns; changes no result. None: one.
        plan: What to predict; None: all rows and all columns that the model uses.

    Returns:
        Columns `feature`, `importance` (mean loss) and `deviation` (standard deviation
        of the losses), the most important feature first.
    """
    from sklearn.metrics import check_scoring

    plan = plan or plan_importance(
        model, rows.columns, len(rows), repeats, len(rows) * repeats * rows.shape[1]
    )
    if plan.rows < len(rows):
        salt = keys.salt_from_text("importance")
        some = keys.sample_rows(rows.index.to_numpy(np.uint64), plan.rows, salt)
        rows, actual = rows.iloc[some], actual[some]
    compute = compute or Compute(backend="sequential", n_jobs=1)
    if compute.backend != "sequential":
        # Threads share the model and the rows; each process would get a copy.
        compute = Compute(backend="threading", n_jobs=compute.n_jobs)
    scorer = check_scoring(model, scoring=scoring)
    orders = _shuffles(len(rows), plan.repeats, seed)
    work = partial(_shuffled_scores, scorer, model, rows, actual, orders)
    batches = [(batch,) for batch in _batches(plan, rows.shape[1])]
    with one_thread():
        base = scorer(model, rows, actual)
    found = map_jobs(work, batches, compute, "importance", unit="batches of columns")
    losses = np.zeros((rows.shape[1], plan.repeats))
    losses[plan.used] = base - np.array([s for batch in found for s in batch]).reshape(
        len(plan.used), plan.repeats
    )
    table = pd.DataFrame(
        {
            "feature": rows.columns,
            "importance": losses.mean(axis=1),
            "deviation": losses.std(axis=1),
        }
    )
    table = table.round(DECIMALS)
    return table.sort_values(["importance", "feature"], ascending=[False, True])


def _shuffles(rows: int, repeats: int, seed: int) -> list[npt.NDArray[np.intp]]:
    """Return the order of rows in each shuffle; it is the same for all columns.

    As in scikit-learn, a shuffle starts from the column as the one before left it.
    """
    drawn = np.random.RandomState(seed).randint(np.iinfo(np.int32).max + 1)
    random = np.random.RandomState(drawn)
    order = np.arange(rows)
    orders = [order.copy()]
    for _ in range(repeats):
        random.shuffle(order)
        orders.append(orders[-1][order])
    return orders[1:]


def _batches(plan: Plan, columns: int) -> list[list[int]]:
    """Return groups of columns whose shuffles are predicted at once."""
    rows = plan.rows * plan.repeats
    size = max(1, min(BATCH_ROWS // rows, BATCH_VALUES // (rows * columns)))
    return [plan.used[at : at + size] for at in range(0, len(plan.used), size)]


def _shuffled_scores(
    scorer: Callable[..., float],
    model: Pipeline,
    rows: pd.DataFrame,
    actual: npt.NDArray[Any],
    orders: list[npt.NDArray[np.intp]],
    columns: list[int],
) -> list[float]:
    """Return the score of each shuffle of each of these columns."""
    size, number = len(rows), len(columns) * len(orders)
    places = np.tile(np.arange(size), number)
    stacked = rows.iloc[places].reset_index(drop=True)
    for at, column in enumerate(columns):
        first = at * len(orders) * size
        shuffled = places.copy()
        shuffled[first : first + len(orders) * size] = np.concatenate(orders)
        values = rows.iloc[shuffled, column].set_axis(stacked.index)
        stacked[rows.columns[column]] = values
    outputs: dict[str, Any] = {}
    pieces = (
        _Piece(model, stacked, outputs, slice(at * size, (at + 1) * size))
        for at in range(number)
    )
    with one_thread():
        return [scorer(piece, rows, actual) for piece in pieces]


class _Piece:
    """Stands for a model: its output for some rows is taken from that for many."""

    def __init__(
        self, model: Any, stacked: pd.DataFrame, outputs: dict[str, Any], piece: slice
    ) -> None:
        self._model = model
        self._stacked = stacked
        self._outputs = outputs
        self._piece = piece

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._model, name)
        if name not in OUTPUTS:
            return found

        def output(_: Any) -> Any:
            if name not in self._outputs:
                self._outputs[name] = found(self._stacked)
            return self._outputs[name][self._piece]

        output.__name__ = name
        return output
