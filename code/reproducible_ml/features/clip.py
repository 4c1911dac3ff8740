"""Outliers moved to bounds, so that a model meets in use what it was trained on."""

from typing import Any, Self

import pandas as pd
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import validate_data

from reproducible_ml.datasets.outliers import clip


class Clip(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Moves values outside the bounds that the stage `clean` learned to these bounds.

    Args:
        bounds: Lowest and highest value of each column; other columns stay.
    """

    def __init__(self, bounds: dict[str, tuple[float, float]]) -> None:
        self.bounds = bounds

    def fit(self, rows: pd.DataFrame, target: Any = None) -> Self:
        """Learn nothing: the bounds are given."""
        validate_data(self, rows, skip_check_array=True)
        return self

    def transform(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return the rows, clipped."""
        return clip(rows, self.bounds)
