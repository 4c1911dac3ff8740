"""The metrics that `evaluate.metrics` in params.yaml can name, for each task.

To add one, write a line. Any function of scikit-learn fits through `from_sklearn`:

    "mcc": from_sklearn(sklearn.metrics.matthews_corrcoef),
    "f2": from_sklearn(sklearn.metrics.fbeta_score, beta=2),
    "max_error": from_sklearn(
        sklearn.metrics.max_error, greater_is_better=False, in_unit_of_target=True
    ),

The functions of the toolkit give the same numbers as those of scikit-learn, and are
faster in the bootstrap behind the intervals. A function of your own takes the predicted
rows and weights of shape (replicates, rows), and returns a value for each replicate:
see `reproducible_ml.modeling.metrics.binary`.
"""

from reproducible_ml.modeling.metrics import binary, multiclass, regression
from reproducible_ml.modeling.metrics.metric import Metric, Metrics

BINARY: Metrics = {
    "roc_auc": Metric(binary.roc_auc),
    "average_precision": Metric(binary.average_precision),
    "accuracy": Metric(binary.accuracy),
    "balanced_accuracy": Metric(binary.balanced_accuracy),
    "precision": Metric(binary.precision),
    "recall": Metric(binary.recall),
    "f1": Metric(binary.f1),
    "brier_score_loss": Metric(binary.brier_score_loss, greater_is_better=False),
    "log_loss": Metric(binary.log_loss, greater_is_better=False),
}

MULTICLASS: Metrics = {
    "accuracy": Metric(multiclass.accuracy),
    "balanced_accuracy": Metric(multiclass.balanced_accuracy),
    "f1_macro": Metric(multiclass.f1_macro),
    # With one class per row, the micro average is the accuracy.
    "f1_micro": Metric(multiclass.accuracy),
    "f1_weighted": Metric(multiclass.f1_weighted),
    "precision_macro": Metric(multiclass.precision_macro),
    "recall_macro": Metric(multiclass.recall_macro),
    "roc_auc_ovr": Metric(multiclass.roc_auc_ovr),
    "log_loss": Metric(multiclass.log_loss, greater_is_better=False),
}

REGRESSION: Metrics = {
    "rmse": Metric(regression.rmse, greater_is_better=False, in_unit_of_target=True),
    "mae": Metric(regression.mae, greater_is_better=False, in_unit_of_target=True),
    "median_absolute_error": Metric(
        regression.median_absolute_error,
        greater_is_better=False,
        in_unit_of_target=True,
    ),
    "mean_absolute_percentage_error": Metric(
        regression.mean_absolute_percentage_error, greater_is_better=False
    ),
    "r2": Metric(regression.r2),
}

METRICS: dict[str, Metrics] = {
    "binary": BINARY,
    "multiclass": MULTICLASS,
    "regression": REGRESSION,
}

# The metric of learning curves, and of a search unless `train.search.metric` names
# another. Losses change with every prediction.
LOSS = {"binary": "log_loss", "multiclass": "log_loss", "regression": "rmse"}
