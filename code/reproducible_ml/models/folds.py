"""Folds of the training rows, by the rule that also held out the test set."""

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    StratifiedGroupKFold,
    StratifiedKFold,
    TimeSeriesSplit,
)

from reproducible_ml.errors import UserError
from reproducible_ml.params import Params

# Places of the rows to fit to, and of those to judge on.
Fold = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]


def make_folds(rows: pd.DataFrame, target: pd.Series, params: Params) -> list[Fold]:
    """Return `train.search.folds` pairs of places in `rows`.

    Rows of one group, and repeated rows, stay together (`split.method` group and hash);
    each class has its share in every fold. By time, a fold is fitted to what is older
    than what it is judged on.

    Raises:
        UserError: There are too few rows, groups, points in time or rows of a class.
    """
    try:
        if params.split.method == "time":
            return _by_time(rows[str(params.data.time)], params.train.search.folds)
        return _at_random(rows, target, params)
    except ValueError as error:
        raise UserError(f"params.yaml: train.search.folds: {error}") from error


def _by_time(times: pd.Series, count: int) -> list[Fold]:
    """Return folds that each end where the next one's rows to judge begin.

    Points in time are split, not rows: those of the same moment stay together.
    """
    moment, moments = pd.factorize(times, sort=True)
    return [
        (np.flatnonzero(np.isin(moment, older)), np.flatnonzero(np.isin(moment, newer)))
        for older, newer in TimeSeriesSplit(count).split(moments)
    ]


def _at_random(rows: pd.DataFrame, target: pd.Series, params: Params) -> list[Fold]:
    groups = _together(rows, params)
    kinds = {
        (True, True): KFold,
        (True, False): GroupKFold,
        (False, True): StratifiedKFold,
        (False, False): StratifiedGroupKFold,
    }
    kind = kinds[params.data.task == "regression", groups is None]
    count, seed = params.train.search.folds, params.train.seed
    split = kind(count, shuffle=True, random_state=seed)
    return list(split.split(rows, target, groups))


def _together(rows: pd.DataFrame, params: Params) -> npt.NDArray[np.intp] | None:
    """Return a number for each row, the same for rows that stay together; or None."""
    if params.split.method == "group":
        return pd.factorize(rows[str(params.data.group)], use_na_sentinel=False)[0]
    return None if rows.index.is_unique else pd.factorize(rows.index)[0]
