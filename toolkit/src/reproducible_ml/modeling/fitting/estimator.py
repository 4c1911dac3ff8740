"""Make the estimator that params.yaml names."""

from importlib import import_module
from typing import Annotated, Any, Self

import pandas as pd
from pydantic import Field
from sklearn.base import BaseEstimator, is_classifier, is_regressor
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.validation import has_fit_parameter

from reproducible_ml.core.errors import UserError
from reproducible_ml.core.params import Plain, Section


class Estimator(Section):
    """A scikit-learn compatible class by its dotted path, and its arguments."""

    path: Annotated[str, Field(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$")]
    arguments: dict[str, Plain] = {}

    def updated(self, arguments: dict[str, Any]) -> Self:
        """Return the same estimator with these arguments, and its others."""
        return self.model_copy(update={"arguments": self.arguments | arguments})


def make_estimator(
    named: Estimator,
    task: str,
    *,
    seed: int = 0,
    class_weight: str | None = None,
    categories: int = 0,
) -> BaseEstimator:
    """Return the estimator with its arguments, its seed and its categorical columns.

    Args:
        named: Class and arguments.
        task: What it is for: `binary`, `multiclass` or `regression`.
        seed: Set as `random_state` where the estimator has one.
        class_weight: `balanced` where a rare class counts as much as a frequent one.
        categories: How many of the first columns hold codes of categories.

    Raises:
        UserError: No such class, not fit for the task, or no such argument.
    """
    estimator_class = _import_class(named.path)
    try:
        estimator = estimator_class(**named.arguments)
    except TypeError as error:
        raise UserError(f"params.yaml: train.estimator.arguments: {error}") from error
    if problem := _misfit(estimator, task):
        raise UserError(f"params.yaml: train.estimator.path: {named.path} {problem}")
    if task == "regression" and class_weight:
        raise UserError(
            f"params.yaml: train.class_weight: {class_weight} is for classes,"
            " but data.task is regression. Remove it."
        )
    defaults: dict[str, Any] = {
        "random_state": seed,
        "categorical_features": list(range(categories)) or None,
    }
    if class_weight:
        defaults["class_weight"] = class_weight
    # What the user set, or the estimator lacks, is left alone.
    open_ = estimator.get_params().keys() - named.arguments.keys()
    return estimator.set_params(**{n: v for n, v in defaults.items() if n in open_})


def _misfit(estimator: Any, task: str) -> str | None:
    """Say why the estimator cannot do the task."""
    kind, is_kind = {"regression": ("regressor", is_regressor)}.get(
        task, ("classifier", is_classifier)
    )
    if not (hasattr(estimator, "get_params") and is_kind(estimator)):
        return f"is no {kind}, but data.task is {task}"
    if kind == "classifier" and not hasattr(estimator, "predict_proba"):
        return "gives no probabilities. Name a classifier that has `predict_proba`."
    return None


def _import_class(path: str) -> Any:
    module, _, name = path.rpartition(".")
    try:
        found = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise UserError(
            f"params.yaml: train.estimator.path: cannot import {path} ({error})."
            " Correct it, or add its package to environments/runtime.in, `make lock`."
        ) from error
    if not isinstance(found, type):
        raise UserError(f"params.yaml: train.estimator.path: {path} is no class")
    return found


def row_weights(
    estimator: BaseEstimator, target: pd.Series, class_weight: str | None
) -> dict[str, Any]:
    """Return the argument of `fit` that weights rows, if the estimator needs it.

    One that has `class_weight` weights the classes by itself.

    Raises:
        UserError: It can do neither.
    """
    if not class_weight or "class_weight" in estimator.get_params():
        return {}
    if not has_fit_parameter(estimator, "sample_weight"):
        raise UserError(
            f"params.yaml: train.class_weight: {type(estimator).__name__} can"
            " weight neither classes nor rows. Remove it, or name another estimator."
        )
    return {"sample_weight": compute_sample_weight(class_weight, target)}
