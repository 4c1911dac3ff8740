"""Exact Shapley values of linear models: coefficient times distance from the mean."""

from typing import Any

import numpy as np
import numpy.typing as npt

from reproducible_ml.modeling.explaining.origins import Places

Floats = npt.NDArray[np.float64]


def raw_output(estimator: Any, features: Floats) -> Floats | None:
    """Return intercept and weighted features, shape (rows, outputs).

    It is None if the estimator is not linear.
    """
    coefficients = getattr(estimator, "coef_", None)
    if not isinstance(coefficients, np.ndarray):
        return None
    weights = np.atleast_2d(coefficients)
    if weights.shape[1] != features.shape[1]:
        return None
    return np.asarray(features @ weights.T + np.ravel(estimator.intercept_))


def shapley_values(
    estimator: Any, origins: Places, features: Floats, background: Floats
) -> Floats:
    """Return the contribution of each column to `raw_output` for each row.

    Args:
        estimator: Fitted.
        origins: For each feature, the column that it is made of.
        features: Of the rows to explain, shape (rows, features).
        background: Of the rows to compare with, shape (rows, features).

    Returns:
        Shape (rows, columns, outputs).
    """
    weights = np.atleast_2d(estimator.coef_)
    distance = features - background.mean(axis=0)
    values = distance[:, :, np.newaxis] * weights.T
    found = np.zeros((len(features), int(origins.max()) + 1, len(weights)))
    np.add.at(found.swapaxes(0, 1), origins, values.swapaxes(0, 1))
    return found
