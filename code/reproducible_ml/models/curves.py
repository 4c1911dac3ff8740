"""What the plots show, as small tables."""

import numpy as np
import pandas as pd
from sklearn.calibration import calibration_curve
from sklearn.inspection import permutation_importance
from sklearn.metrics import confusion_matrix, precision_recall_curve, roc_curve
from sklearn.pipeline import Pipeline

from reproducible_ml.models.metrics import Labels, Predicted

# Points of a curve that are kept: more cannot be told apart in a picture.
POINTS = 200

# Digits kept: enough for a picture, and blind to rounding on another processor.
DIGITS = 6


def curves(rows: Predicted, classes: tuple[str, str]) -> dict[str, pd.DataFrame]:
    """Return the tables of all plots that need nothing but predictions.

    Args:
        rows: Predicted rows.
        classes: Names of the negative and of the positive class.
    """
    return {
        "roc": roc(rows),
        "precision_recall": precision_recall(rows),
        "calibration": calibration(rows),
        "confusion_matrix": confusion(rows, classes),
    }


def thin(table: pd.DataFrame) -> pd.DataFrame:
    """Return at most POINTS rows, the first and the last among them, rounded."""
    places = np.linspace(0, len(table) - 1, POINTS).round().astype(int)
    return table.iloc[np.unique(places)].round(DIGITS)


def roc(rows: Predicted) -> pd.DataFrame:
    """Return the share of positives found (tpr) at each share of false alarms (fpr)."""
    fpr, tpr, _ = roc_curve(rows.positive, rows.score)
    return thin(pd.DataFrame({"fpr": fpr, "tpr": tpr}))


def precision_recall(rows: Predicted) -> pd.DataFrame:
    """Return the best precision at each recall."""
    precision, recall, _ = precision_recall_curve(rows.positive, rows.score)
    points = pd.DataFrame({"recall": recall, "precision": precision})
    return thin(points.groupby("recall", as_index=False).max())


def calibration(rows: Predicted) -> pd.DataFrame:
    """Return, in ten bins of equally many rows, what was predicted and what is true."""
    actual, predicted = calibration_curve(
        rows.positive, rows.score, n_bins=10, strategy="quantile"
    )
    return thin(pd.DataFrame({"predicted": predicted, "actual": actual}))


def confusion(rows: Predicted, classes: tuple[str, str]) -> pd.DataFrame:
    """Return the number of rows of each actual and predicted class."""
    counts = confusion_matrix(
        rows.positive, rows.score >= rows.threshold, labels=[False, True]
    )
    places = [(actual, predicted) for actual in classes for predicted in classes]
    table = pd.DataFrame(places, columns=["actual", "predicted"])
    return table.assign(rows=counts.ravel())


def importance(
    model: Pipeline, rows: pd.DataFrame, positive: Labels, repeats: int, seed: int
) -> pd.DataFrame:
    """Return the loss of area under the ROC curve when a column is shuffled."""
    found = permutation_importance(
        model, rows, positive, scoring="roc_auc", n_repeats=repeats, random_state=seed
    )
    table = pd.DataFrame(
        {
            "feature": rows.columns,
            "importance": found.importances_mean,
            "deviation": found.importances_std,
        }
    )
    table = table.round(DIGITS)
    return table.sort_values(["importance", "feature"], ascending=[False, True])
