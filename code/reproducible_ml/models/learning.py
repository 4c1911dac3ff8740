"""How the loss falls while an estimator improves: the curve of a boosted model.

The test rows are shown to see where a model begins to learn its training rows by heart.
To choose when to stop by them would make them part of the training.
"""

from typing import Any

import pandas as pd
from sklearn.pipeline import Pipeline

from reproducible_ml.models.live import steps
from reproducible_ml.models.scorer import Scorer

# Points of the curve, at most.
POINTS = 50

COLUMNS = ["iteration", "train", "test"]


class Stage:
    """A model as it was after some iterations, for rows that were predicted already."""

    def __init__(self, model: Any, output: Any) -> None:
        self.classes_ = getattr(model, "classes_", None)
        self.output = output

    def predict_proba(self, _: Any) -> Any:
        """Return the probabilities of the classes."""
        return self.output

    def predict(self, _: Any) -> Any:
        """Return the numbers predicted."""
        return self.output


def has_iterations(model: Pipeline) -> bool:
    """Say whether the model can tell what it was after each iteration."""
    return hasattr(model.named_steps["estimator"], "staged_predict")


def learning_curve(
    model: Pipeline,
    sides: dict[str, tuple[pd.DataFrame, pd.Series]],
    scorer: Scorer,
) -> pd.DataFrame:
    """Return the loss at up to POINTS iterations; no row if the model has none.

    Args:
        model: Fitted pipeline.
        sides: Features and target of some rows, of `train` and of `test`.
        scorer: Computes the loss.
    """
    if not has_iterations(model):
        return pd.DataFrame(columns=COLUMNS)
    decimals = scorer.decimals(sides["train"][1])
    curves = {
        side: pd.Series(_losses(model, rows, target, scorer)).round(decimals)
        for side, (rows, target) in sides.items()
    }
    return pd.DataFrame(curves).rename_axis("iteration").reset_index()


def _losses(
    model: Pipeline, rows: pd.DataFrame, target: pd.Series, scorer: Scorer
) -> dict[int, float]:
    """Return the loss after some of the iterations."""
    estimator = model.named_steps["estimator"]
    features = model[:-1].transform(rows)
    staged = getattr(estimator, "staged_predict_proba", estimator.staged_predict)
    last = sum(1 for _ in estimator.staged_predict(features[:1]))
    chosen = set(steps(last, POINTS))
    return {
        place: scorer.value(Stage(estimator, output), rows, target)
        for place, output in enumerate(staged(features), start=1)
        if place in chosen
    }
