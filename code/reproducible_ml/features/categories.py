"""Categories as numbers, for estimators that treat them natively."""

from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin


class CategoryCodes(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Replaces each category by its place in the contract, from 0; unknown ones by NaN.

    scikit-learn's OrdinalEncoder does the same by way of Python objects: measured, it
    takes 0.9 s for 10^6 rows of 4 columns, this takes 0.01 s (docs/benchmarks.md).

    Args:
        categories: The categories of each column, in the order of their codes.
    """

    def __init__(self, categories: dict[str, list[Any]]) -> None:
        self.categories = categories

    def fit(self, rows: pd.DataFrame, target: Any = None) -> Self:
        """Learn nothing: the contract names the categories."""
        self.feature_names_in_ = np.array(list(rows.columns), dtype=object)
        self.n_features_in_ = rows.shape[1]
        return self

    def transform(self, rows: pd.DataFrame) -> npt.NDArray[np.float64]:
        """Return codes of the shape of `rows`."""
        codes = [
            rows[name].astype("category").cat.set_categories(values).cat.codes
            for name, values in self.categories.items()
        ]
        numbers = np.column_stack(codes).astype(np.float64)
        numbers[numbers < 0] = np.nan
        return numbers

    def get_feature_names_out(
        self, input_features: Any = None
    ) -> npt.NDArray[np.object_]:
        """Return the column names."""
        return np.array(list(self.categories), dtype=object)
