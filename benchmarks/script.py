"""What a user would write instead: `python benchmarks/script.py FILE.csv ENCODING`.

One process, pandas and scikit-learn, with the results that the pipeline gives: metrics
with intervals, curves, permutation importance. `onehot` encodes the categories as most
people do; `native` uses the estimator's own treatment of categories, as the pipeline.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn import metrics
from sklearn.calibration import calibration_curve
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.inspection import permutation_importance
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

NUMBERS = [f"x{i}" for i in range(10)]
CATEGORIES = [f"c{i}" for i in range(4)]
REPLICATES = 500
INTERVAL_ROWS = 10_000
IMPORTANCE_ROWS = 2_000

SCORES = {
    "roc_auc": metrics.roc_auc_score,
    "average_precision": metrics.average_precision_score,
    "brier_score_loss": metrics.brier_score_loss,
    "log_loss": metrics.log_loss,
}
CLASSES = {"accuracy": metrics.accuracy_score, "f1": metrics.f1_score}


def prepare(file: Path) -> pd.DataFrame:
    """Read, drop repeats, make numbers of the date."""
    rows = pd.read_csv(file, parse_dates=["when"]).drop_duplicates()
    for field in ("year", "month", "day_of_week", "hour"):
        rows[field] = getattr(rows["when"].dt, field)
    return rows.drop(columns="when")


def pipeline(encoding: str) -> Pipeline:
    """Return the features and the estimator."""
    native = encoding == "native"
    encoder = (
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)
        if native
        else OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    )
    columns = [("categories", encoder, CATEGORIES)]
    features = ColumnTransformer(columns, remainder="passthrough")
    categorical = list(range(len(CATEGORIES))) if native else None
    estimator = HistGradientBoostingClassifier(
        random_state=0, categorical_features=categorical
    )
    return Pipeline([("features", features), ("estimator", estimator)])


def judge(target: np.ndarray, score: np.ndarray) -> dict[str, float]:
    """Return all metrics."""
    found = {name: float(f(target, score)) for name, f in SCORES.items()}
    return found | {n: float(f(target, score >= 0.5)) for n, f in CLASSES.items()}


def intervals(target: np.ndarray, score: np.ndarray) -> dict[str, list[float]]:
    """Return 95 % intervals by resampling some of the rows."""
    random = np.random.default_rng(0)
    rows = min(len(target), INTERVAL_ROWS)
    some = random.choice(len(target), rows, replace=False)
    draws = [some[random.integers(0, rows, rows)] for _ in range(REPLICATES)]
    table = pd.DataFrame([judge(target[draw], score[draw]) for draw in draws])
    return {n: list(np.quantile(v, [0.025, 0.975])) for n, v in table.items()}


def main(file: Path, encoding: str) -> None:
    """Do everything, and print metrics and the seconds of each step."""
    laps, last = {}, time.perf_counter()

    def lap(step: str) -> None:
        nonlocal last
        now = time.perf_counter()
        laps[step], last = round(now - last, 2), now

    rows = prepare(file)
    lap("prepare")
    train, test = train_test_split(
        rows, test_size=0.25, random_state=0, stratify=rows["target"]
    )
    limits = train[NUMBERS].quantile([0.001, 0.999])
    for side in (train, test):
        side[NUMBERS] = side[NUMBERS].clip(limits.iloc[0], limits.iloc[1], axis=1)
    lap("split and clip")
    model = pipeline(encoding).fit(train.drop(columns="target"), train["target"])
    lap("fit")
    target = test.pop("target").to_numpy()
    score = model.predict_proba(test)[:, 1]
    found = judge(target, score)
    metrics.roc_curve(target, score)
    metrics.precision_recall_curve(target, score)
    calibration_curve(target, score, n_bins=10, strategy="quantile")
    lap("predict and judge")
    intervals(target, score)
    lap("intervals")
    some = np.random.default_rng(0).permutation(len(test))[:IMPORTANCE_ROWS]
    permutation_importance(
        model, test.iloc[some], target[some], scoring="roc_auc", random_state=0
    )
    lap("importance")
    sys.stdout.write(json.dumps({"metrics": found, "seconds": laps}) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
