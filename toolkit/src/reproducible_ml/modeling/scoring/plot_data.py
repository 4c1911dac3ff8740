"""The data of plots, as small tables."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.pipeline import Pipeline

from reproducible_ml.core import keys
from reproducible_ml.core.parallel import map_jobs
from reproducible_ml.core.params import Compute
from reproducible_ml.modeling.metrics.metric import (
    DECIMALS,
    Codes,
    Labels,
    Predictions,
    unit_decimals,
)
from reproducible_ml.modeling.metrics.tasks import Scorer, steps

# Points of a curve, at most: a picture shows no more.
POINTS = 200

# Rows shown as single points, at most, and bins of a histogram.
DOTS = 400
BINS = 25

# Iterations of a learning curve, at most, and its columns.
LEARNING_POINTS = 50
COLUMNS = ["iteration", "train", "test"]


def thin(table: pd.DataFrame) -> pd.DataFrame:
    """Return at most POINTS rows, with the first and the last, rounded."""
    places = np.linspace(0, len(table) - 1, POINTS).round().astype(int)
    return table.iloc[np.unique(places)].round(DECIMALS)


def roc(rows: Predictions) -> pd.DataFrame:
    """Return the true positive rate (tpr) at each false positive rate (fpr)."""
    from sklearn.metrics import roc_curve

    fpr, tpr, _ = roc_curve(rows.actual, rows.output)
    return thin(pd.DataFrame({"fpr": fpr, "tpr": tpr}))


def precision_recall(rows: Predictions) -> pd.DataFrame:
    """Return the highest precision at each recall."""
    from sklearn.metrics import precision_recall_curve

    precision, recall, _ = precision_recall_curve(rows.actual, rows.output)
    points = pd.DataFrame({"recall": recall, "precision": precision})
    return thin(points.groupby("recall", as_index=False).max())


def calibration(rows: Predictions) -> pd.DataFrame:
    """Return mean predicted and actual probability in ten bins of as many rows each."""
    from sklearn.calibration import calibration_curve

    actual, predicted = calibration_curve(
        rows.actual, rows.output, n_bins=10, strategy="quantile"
    )
    return thin(pd.DataFrame({"predicted": predicted, "actual": actual}))


def confusion(
    actual: Labels | Codes, predicted: Labels | Codes, names: Mapping[Any, str]
) -> pd.DataFrame:
    """Return the number of rows of each actual and predicted class.

    Args:
        actual: Actual class of each row, of shape (n,).
        predicted: Predicted class of each row, of shape (n,).
        names: Name of each class, in the order of the table.
    """
    from sklearn.metrics import confusion_matrix

    counts = confusion_matrix(actual, predicted, labels=list(names))
    shown = names.values()
    places = [(actual, predicted) for actual in shown for predicted in shown]
    table = pd.DataFrame(places, columns=["actual", "predicted"])
    return table.assign(rows=counts.ravel())


def sample_predictions(rows: Predictions, row_keys: keys.Keys) -> pd.DataFrame:
    """Return predicted, actual and residual of some rows, chosen by their keys."""
    some = keys.sample_rows(row_keys, DOTS, keys.salt_from_text("dots"))
    actual, predicted = rows.actual[some], rows.output[some]
    table = pd.DataFrame(
        {"predicted": predicted, "actual": actual, "residual": actual - predicted}
    )
    table = table.round(unit_decimals(rows.actual))
    return table.sort_values(["predicted", "actual"], ignore_index=True)


def residual_histogram(rows: Predictions) -> pd.DataFrame:
    """Return the number of rows in each of BINS bins, and the middle of the bin.

    The outermost hundredths of rows are counted in the first and the last bin, as one
    outlier could leave all others in a single one.
    """
    residual = rows.actual - rows.output
    low, high = np.quantile(residual, [0.01, 0.99])
    counts, edges = np.histogram(residual.clip(low, high), BINS, (low, high))
    middle = (edges[1:] + edges[:-1]) / 2
    middle = middle.round(unit_decimals(rows.actual))
    return pd.DataFrame({"residual": middle, "rows": counts})


def importance(
    model: Pipeline,
    rows: pd.DataFrame,
    actual: npt.NDArray[Any],
    scoring: str | Callable[..., float],
    repeats: int,
    seed: int,
    compute: Compute | None = None,
) -> pd.DataFrame:
    """Return the permutation importance of each column (Breiman, 2001).

    It is the loss of the score when the column is shuffled. The numbers are those of
    `sklearn.inspection.permutation_importance`, which shows no progress.

    Args:
        model: Fitted to columns like those of `rows`.
        rows: Features of `n` rows.
        actual: Actual values, of shape (n,).
        scoring: The score, as scikit-learn takes it.
        repeats: How often each column is shuffled.
        seed: Seed of the shuffling.
        compute: How many threads work on columns; changes no result. None: one.

    Returns:
        Columns `feature`, `importance` (mean loss) and `deviation` (standard deviation
        of the losses), the most important feature first.
    """
    from sklearn.metrics import check_scoring

    compute = compute or Compute(backend="sequential", n_jobs=1)
    if compute.backend != "sequential":
        # Threads share the model and the rows; each process would get a copy.
        compute = Compute(backend="threading", n_jobs=compute.n_jobs)
    scorer = check_scoring(model, scoring=scoring)
    score = partial(_shuffled_scores, scorer, model, rows, actual, repeats, seed)
    columns = [(column,) for column in range(rows.shape[1])]
    scores = map_jobs(score, columns, compute, "importance", unit="columns")
    losses = scorer(model, rows, actual) - np.array(scores)
    table = pd.DataFrame(
        {
            "feature": rows.columns,
            "importance": losses.mean(axis=1),
            "deviation": losses.std(axis=1),
        }
    )
    table = table.round(DECIMALS)
    return table.sort_values(["importance", "feature"], ascending=[False, True])


def _shuffled_scores(
    scorer: Callable[..., float],
    model: Pipeline,
    rows: pd.DataFrame,
    actual: npt.NDArray[Any],
    repeats: int,
    seed: int,
    column: int,
) -> list[float]:
    """Return the score of each shuffle of a column; they are the same for all columns.

    As in scikit-learn, a shuffle starts from the one before.
    """
    drawn = np.random.RandomState(seed).randint(np.iinfo(np.int32).max + 1)
    random = np.random.RandomState(drawn)
    rows, order, scores = rows.copy(), np.arange(len(rows)), []
    for _ in range(repeats):
        random.shuffle(order)
        values = rows.iloc[order, column].set_axis(rows.index)
        rows[rows.columns[column]] = values
        scores.append(scorer(model, rows, actual))
    return scores


class _Staged:
    """A model after some of its iterations, with its output for the rows known."""

    def __init__(self, model: Any, output: Any) -> None:
        self.classes_ = getattr(model, "classes_", None)
        self.output = output

    def predict_proba(self, _: Any) -> Any:
        """Return the probability of each class."""
        return self.output

    def predict(self, _: Any) -> Any:
        """Return the predicted numbers."""
        return self.output


def has_iterations(model: Pipeline) -> bool:
    """Return whether the model can predict as it did after each iteration."""
    return hasattr(model.named_steps["estimator"], "staged_predict")


def learning_curve(
    model: Pipeline,
    sides: dict[str, tuple[pd.DataFrame, pd.Series]],
    scorer: Scorer,
) -> pd.DataFrame:
    """Return the loss at up to LEARNING_POINTS iterations; no rows if there are none.

    Args:
        model: Fitted pipeline.
        sides: Features and target of some rows, for `train` and for `test`.
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
    """Return the loss by iteration."""
    estimator = model.named_steps["estimator"]
    features = model[:-1].transform(rows)
    staged = getattr(estimator, "staged_predict_proba", estimator.staged_predict)
    last = sum(1 for _ in estimator.staged_predict(features[:1]))
    chosen = set(steps(last, LEARNING_POINTS))
    return {
        place: scorer.value(_Staged(estimator, output), rows, target)
        for place, output in enumerate(staged(features), start=1)
        if place in chosen
    }
