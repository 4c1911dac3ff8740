"""Make the estimator that params.yaml names.

Its class is imported only from an installed package or from the project's own package,
and is an estimator of the right kind before an object is made of it: a path cannot name
`subprocess.Popen`, nor a module that happens to lie in the current folder.
"""

import site
import sys
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

from reproducible_ml.core.errors import UserError
from reproducible_ml.core.params import Plain, Section

KEY = "params.yaml: train.estimator.path"

# What every scikit-learn estimator that predicts has.
METHODS = ("fit", "predict", "get_params", "set_params")


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
