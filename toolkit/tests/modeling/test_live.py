"""Fitting in steps, with the loss logged after each."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.utils._param_validation import InvalidParameterError
from skops.io import dumps

from reproducible_ml.contract.schema import Contract, Data
from reproducible_ml.contract.target import read_target
from reproducible_ml.modeling.fitting.live import TABLE, fit_in_steps, iterations
from reproducible_ml.modeling.metrics.tasks import Scorer, make_task
from reproducible_ml.modeling.model.store import canonical
from tumour_diagnosis.models.metrics import METRICS

from .conftest import make_contract, make_orders, make_params

ROWS = make_orders(200, 1).dropna()
FEATURES = ROWS[["amount", "items"]]


def fit(estimator: Any, count: int, folder: Path | None, **weights: Any) -> Pipeline:
    data = Data.model_validate(make_params("binary")["data"])
    task = make_task(Contract.model_validate(make_contract("binary")), data)
    scorer = Scorer(task, METRICS["binary"]["log_loss"])
    steps = [("features", "passthrough"), ("estimator", estimator)]
    target = read_target(ROWS, data)
    return fit_in_steps(
        Pipeline(steps), FEATURES, target, scorer, count, folder, **weights
    )


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        (HistGradientBoostingClassifier, {"max_iter": 17, "max_features": 0.5}),
        (HistGradientBoostingClassifier, {"max_iter": 3}),
        (HistGradientBoostingClassifier, {"max_iter": 17, "early_stopping": True}),
        (GradientBoostingClassifier, {"n_estimators": 17, "subsample": 0.5}),
        (RandomForestClassifier, {"n_estimators": 5}),
    ],
)
def test_steps_change_no_byte_of_the_model(
    kind: Any, arguments: dict[str, Any], tmp_path: Path
) -> None:
    models = [
        fit(kind(random_state=0, **arguments), count, tmp_path / str(count))
        for count in (0, 5)
    ]
    files = [canonical(dumps(model)) for model in models]
    assert files[0] == files[1]


def test_loss_of_each_step_replaces_that_of_an_earlier_run(tmp_path: Path) -> None:
    for count in (8, 4):
        fit(HistGradientBoostingClassifier(max_iter=20), count, tmp_path / "training")
    losses = pd.read_csv(tmp_path / "training" / TABLE, sep="\t")
    assert losses["step"].tolist() == [5, 10, 15, 20]
    assert losses["loss"].is_monotonic_decreasing
    latest = json.loads((tmp_path / "training/metrics.json").read_text("utf-8"))
    assert latest == {"loss": losses["loss"].iloc[-1], "step": 20}


def test_table_is_empty_without_steps(tmp_path: Path) -> None:
    fit(HistGradientBoostingClassifier(max_iter=5), 4, tmp_path / "training")
    fit(LogisticRegression(), 4, tmp_path / "training")
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files == [tmp_path / "training" / TABLE]
    assert files[0].read_bytes() == b"step\tloss\n"


def test_weights_of_rows_reach_the_estimator_in_steps_and_at_once(
    tmp_path: Path,
) -> None:
    weights = {"sample_weight": FEATURES["items"].to_numpy(dtype=float)}
    tables = []
    for name, given in {"plain": {}, "weighted": weights}.items():
        models = [
            fit(GradientBoostingClassifier(random_state=0), 4, folder, **given)
            for folder in (tmp_path / name, None)
        ]
        shares = [model.predict_proba(FEATURES) for model in models]
        assert (shares[0] == shares[1]).all()
        tables.append((tmp_path / name / TABLE).read_text("utf-8"))
    assert tables[0] != tables[1]


@pytest.mark.parametrize(
    ("estimator", "rows", "name"),
    [
        (HistGradientBoostingClassifier(), 10_000, "max_iter"),
        (HistGradientBoostingClassifier(), 10_001, None),
        (HistGradientBoostingClassifier(early_stopping=False), 10_001, "max_iter"),
        (HistGradientBoostingClassifier(early_stopping=True), 100, None),
        (GradientBoostingClassifier(), 100, "n_estimators"),
        (GradientBoostingClassifier(n_iter_no_change=3), 100, None),
        (RandomForestClassifier(), 100, None),
    ],
)
def test_only_boosting_without_early_stopping_is_fitted_in_steps(
    estimator: Any, rows: int, name: str | None
) -> None:
    assert iterations(estimator, rows) == name


@pytest.mark.parametrize("number", [0, -1, 2.5, "many", None])
def test_number_of_iterations_that_is_none_is_refused(
    number: Any, tmp_path: Path
) -> None:
    with pytest.raises(InvalidParameterError, match="max_iter"):
        fit(HistGradientBoostingClassifier(max_iter=number), 4, tmp_path)
