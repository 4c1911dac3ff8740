"""Columns that are made of others, row by row: a function each.

They become features by an entry in `OWN` of features/build.py.
"""

from collections.abc import Callable
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import validate_data


class Derived(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Makes one column of others by a function.

    Args:
        function: Takes rows, and returns a number for each; the feature has its name.
    """

    def __init__(self, function: Callable[[pd.DataFrame], Any]) -> None:
        self.function = function

    def fit(self, rows: pd.DataFrame, target: Any = None) -> Self:
        """Remember the column names; there is nothing else to learn."""
        validate_data(self, rows, skip_check_array=True)
        return self

    def transform(self, rows: pd.DataFrame) -> npt.NDArray[np.float64]:
        """Return one column."""
        values = pd.Series(self.function(rows)).to_numpy(np.float64, na_value=np.nan)
        return values.reshape(-1, 1)

    def get_feature_names_out(
        self, input_features: Any = None
    ) -> npt.NDArray[np.object_]:
        """Return the name of the function."""
        return np.array([self.function.__name__], dtype=object)
