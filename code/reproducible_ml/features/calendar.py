"""Dates as numbers a model can use."""

from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import validate_data

FIELDS = ("year", "month", "day", "day_of_week", "hour", "days")
EPOCH = pd.Timestamp("1970-01-01")


class Calendar(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Replaces each date by the numbers that a model may need of it.

    Year, month, day of the month, day of the week (Monday is 0) and hour show what
    comes again; the days since 1970-01-01 show what rises or falls over time.
    """

    def fit(self, rows: pd.DataFrame, target: Any = None) -> Self:
        """Remember the column names; there is nothing else to learn."""
        validate_data(self, rows, skip_check_array=True)
        return self

    def transform(self, rows: pd.DataFrame) -> npt.NDArray[np.float64]:
        """Return six columns for each; a missing date gives NaN."""
        fields = [_fields(rows[name]) for name in self.feature_names_in_]
        return np.column_stack(fields)

    def get_feature_names_out(
        self, input_features: Any = None
    ) -> npt.NDArray[np.object_]:
        """Return names like `ordered_at_month`."""
        names = [
            f"{name}_{field}" for name in self.feature_names_in_ for field in FIELDS
        ]
        return np.array(names, dtype=object)


def _fields(dates: pd.Series) -> npt.NDArray[np.float64]:
    """Return a row for each date, in the order of FIELDS."""
    fields = [getattr(dates.dt, field) for field in FIELDS[:-1]]
    days = (dates - EPOCH).dt.days
    return np.column_stack([field.to_numpy(np.float64) for field in [*fields, days]])
