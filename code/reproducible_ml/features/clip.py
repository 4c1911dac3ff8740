"""Outliers moved to bounds, so that a model meets in use what it was trained on."""

from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

from reproducible_ml.datasets.outliers import clip


class Clip(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Moves values outside the bounds that the stage `clean` learned to these bounds.

    Args:
        bounds: Lowest and highest value of each column; other columns stay.
    """

    def __init__(self, bounds: dict[str, tuple[float, float]]) -> None:
        self.bounds = bounds

    def fit(self, rows: pd.DataFrame, target: Any = None) -> Self:
        """Learn nothing: the bounds are given."""
        self.feature_names_in_ = np.array(list(rows.columns), dtype=object)
        self.n_features_in_ = rows.shape[1]
        return self

    def transform(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return the rows, clipped."""
        return clip(rows, self.bounds)

    def get_feature_names_out(
        self, input_features: Any = None
    ) -> npt.NDArray[np.object_]:
        """Return the column names."""
        return self.feature_names_in_
