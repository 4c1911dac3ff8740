"""A table of columns of six types, and models of it for each task."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier as Booster
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.pipeline import Pipeline, make_pipeline

from reproducible_ml.contract.schema import Contract, Data
from reproducible_ml.modeling.metrics.tasks import Task, make_task
from reproducible_ml.modeling.model.transformers import (
    Calendar,
    CategoryCodes,
    Numbers,
)

KINDS = ["web", "shop", "NA"]
CLASSES = ["low", "middle", "high"]


def rows_of(number: int) -> pd.DataFrame:
    """Return so many rows; each type but one has missing values."""
    random = np.random.default_rng(0)
    amount = random.normal(size=number).round(2)
    rows = pd.DataFrame(
        {
            "amount": np.where(random.random(number) < 0.1, np.nan, amount),
            "visits": random.integers(0, 50, number),
            "member": random.random(number) < 0.5,
            "paid": pd.Series(random.random(number) < 0.5, dtype="boolean"),
            "kind": pd.Categorical(random.choice(KINDS, number), KINDS),
            "day": pd.Timestamp("2026-01-01")
            + pd.to_timedelta(random.integers(0, 300, number), unit="D"),
        }
    )
    rows.loc[:9, "kind"] = None
    rows.loc[10:19, "paid"] = pd.NA
    rows.loc[20:29, "day"] = pd.NaT
    return rows.set_index(random.integers(0, 2**63, number).astype(np.uint64))


def fitted(
    rows: pd.DataFrame, task: str, estimator: BaseEstimator | None = None, **steps: Any
) -> tuple[Pipeline, Task]:
    """Return a fitted model and its task.

    Args:
        rows: As `rows_of` returns them.
        task: Of params.yaml.
        estimator: By default boosted trees.
        **steps: Instead of those for numbers, categories or dates.
    """
    numbers = ["amount", "visits", "member", "paid"]
    features = ColumnTransformer(
        [
            (
                "categorical",
                steps.get("categorical", CategoryCodes({"kind": KINDS})),
                ["kind"],
            ),
            ("numeric", steps.get("numeric", Numbers()), numbers),
            (
                "calendar",
                steps.get("calendar", make_pipeline(Calendar(), Numbers())),
                ["day"],
            ),
        ]
    )
    value = rows["visits"] / 50 + rows["amount"].fillna(1) + (rows["kind"] == "web")
    boosted = Booster if task != "regression" else HistGradientBoostingRegressor
    target = {
        "regression": value * 1000,
        "binary": value > 0.5,
        "multiclass": pd.cut(value, [-9, 0.2, 1, 9], labels=CLASSES).astype(str),
    }[task]
    if estimator is None:
        estimator = boosted(max_iter=15, categorical_features=[0])
    model = Pipeline([("features", features), ("estimator", estimator)])
    columns: Any = {"y": {"dtype": "float64"}}
    if task != "regression":
        values = ["yes", "no"] if task == "binary" else CLASSES
        columns = {"y": {"dtype": "category", "isin": values}}
    contract = Contract.model_validate({"columns": columns})
    positive = {"positive": "yes"} if task == "binary" else {}
    data = Data.model_validate({"target": "y", "task": task, **positive})
    return model.fit(rows, target), make_task(contract, data)
