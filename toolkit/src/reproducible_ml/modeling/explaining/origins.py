"""Which column each feature of a model is made of."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)

from reproducible_ml.contract.schema import CALENDAR
from reproducible_ml.modeling.model.transformers import (
    Calendar,
    CategoryCodes,
    CategoryColumns,
    Clip,
    Hashed,
    Numbers,
    Words,
)

Places = npt.NDArray[np.intp]

# A feature of these is made of the column in the same place, and of no other one.
SAME_PLACE = (
    *(CategoryCodes, Clip, Numbers),
    *(MaxAbsScaler, MinMaxScaler, OrdinalEncoder, RobustScaler, StandardScaler),
)


def feature_origins(model: Pipeline, rows: pd.DataFrame) -> Places | None:
    """Return for each feature the place of the only column that it is made of.

    Args:
        model: Fitted pipeline.
        rows: Some rows of columns. With them it is tried out: if half of the columns of
            a row are replaced by those of another one, so are their features.

    Returns:
        None if a feature is made of several columns, or it is not known of which.
    """
    *before, _ = model.steps
    if not before or not all(type(step) is Clip for _, step in before[:-1]):
        return None
    transform = before[-1][1]
    if not isinstance(transform, ColumnTransformer):
        return None
    names = list(rows.columns)
    found = np.full(len(transform.get_feature_names_out()), -1, dtype=np.intp)
    for name, step, selected in transform.transformers_:
        place = transform.output_indices_[name]
        count = place.stop - place.start
        if not count:
            continue
        if isinstance(selected, str) or not all(isinstance(n, str) for n in selected):
            return None
        local = _origins(step, len(selected), count)
        if local is None or len(local) != count:
            return None
        found[place] = np.array([names.index(n) for n in selected])[local]
    return found if _is_right(model, rows, found) else None


def _origins(step: Any, columns: int, count: int | None = None) -> Places | None:
    """Return the place of the column of each of `count` features of a transformer."""
    if columns == 1 and count is not None:
        return np.zeros(count, dtype=np.intp)
    if isinstance(step, Pipeline):
        found: Places | None = np.arange(columns)
        for _, each in step.steps:
            if found is None:
                return None
            local = _origins(each, len(found))
            found = None if local is None else found[local]
        return found
    every = np.arange(columns)
    passes = isinstance(step, FunctionTransformer) and step.func is None
    if step == "passthrough" or passes or type(step) in SAME_PLACE:
        return every
    if (repeats := _repeats(step, columns)) is not None:
        return np.repeat(every, repeats)
    if type(step) is SimpleImputer:
        indicator = step.indicator_.features_ if step.add_indicator else every[:0]
        return np.concatenate([every, indicator]) if step.keep_empty_features else None
    return None


def _repeats(step: Any, columns: int) -> Sequence[int] | int | None:
    """Return how many features each column gives, one after the other."""
    if type(step) is Calendar:
        fields = step.fields or dict.fromkeys(step.feature_names_in_, CALENDAR)
        return [len(fields[column]) for column in step.feature_names_in_]
    if type(step) is CategoryColumns:
        return [len(values) for values in step.categories.values()]
    if type(step) is Hashed:
        return int(step.buckets)
    if type(step) is Words:
        return [len(words) + 1 for words in step.words_.values()]
    if type(step) is TargetEncoder:
        return len(step.classes_) if step.target_type_ == "multiclass" else 1
    return None


def _is_right(model: Pipeline, rows: pd.DataFrame, origins: Places) -> bool:
    """Return whether features follow their columns from one row to another."""
    other = rows.iloc[::-1].set_axis(rows.index)
    moved = np.arange(rows.shape[1]) % 2 == 1
    mixed = rows.copy()
    for place in np.flatnonzero(moved).tolist():
        mixed[rows.columns[place]] = other.iloc[:, place]
    features = [model[:-1].transform(each) for each in (rows, other, mixed)]
    if not all(isinstance(each, np.ndarray) for each in features):
        return False
    own, others, both = (each.astype(np.float64) for each in features)
    expected = np.where(moved[origins], others, own)
    return bool(np.allclose(both, expected, rtol=1e-12, atol=1e-12, equal_nan=True))
