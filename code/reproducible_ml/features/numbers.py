"""Numbers as floats, where columns without values do no harm."""

from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import validate_data


class Numbers(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Makes a float of each value, NaN if missing, and 0 of a column with hardly any.

    scikit-learn's HistGradientBoosting cannot be fitted if a column has no value among
    the rows that it draws to find thresholds, or to decide when to stop.
    """

    def fit(self, rows: Any, target: Any = None) -> Self:
        """Find the columns with fewer than 5 values, or than one in 1000 rows."""
        missing = np.isnan(self._floats(rows, reset=True))
        self.empty_ = (~missing).sum(axis=0) < max(5, len(missing) / 1000)
        return self

    def transform(self, rows: Any) -> npt.NDArray[np.float64]:
        """Return the numbers in the shape of `rows`."""
        return np.where(self.empty_, 0, self._floats(rows, reset=False))

    def _floats(self, rows: Any, *, reset: bool) -> npt.NDArray[np.float64]:
        checked: npt.NDArray[np.float64] = validate_data(
            self, rows, reset=reset, dtype=np.float64, ensure_all_finite="allow-nan"
        )
        return checked
