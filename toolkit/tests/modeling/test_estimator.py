"""The estimator that params.yaml names, and its loss while it is fitted."""

import json
import sys
from collections.abc import Iterator
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
from reproducible_ml.core.errors import UserError
from reproducible_ml.modeling.fitting.estimator import (
    TABLE,
    Estimator,
    fit_in_steps,
    iterations,
    make_estimator,
    row_weights,
)
from reproducible_ml.modeling.metrics.tasks import Scorer, make_task
from reproducible_ml.modeling.model.store import canonical
from tumour_diagnosis.models.metrics import METRICS

from .conftest import make_contract, make_orders, make_params

BOOSTING = "sklearn.ensemble.HistGradientBoostingClassifier"
REGRESSOR = "sklearn.ensemble.HistGradientBoostingRegressor"
GRADIENT = "sklearn.ensemble.GradientBoostingClassifier"
NEIGHBOURS = "sklearn.neighbors.KNeighborsClassifier"
SCALER = "sklearn.preprocessing.StandardScaler"

OWN = """
from pathlib import Path
from subprocess import Popen

from sklearn.base import BaseEstimator, ClassifierMixin

Path("imported").touch()

class Own(ClassifierMixin, BaseEstimator):
    def __init__(self, depth=1):
        self.depth = depth

    def fit(self, rows, target):
        return self

    def predict(self, rows):
        return [True] * len(rows)

    def predict_proba(self, rows):
        return [[0, 1]] * len(rows)


class Half:
    def __init__(self):
        Path("made").touch()

    def fit(self, rows, target):
        return self
"""

ROWS = make_orders(200, 1).dropna()
FEATURES = ROWS[["amount", "items"]]


def make(
    path: str, task: str = "binary", *, options: Any = None, **arguments: Any
) -> Any:
    return make_estimator(
        Estimator(path=path, arguments=arguments), task, **(options or {})
    )


def refusal(path: str, task: str = "binary", **options: Any) -> str:
    """Return why the path is refused, after the key and the path."""
    with pytest.raises(UserError) as caught:
        make(path, task, options=options)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith("params.yaml: train.estimator.path: ")
    return message.removeprefix("params.yaml: train.estimator.path: ")


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Yield a current folder on Python's path, with own.py and a package `mine`."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "__init__.py").touch()
    (tmp_path / "mine" / "models.py").write_text(OWN, "utf-8")
    (tmp_path / "own.py").write_text(OWN, "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in ("own", "mine", "mine.models"):
        sys.modules.pop(name, None)


def test_arguments_seed_and_categories_reach_the_estimator() -> None:
    estimator = make(BOOSTING, options={"seed": 3, "categories": 2}, max_iter=7)
    assert type(estimator) is HistGradientBoostingClassifier
    assert (estimator.max_iter, estimator.random_state) == (7, 3)
    assert estimator.categorical_features == [0, 1]
    assert make(BOOSTING).categorical_features is None
    regressor = make(REGRESSOR, "regression", options={"seed": 3, "categories": 1})
    assert (regressor.random_state, regressor.categorical_features) == (3, [0])


def test_arguments_of_the_user_win() -> None:
    options = {"seed": 3, "class_weight": "balanced"}
    weights = {False: 1, True: 9}
    estimator = make(BOOSTING, options=options, random_state=4, class_weight=weights)
    assert (estimator.random_state, estimator.class_weight) == (4, weights)


def test_estimator_without_a_seed_needs_none() -> None:
    options = {"seed": 3, "categories": 1}
    assert make(NEIGHBOURS, options=options, n_neighbors=2).n_neighbors == 2


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("boosting.Booster", "No module named 'boosting'"),
        ("sklearn.boosting.Booster", "No module named 'sklearn.boosting'"),
        ("sklearn.ensemble.Booster", "'Booster'"),
    ],
)
def test_path_that_cannot_be_imported_is_reported_with_a_fix(
    path: str, problem: str
) -> None:
    message = refusal(path, package="mine.models")
    assert message.startswith(f"cannot import {path} (")
    assert problem in message
    assert "add it to the dependencies in pyproject.toml" in message
    assert "code/mine/models/estimators" in message


@pytest.mark.parametrize("path", ["subprocess.Popen", "os.system", "this.Zen"])
def test_standard_library_is_refused_before_it_is_imported(
    path: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """With arguments, `subprocess.Popen` would run a command; `this` prints a poem."""
    assert "is part of Python's standard library" in refusal(path)
    assert "this" not in sys.modules
    assert capfd.readouterr().out == ""


def test_module_of_the_current_folder_is_refused_before_it_is_imported(
    code: Path,
) -> None:
    for path in ("own.Own", "mine.models.Own"):
        assert "does not belong to an installed package" in refusal(path)
    assert "__main__" in refusal("__main__.Own")
    assert not Path("imported").exists()


def test_class_of_the_projects_package_is_accepted(code: Path) -> None:
    options = {"package": "mine.models"}
    assert make("mine.models.Own", options=options, depth=3).depth == 3
    assert "own" in refusal("own.Own", **options)


def test_class_is_checked_before_an_object_is_made(code: Path) -> None:
    """A module may import anything, and its classes may do anything when called."""
    lacking = "is not a scikit-learn estimator (it has no "
    message = refusal("mine.models.Half", package="mine")
    assert f"{lacking}predict, get_params, set_params)" in message
    assert lacking in refusal("mine.models.Popen", package="mine")
    assert not Path("made").exists()


@pytest.mark.parametrize(
    ("path", "task", "problem"),
    [
        ("sklearn.linear_model.LinearRegression", "binary", "is not a classifier"),
        ("sklearn.linear_model.LinearRegression", "multiclass", "is not a classifier"),
        ("sklearn.cluster.KMeans", "binary", "is not a classifier"),
        (BOOSTING, "regression", "is not a regressor, but data.task is regression"),
        (SCALER, "regression", "is not a scikit-learn estimator (it has no predict)"),
        ("pandas.DataFrame", "binary", "is not a scikit-learn estimator"),
        ("sklearn.base.clone", "binary", "is not a class"),
        ("sklearn.linear_model", "binary", "is not a class"),
        ("sklearn.svm.LinearSVC", "binary", "does not predict probabilities"),
        ("sklearn.svm.SVC", "multiclass", "does not predict probabilities"),
    ],
)
def test_class_that_does_not_fit_the_task_is_refused(
    path: str, task: str, problem: str
) -> None:
    message = refusal(path, task)
    assert message.startswith(f"{path} ")
    assert problem in message


def test_unknown_argument_is_reported_by_name() -> None:
    with pytest.raises(UserError) as caught:
        make(BOOSTING, depth=3)
    message = str(caught.value)
    assert message.startswith("params.yaml: train.estimator.arguments: ")
    assert "'depth'" in message


def test_balanced_weights_are_set_where_the_estimator_supports_them() -> None:
    target = pd.Series(["a", "a", "a", "b"])
    balanced: dict[str, Any] = {"class_weight": "balanced"}
    by_class = make(BOOSTING, options=balanced)
    assert by_class.class_weight == "balanced"
    assert row_weights(by_class, target, "balanced") == {}
    by_row = make(GRADIENT, options=balanced)
    found = row_weights(by_row, target, "balanced")["sample_weight"]
    assert found.tolist() == [pytest.approx(2 / 3)] * 3 + [2.0]
    assert make(BOOSTING).class_weight is None
    assert row_weights(by_row, target, None) == {}


def test_balanced_weights_that_cannot_be_set_are_refused() -> None:
    start = r"^params\.yaml: train\.class_weight: "
    with pytest.raises(UserError, match=f"{start}KNeighborsClassifier can weight"):
        row_weights(make(NEIGHBOURS), pd.Series([True, False]), "balanced")
    with pytest.raises(UserError, match=f"{start}balanced is for classes"):
        make(REGRESSOR, "regression", options={"class_weight": "balanced"})


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
