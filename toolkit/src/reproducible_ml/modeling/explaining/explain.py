"""What moved the predictions of a model: base value, contributions, output.

Contributions are Shapley values: a column's is what the output gains by its value, on
average over all orders in which columns could take their values, and over the rows of a
background that they take them from (interventional values). Base value plus
contributions is the output, on the scale on which the model adds.
"""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit, softmax
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.pipeline import Pipeline

from reproducible_ml.core.parallel import one_thread
from reproducible_ml.modeling.explaining import linear, sampling, trees
from reproducible_ml.modeling.explaining.origins import feature_origins
from reproducible_ml.modeling.metrics.tasks import Task

Floats = npt.NDArray[np.float64]

# What base value and contributions add up to. `log-odds`: of the positive class of two;
# `log-probability`: of a class of several, but for a number that is the same for all
# classes of a row; `score`: of a class, which gives its probability in another way;
# `logarithm`: of the predicted number.
Scale = Literal[
    "log-odds", "log-probability", "score", "number", "logarithm", "probability"
]

BOOSTERS = (HistGradientBoostingClassifier, HistGradientBoostingRegressor)

# Predictions for each row at most, where contributions are estimated.
LIMIT = 50_000

# How exactly base value and contributions must add up, relative to the output.
TOLERANCE = 1e-6


class Explanation(NamedTuple):
    """What moved the predictions for some rows.

    Attributes:
        scale: What base value and contributions add up to.
        labels: Name of each output: of each class if there are several, else one text.
        base: Mean output of the background, shape (outputs,).
        contributions: Shape (rows, columns, outputs).
        output: Their sum, shape (rows, outputs).
        errors: Standard errors of the contributions, in their shape; None: exact.
    """

    scale: Scale
    labels: list[str]
    base: Floats
    contributions: Floats
    output: Floats
    errors: Floats | None


class Explainer:
    """Explains the predictions of a model.

    Attributes:
        scale: As of `Explanation`.
        is_exact: Whether contributions are exact, or else estimated.
    """

    def __init__(
        self,
        model: Pipeline,
        task: Task,
        background: pd.DataFrame,
        *,
        seed: int = 0,
        limit: int = LIMIT,
    ) -> None:
        """Find out how the model can be explained.

        Args:
            model: Fitted pipeline.
            task: How it predicts.
            background: Features of rows that others are compared with.
            seed: Of the estimate.
            limit: Predictions for each row, at most, of the estimate.
        """
        self.model = model
        self.task = task
        self.background = background
        self.seed = seed
        self.limit = limit
        self._estimator = model[-1]
        self._origins = feature_origins(model, background)
        self._features = np.empty((0, 0))
        self._values: Callable[..., Floats] | None = None
        self.scale: Scale = "probability" if task.names else "number"
        if self._origins is not None:
            with one_thread():
                self._features = self._transform(background)
                self._choose()
        self.is_exact = self._values is not None
        self._place = _places(task, self._estimator, is_exact=self.is_exact)

    def explain(
        self, rows: pd.DataFrame, progress: Callable[[int], Any] = lambda rows: None
    ) -> Explanation:
        """Return what moved the predictions.

        Args:
            rows: Features of the rows.
            progress: Gets the numbers of rows that were predicted for an estimate.

        Raises:
            ArithmeticError: Contributions do not add up to the output.
        """
        with one_thread():
            found = (
                self._exact(rows) if self._values else self._estimate(rows, progress)
            )
        sums = found.base + found.contributions.sum(axis=1)
        scale = 1 + np.abs(found.output)
        if not (np.abs(sums - found.output) <= TOLERANCE * scale).all():
            raise ArithmeticError("contributions do not add up to the prediction")
        return found

    def _choose(self) -> None:
        """Choose what computes exact values, if something does."""
        estimator, features = self._estimator, self._features
        if type(estimator) in BOOSTERS:
            self.scale, self._values = self._find_scale(), trees.shapley_values
            return
        known = linear.raw_output(estimator, features)
        if known is None:
            return
        # Some estimators with coefficients are not linear: it shows in their output.
        several: tuple[Scale, ...] = ("number", "logarithm")
        for scale in (self._find_scale(),) if self.task.names else several:
            self.scale = scale
            with np.errstate(all="ignore"):
                output = self._raw(features)
            if output.shape == known.shape and np.allclose(output, known, rtol=1e-9):
                self._values = linear.shapley_values
                return
        self.scale = "probability" if self.task.names else "number"

    def _find_scale(self) -> Scale:
        estimator = self._estimator
        if not self.task.names:
            loss = getattr(estimator, "loss", None)
            return "logarithm" if loss in ("poisson", "gamma") else "number"
        if not hasattr(estimator, "decision_function"):
            return "score"
        raw = self._raw(self._features)
        shares = estimator.predict_proba(self._features)
        two = raw.shape[1] == 1
        same = expit(raw[:, 0]) if two else softmax(raw, axis=1)
        fits = np.allclose(same, shares[:, 1] if two else shares, atol=1e-9)
        if not fits:
            return "score"
        is_binary = {*self.task.names} == {False, True}
        return "log-odds" if is_binary else "log-probability"

    def _raw(self, features: Floats) -> Floats:
        """Return what the estimator adds up, shape (rows, outputs)."""
        estimator = self._estimator
        if self.task.names:
            if not hasattr(estimator, "decision_function"):
                return np.empty((0, 0))
            found = estimator.decision_function(features)
        else:
            found = estimator.predict(features)
            found = np.log(found) if self.scale == "logarithm" else found
        return np.asarray(found, dtype=np.float64).reshape(len(features), -1)

    def _transform(self, rows: pd.DataFrame) -> Floats:
        return np.asarray(self.model[:-1].transform(rows), dtype=np.float64)

    def _exact(self, rows: pd.DataFrame) -> Explanation:
        assert self._values is not None
        features = self._transform(rows)
        values = self._values(self._estimator, self._origins, features, self._features)
        # Columns without a feature add nothing.
        contributions = np.zeros((len(rows), rows.shape[1], values.shape[2]))
        contributions[:, : values.shape[1]] = values
        base = self._raw(self._features).mean(axis=0)
        return self._named(base, contributions, self._raw(features), None)

    def _estimate(
        self, rows: pd.DataFrame, progress: Callable[[int], Any]
    ) -> Explanation:
        used = sampling.pairs_within(self.limit, rows.shape[1], len(self.background))
        starts = self.background.iloc[:used]
        found = [
            sampling.shapley_values(
                self._output, rows.iloc[[place]], starts, self.seed, progress
            )
            for place in range(len(rows))
        ]
        values, errors = (np.stack(each) for each in zip(*found, strict=True))
        base = self._output(starts).mean(axis=0)
        return self._named(base, values, self._output(rows), errors)

    def _output(self, rows: pd.DataFrame) -> Floats:
        return self.task.output(self.model, rows).reshape(len(rows), -1)

    def _named(
        self, base: Floats, values: Floats, output: Floats, errors: Floats | None
    ) -> Explanation:
        """Return the explanation with its outputs in the order of reports."""
        names = [""] if self._place is None else list(self._place)
        if self._place is not None and output.shape[1] == 1:
            # Several classes of which training had two: half of it for, half against.
            half = np.array([-0.5, 0.5])
            base, values, output = base * half, values * half, output * half
        at = [0] if self._place is None else list(self._place.values())
        return Explanation(
            self.scale,
            names,
            base[at],
            values[:, :, at],
            output[:, at],
            None if errors is None else errors[:, :, at],
        )


def _places(task: Task, estimator: Any, *, is_exact: bool) -> dict[str, int] | None:
    """Return the place of the output of each class, in the order of the contract.

    It is None if there is one output. A class that training had no row of has a
    probability, which is 0, but nothing that is added up.
    """
    if not task.names or set(task.names) == {False, True}:
        return None
    if not is_exact:
        return {name: int(code) for code, name in task.names.items()}
    known = [str(label) for label in estimator.classes_]
    return {name: known.index(name) for name in task.names.values() if name in known}
