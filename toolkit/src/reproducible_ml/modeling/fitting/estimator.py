"""Make the estimator that params.yaml names, and fit it while its loss is logged.

Its class is imported only from an installed package or from the project's own package,
and is an estimator of the right kind before an object is made of it: a path cannot name
`subprocess.Popen`, nor a module that happens to lie in the current folder.

It is fitted in steps of some iterations, after each of which DVCLive logs the loss.
`dvc plots show` and DVC's extension of VS Code draw the table while it grows.
"""

import shutil
import site
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import packages_distributions
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Self

import pandas as pd
from pydantic import Field
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    RegressorMixin,
    is_classifier,
    is_regressor,
)
from sklearn.pipeline import Pipeline

from reproducible_ml.core.errors import UserError
from reproducible_ml.core.files import write_text
from reproducible_ml.core.params import Plain, Section
from reproducible_ml.modeling.fitting.search import for_last_step
from reproducible_ml.modeling.metrics.tasks import Scorer, steps

KEY = "params.yaml: train.estimator.path"

# These are replaced by classes of the same names that take codes of categories.
WITH_CATEGORIES = ("xgboost.XGBClassifier", "xgboost.XGBRegressor")
BOOSTING = "reproducible_ml.modeling.model.boosting"

# What every scikit-learn estimator that predicts has.
METHODS = ("fit", "predict", "get_params", "set_params")

# Where DVCLive writes a metric of the name `loss`.
TABLE = "plots/metrics/loss.tsv"

# Rows whose loss is computed, at most: enough for a line.
ROWS = 10_000

# With more rows than these, HistGradientBoosting stops early unless told not to.
STOPS_EARLY = 10_000


class Estimator(Section):
    """A scikit-learn compatible class by its dotted path, and its arguments."""

    path: Annotated[str, Field(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$")]
    arguments: dict[str, Plain] = {}

    def updated(self, arguments: dict[str, Any]) -> Self:
        """Return the same estimator with these arguments added or replaced."""
        return self.model_copy(update={"arguments": self.arguments | arguments})


def make_estimator(
    named: Estimator,
    task: str,
    *,
    seed: int = 0,
    class_weight: str | None = None,
    categories: int = 0,
    package: str | None = None,
) -> BaseEstimator:
    """Return the estimator with its arguments, its seed and its categorical columns.

    Args:
        named: Class and arguments.
        task: What it predicts: `binary`, `multiclass` or `regression`.
        seed: Set as `random_state` where the estimator has one.
        class_weight: `balanced` to weight classes inversely to their frequency.
        categories: How many of the first columns hold codes of categories.
        package: The project's own package, or a module in it; classes of your own may
            be defined there.

    Raises:
        UserError: There is no such class, it is not an estimator of the task, or it has
            no such argument.
    """
    estimator_class = import_estimator(named.path, task, package)
    try:
        estimator = estimator_class(**named.arguments)
    except TypeError as error:
        raise UserError(f"params.yaml: train.estimator.arguments: {error}") from error
    if problem := _mismatch(estimator, task):
        raise UserError(f"{KEY}: {named.path} {problem}")
    if task == "regression" and class_weight:
        raise UserError(
            f"params.yaml: train.class_weight: {class_weight} is for classes,"
            " but data.task is regression. Fix: remove it."
        )
    defaults: dict[str, Any] = {
        "random_state": seed,
        "categorical_features": list(range(categories)) or None,
    }
    if class_weight:
        defaults["class_weight"] = class_weight
    # Arguments that the user set, or that the estimator lacks, are left alone.
    unset = estimator.get_params().keys() - named.arguments.keys()
    return estimator.set_params(**{n: v for n, v in defaults.items() if n in unset})


def import_estimator(path: str, task: str, package: str | None = None) -> Any:
    """Return the estimator class with this dotted path, without making an object of it.

    Args:
        path: Module and class, as `sklearn.ensemble.RandomForestClassifier`.
        task: What it predicts: `binary`, `multiclass` or `regression`.
        package: The project's own package, or a module in it.

    Raises:
        UserError: It is not in an installed package or in the project's, cannot be
            imported, or is not an estimator of the task.
    """
    module, _, name = path.rpartition(".")
    top = path.partition(".")[0]
    own = package.partition(".")[0] if package else None
    try:
        if top != own:
            _check_installed(top)
        found = getattr(import_module(module), name)
    except (ImportError, AttributeError, SyntaxError) as error:
        raise UserError(
            f"{KEY}: cannot import {path} ({error}). Fix: {_fix(top, own)}"
        ) from error
    if problem := _not_an_estimator(found, task):
        raise UserError(f"{KEY}: {path} {problem}")
    if path in WITH_CATEGORIES:
        return getattr(import_module(BOOSTING), name)
    return found


def _fix(top: str, own: str | None) -> str:
    """Return how to correct a path that cannot be imported."""
    if top == own:
        return "correct the path, or the code of that module."
    if top in sys.stdlib_module_names:
        return "name an estimator, such as sklearn.ensemble.RandomForestClassifier."
    folder = f"code/{own}/models/estimators" if own else "the project's package"
    return (
        "correct the path. A package must be installed: add it to the"
        " dependencies in pyproject.toml and run `make lock && make setup`. A class of"
        f" your own belongs in {folder}."
    )


def _check_installed(top: str) -> None:
    """Raise ImportError if importing this would run code of no installed package."""
    if top in sys.stdlib_module_names:
        raise ImportError(f"{top} is part of Python's standard library")
    spec = None if top == "__main__" else find_spec(top)
    if spec is None:
        raise ImportError(f"No module named '{top}'")
    places = [*(spec.submodule_search_locations or []), spec.origin or ""]
    installed = [*site.getsitepackages(), site.getusersitepackages()]
    if any(Path(p).is_relative_to(folder) for p in places for folder in installed):
        return
    # Editable installations lie elsewhere, but have metadata there.
    if top not in packages_distributions():
        raise ImportError(f"{places[0]} does not belong to an installed package")


def _kind(task: str) -> str:
    return "regressor" if task == "regression" else "classifier"


def _not_an_estimator(found: Any, task: str) -> str | None:
    """Return why this is not an estimator class of the task, as far as it shows."""
    if not isinstance(found, type):
        return "is not a class"
    missing = [name for name in METHODS if not callable(getattr(found, name, None))]
    if missing:
        return f"is not a scikit-learn estimator (it has no {', '.join(missing)})"
    mixins = {"classifier": ClassifierMixin, "regressor": RegressorMixin}
    kinds = {kind for kind, mixin in mixins.items() if issubclass(found, mixin)}
    if kinds and _kind(task) not in kinds:
        return f"is not a {_kind(task)}, but data.task is {task}"
    return None


def _mismatch(estimator: Any, task: str) -> str | None:
    """Return why the estimator cannot be used for the task."""
    fits = is_regressor if task == "regression" else is_classifier
    if not fits(estimator):
        return f"is not a {_kind(task)}, but data.task is {task}"
    if task != "regression" and not hasattr(estimator, "predict_proba"):
        return (
            "does not predict probabilities. Fix: name a classifier with"
            " `predict_proba`."
        )
    return None


def row_weights(
    estimator: BaseEstimator, target: pd.Series, class_weight: str | None
) -> dict[str, Any]:
    """Return the argument of `fit` that weights rows, if the estimator needs it.

    An estimator with `class_weight` weights the classes by itself.

    Args:
        estimator: Unfitted.
        target: Class of each training row.
        class_weight: As in params.yaml; None for no weights.

    Raises:
        UserError: It can weight neither classes nor rows.
    """
    from sklearn.utils.class_weight import compute_sample_weight
    from sklearn.utils.validation import has_fit_parameter

    if not class_weight or "class_weight" in estimator.get_params():
        return {}
    if not has_fit_parameter(estimator, "sample_weight"):
        raise UserError(
            f"params.yaml: train.class_weight: {type(estimator).__name__} can weight"
            " neither classes nor rows. Fix: remove it, or name another estimator."
        )
    return {"sample_weight": compute_sample_weight(class_weight, target)}


def iterations(estimator: BaseEstimator, rows: int) -> str | None:
    """Return the argument that sets the number of iterations; None if not in steps.

    Only boosting with `warm_start` can be fitted in steps and gives the same model as
    without. Early stopping would look at scores from its first iteration on.
    """
    given = estimator.get_params()
    if "warm_start" not in given or not hasattr(estimator, "staged_predict"):
        return None
    stops = given.get("early_stopping", given.get("n_iter_no_change") is not None)
    if stops is True or (stops == "auto" and rows > STOPS_EARLY):
        return None
    return "max_iter" if "max_iter" in given else "n_estimators"


def fit_in_steps(
    pipeline: Pipeline,
    rows: pd.DataFrame,
    target: pd.Series,
    scorer: Scorer,
    count: int,
    folder: Path | None,
    **weights: Any,
) -> Pipeline:
    """Return the pipeline, fitted as by `fit`, and write its loss on training rows.

    Args:
        pipeline: Unfitted; it is changed.
        rows: Features of `n` training rows.
        target: Class or number of each row, of shape (n,).
        scorer: Computes the loss.
        count: Steps, at most; 0: the model is fitted at once and the table stays empty.
        folder: Where DVCLive writes the table, to TABLE in it; None: nowhere.
        **weights: Weights of the rows, for the estimator's `fit`.
    """
    estimator = pipeline.named_steps["estimator"]
    name = iterations(estimator, len(rows)) if count else None
    last = estimator.get_params()[name] if name else None
    if not isinstance(last, int) or last < 1:
        # `fit` says what is wrong with the number.
        name = None
    if folder:
        # Files of an earlier run are about another model.
        shutil.rmtree(folder, ignore_errors=True)
    if folder and name is None:
        write_text("step\tloss\n", folder / TABLE)
    if folder is None or name is None:
        return pipeline.fit(rows, target, **for_last_step(weights))
    assert isinstance(last, int)
    features = pipeline[:-1].fit_transform(rows, target)
    for live, step in logged(steps(last, count), folder):
        estimator.set_params(warm_start=True, **{name: step})
        estimator.fit(features, target, **weights)
        loss = scorer.value(estimator, features[:ROWS], target.iloc[:ROWS])
        live.log_metric("loss", round(loss, scorer.decimals(target)))
    estimator.set_params(warm_start=False)
    return pipeline


def logged(ends: list[int], folder: Path) -> Iterator[tuple[Any, int]]:
    """Yield DVCLive and each step, and write what was logged in it."""
    from dvclive.live import Live

    with Live(str(folder), save_dvc_exp=False, dvcyaml=False) as live:
        for step in ends:
            live.step = step
            yield live, step
            live.make_summary()
    # On Windows its line endings, and so the hash of the file, would differ.
    for path in (folder / TABLE, folder / "metrics.json"):
        write_text(path.read_text("utf-8"), path)
