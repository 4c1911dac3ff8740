"""Dates as numbers a model can use."""

from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

FIELDS = ("year", "month", "day_of_week", "hour")


class Calendar(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Replaces each date by its year, month, day of the week (Monday is 0) and hour."""

    def fit(self, rows: pd.DataFrame, target: Any = None) -> Self:
        """Remember the column names; there is nothing else to learn."""
        self.feature_names_in_ = np.array(list(rows.columns), dtype=object)
        self.n_features_in_ = rows.shape[1]
        return self

    def transform(self, rows: pd.DataFrame) -> npt.NDArray[np.float64]:
        """Return four columns for each; a missing date gives NaN."""
        fields = [
            getattr(rows[name].dt, field).to_numpy(dtype=np.float64)
            for name in self.feature_names_in_
            for field in FIELDS
        ]
        return np.column_stack(fields)

    def get_feature_names_out(
        self, input_features: Any = None
    ) -> npt.NDArray[np.object_]:
        """Return names like `ordered_at_month`."""
        names = [
            f"{name}_{field}" for name in self.feature_names_in_ for field in FIELDS
        ]
        return np.array(names, dtype=object)
