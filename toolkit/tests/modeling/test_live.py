"""Tests of reproducible_ml.modeling.fitting.live."""

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
from skops.io import dumps

from reproducible_ml.contract.schema import Contract
from reproducible_ml.modeling.fitting.live import TABLE, iterations, steps
from reproducible_ml.modeling.model.store import canonical
from tumour_diagnosis.models.train import Train, fit
from tumour_diagnosis.params import Params

HISTOGRAM = "sklearn.ensemble.HistGradientBoostingClassifier"


def with_train(params: Params, path: str, steps: int, **arguments: Any) -> Params:
    estimator = {"path": path, "arguments": arguments}
    train = Train.model_validate({"live_steps": steps, "estimator": estimator})
    return params.model_copy(update={"train": train})


@pytest.mark.parametrize(
    ("path", "arguments"),
    [
        (HISTOGRAM, {"max_iter": 17, "max_features": 0.5}),
        (HISTOGRAM, {"max_iter": 3}),
        (
            "sklearn.ensemble.GradientBoostingClassifier",
            {"n_estimators": 17, "subsample": 0.5},
        ),
        ("sklearn.ensemble.RandomForestClassifier", {"n_estimators": 5}),
        (HISTOGRAM, {"max_iter": 17, "early_stopping": True}),
    ],
)
def test_steps_change_no_byte_of_the_model(
    path: str,
    arguments: dict[str, Any],
    orders: pd.DataFrame,
    contract: Contract,
    params: Params,
    tmp_path: Path,
) -> None:
    known = orders.dropna()
    files = []
    for count in (0, 5):
        asked = with_train(params, path, count, **arguments)
        model = fit(known, contract, {}, asked, tmp_path / str(count))
        files.append(canonical(dumps(model)))
    assert files[0] == files[1]


def test_loss_is_written_for_each_step_and_falls(
    orders: pd.DataFrame, contract: Contract, params: Params, tmp_path: Path
) -> None:
    asked = with_train(params, HISTOGRAM, 4, max_iter=20)
    fit(orders, contract, {}, asked, tmp_path / "training")
    losses = pd.read_csv(tmp_path / "training" / TABLE, sep="\t")
    assert losses["step"].tolist() == [5, 10, 15, 20]
    assert losses["loss"].is_monotonic_decreasing
    latest = json.loads((tmp_path / "training/metrics.json").read_text("utf-8"))
    assert latest == {"loss": losses["loss"].iloc[-1], "step": 20}


def test_losses_of_an_earlier_run_are_gone(
    orders: pd.DataFrame, contract: Contract, params: Params, tmp_path: Path
) -> None:
    for count in (8, 2):
        asked = with_train(params, HISTOGRAM, count, max_iter=20)
        fit(orders, contract, {}, asked, tmp_path / "training")
    losses = pd.read_csv(tmp_path / "training" / TABLE, sep="\t")
    assert losses["step"].tolist() == [10, 20]


def test_table_is_empty_for_what_is_not_trained_by_iterations(
    orders: pd.DataFrame, contract: Contract, params: Params, tmp_path: Path
) -> None:
    path = "sklearn.linear_model.LogisticRegression"
    for asked in (
        with_train(params, HISTOGRAM, 4, max_iter=5),
        with_train(params, path, 4),
    ):
        fit(orders, contract, {}, asked, tmp_path / "training")
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files == [tmp_path / "training" / TABLE]
    assert files[0].read_bytes() == b"step\tloss\n"


def test_weights_of_rows_count(
    orders: pd.DataFrame, contract: Contract, params: Params, tmp_path: Path
) -> None:
    path = "sklearn.ensemble.GradientBoostingClassifier"
    plain = with_train(params, path, 4, n_estimators=10)
    balanced = plain.model_copy(
        update={"train": plain.train.model_copy(update={"class_weight": "balanced"})}
    )
    known = orders.dropna()
    files = []
    for name, asked in {"plain": plain, "balanced": balanced}.items():
        model = fit(known, contract, {}, asked, tmp_path / name)
        at_once = fit(known, contract, {}, asked)
        assert (model.predict_proba(known) == at_once.predict_proba(known)).all()
        files.append((tmp_path / name / TABLE).read_text("utf-8"))
    assert files[0] != files[1]


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
def test_only_boosting_that_does_not_stop_early_goes_in_steps(
    estimator: Any, rows: int, name: str | None
) -> None:
    assert iterations(estimator, rows) == name


@pytest.mark.parametrize(
    ("last", "count", "expected"),
    [(100, 4, [25, 50, 75, 100]), (3, 10, [1, 2, 3]), (1, 1, [1]), (10, 3, [3, 7, 10])],
)
def test_steps_end_with_the_last_iteration(
    last: int, count: int, expected: list[int]
) -> None:
    assert steps(last, count) == expected
