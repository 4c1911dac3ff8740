"""Print fairlearn's values for the rows of a CSV file, as JSON.

python values.py FILE: columns `actual` and `predicted`, of 0 and 1 or numbers; `group`.
"""

import json
import sys

import pandas as pd
from fairlearn import metrics as fair  # type: ignore[import-not-found]
from sklearn.metrics import accuracy_score, mean_absolute_error, precision_score

RATES = {
    "selection_rate": fair.selection_rate,
    "true_positive_rate": fair.true_positive_rate,
    "false_positive_rate": fair.false_positive_rate,
    "false_negative_rate": fair.false_negative_rate,
    "precision": precision_score,
    "accuracy": accuracy_score,
}
NUMBERS = {"mae": mean_absolute_error, "mean_prediction": fair.mean_prediction}

rows = pd.read_csv(sys.argv[1])
binary = rows["predicted"].isin([0, 1]).all()
given = rows["actual"], rows["predicted"]
group = {"sensitive_features": rows["group"]}
frame = fair.MetricFrame(
    metrics=RATES if binary else NUMBERS,
    y_true=given[0],
    y_pred=given[1],
    **group,
)
found = {
    "groups": frame.by_group.to_dict(),
    "difference": frame.difference().to_dict(),
    "ratio": frame.ratio().to_dict(),
}
if binary:
    # By their own names, so that what these mean is compared as well.
    found["difference"] |= {
        "selection_rate": fair.demographic_parity_difference(*given, **group),
        "equalized_odds": fair.equalized_odds_difference(*given, **group),
    }
    found["ratio"] |= {
        "selection_rate": fair.demographic_parity_ratio(*given, **group),
        "equalized_odds": fair.equalized_odds_ratio(*given, **group),
    }
sys.stdout.write(json.dumps(found))
