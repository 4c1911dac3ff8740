"""The section `plots` of dvc.yaml for each task."""

from typing import Any

CONFUSION_MATRIX = {
    "Confusion matrix": {
        "template": "confusion_counts",
        "x": "predicted",
        "y": {"reports/plots/confusion_matrix.csv": "actual"},
    }
}


def _importance(score: str) -> dict[str, Any]:
    return {
        "Permutation importance": {
            "template": "bars",
            "x": "importance",
            "y": {"reports/plots/importance.csv": "feature"},
            "x_label": score,
            "y_label": "feature",
        }
    }


def _training(loss: str) -> list[dict[str, Any]]:
    """Return the plots of the training."""
    return [
        {
            "Learning curve": {
                "template": "simple",
                "x": "iteration",
                "y": {"reports/plots/learning_curve.csv": ["train", "test"]},
                "y_label": loss,
            }
        },
        {
            "Training": {
                "template": "simple",
                "x": "step",
                "y": {"reports/training/plots/metrics/loss.tsv": "loss"},
                "x_label": "iteration",
                "y_label": f"{loss} on training rows",
            }
        },
        {
            "Search": {
                "template": "scatter",
                "x": "trial",
                "y": {"reports/search.csv": "score"},
            }
        },
    ]


PLOTS: dict[str, list[dict[str, Any]]] = {
    "binary": [
        {
            "ROC curve": {
                "template": "diagonal",
                "x": "fpr",
                "y": {"reports/plots/roc.csv": "tpr"},
                "x_label": "false positive rate",
                "y_label": "true positive rate",
            }
        },
        {
            "Precision and recall": {
                "template": "simple",
                "x": "recall",
                "y": {"reports/plots/precision_recall.csv": "precision"},
            }
        },
        {
            "Calibration": {
                "template": "diagonal",
                "x": "predicted",
                "y": {"reports/plots/calibration.csv": "actual"},
                "x_label": "predicted probability",
                "y_label": "share of positives",
            }
        },
        CONFUSION_MATRIX,
        _importance("loss of ROC AUC"),
        *_training("log loss"),
    ],
    "multiclass": [
        CONFUSION_MATRIX,
        {
            "Precision of each class": {
                "template": "bars",
                "x": "precision",
                "y": {"reports/plots/classes.csv": "class"},
            }
        },
        {
            "Recall of each class": {
                "template": "bars",
                "x": "recall",
                "y": {"reports/plots/classes.csv": "class"},
            }
        },
        _importance("rise of the log loss"),
        *_training("log loss"),
    ],
    "regression": [
        {
            "Predicted and actual": {
                "template": "diagonal_points",
                "x": "predicted",
                "y": {"reports/plots/predicted_actual.csv": "actual"},
            }
        },
        {
            "Residuals": {
                "template": "scatter",
                "x": "predicted",
                "y": {"reports/plots/residuals.csv": "residual"},
                "y_label": "actual - predicted",
            }
        },
        {
            "Histogram of residuals": {
                "template": "simple",
                "x": "residual",
                "y": {"reports/plots/residual_histogram.csv": "rows"},
                "x_label": "actual - predicted",
                "y_label": "test rows",
            }
        },
        _importance("loss of R²"),
        *_training("root mean squared error"),
    ],
}
