"""XGBoost's estimators with categories as codes, and with labels of any kind.

They are made where params.yaml names `xgboost.XGBClassifier` or `xgboost.XGBRegressor`.
The booster is read by XGBoost's own parser, and runs no code.
"""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import xgboost


class XGBClassifier(xgboost.XGBClassifier):  # type: ignore[misc]
    """XGBClassifier for features of which some are codes of categories.

    Args:
        categorical_features: Positions of these features; None for none.
        **arguments: Of XGBClassifier.
    """

    def __init__(
        self, *, categorical_features: Sequence[int] | None = None, **arguments: Any
    ) -> None:
        self.categorical_features = categorical_features
        super().__init__(**arguments)

    def fit(self, features: Any, target: Any, **arguments: Any) -> Self:
        """Fit to features of shape (rows, features) and the label of each row."""
        prepare(self, features)
        labels, codes = np.unique(np.asarray(target), return_inverse=True)
        # XGBoost compares the codes with its own.
        self.__dict__.pop("labels_", None)
        super().fit(features, codes, **arguments)
        # Text as an array of text, not of objects.
        self.labels_ = np.array(labels.tolist())
        return self

    @property
    def classes_(self) -> Any:
        """The label of each class."""
        found = vars(self).get("labels_")
        return super().classes_ if found is None else found

    def predict(self, features: Any, **arguments: Any) -> Any:
        """Return the label of each row."""
        found = super().predict(features, **arguments)
        return found if arguments.get("output_margin") else self.classes_[found]

    def _wrapper_params(self) -> set[str]:
        return {*super()._wrapper_params(), "categorical_features"}


class XGBRegressor(xgboost.XGBRegressor):  # type: ignore[misc]
    """XGBRegressor for features of which some are codes of categories.

    Args:
        categorical_features: Positions of these features; None for none.
        **arguments: Of XGBRegressor.
    """

    def __init__(
        self, *, categorical_features: Sequence[int] | None = None, **arguments: Any
    ) -> None:
        self.categorical_features = categorical_features
        super().__init__(**arguments)

    def fit(self, features: Any, target: Any, **arguments: Any) -> Self:
        """Fit to features of shape (rows, features) and the number of each row."""
        prepare(self, features)
        super().fit(features, target, **arguments)
        return self

    def _wrapper_params(self) -> set[str]:
        return {*super()._wrapper_params(), "categorical_features"}


def prepare(estimator: Any, features: Any) -> None:
    """Say which features are codes, of an estimator that is not fitted yet."""
    kinds = feature_types(estimator, features.shape[1])
    if kinds is not None:
        estimator.feature_types = kinds
        estimator.enable_categorical = True


def feature_types(estimator: Any, count: int) -> list[str] | None:
    """Return the kind of each feature: `c` for codes; None if there are none."""
    codes = {*(estimator.categorical_features or ())}
    return ["c" if n in codes else "q" for n in range(count)] if codes else None
