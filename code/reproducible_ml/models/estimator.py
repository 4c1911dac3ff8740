"""Make the estimator that params.yaml names."""

from importlib import import_module
from typing import Any

import pandas as pd
from sklearn.base import BaseEstimator, is_classifier, is_regressor
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.validation import has_fit_parameter

from reproducible_ml.errors import UserError
from reproducible_ml.params import Train


def make_estimator(params: Train, task: str, categories: int) -> BaseEstimator:
    """Return the estimator with its arguments, its seed and its categorical columns.

    Args:
        params: Dotted path, arguments, seed and weights of the classes.
        task: What it is for: `binary`, `multiclass` or `regression`.
        categories: How many of the first columns hold codes of categories.

    Raises:
        UserError: No such class, not fit for the task, or no such argument.
    """
    path = params.estimator.path
    estimator_class = _import_class(path)
    try:
        estimator = estimator_class(**params.estimator.arguments)
    except TypeError as error:
        raise UserError(f"params.yaml: train.estimator.arguments: {error}") from error
    if problem := _misfit(estimator, task):
        raise UserError(f"params.yaml: train.estimator.path: {path} {problem}")
    if task == "regression" and params.class_weight:
        raise UserError(
            f"params.yaml: train.class_weight: {params.class_weight} is for classes,"
            " but data.task is regression. Remove it."
        )
    return estimator.set_params(**_defaults(estimator, params, categories))


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


def _defaults(
    estimator: BaseEstimator, params: Train, categories: int
) -> dict[str, Any]:
    """Return what the project sets, as far as the estimator has it and the user not."""
    ours: dict[str, Any] = {
        "random_state": params.seed,
        "categorical_features": list(range(categories)) or None,
    }
    if params.class_weight:
        ours["class_weight"] = params.class_weight
    known = estimator.get_params().keys() - params.estimator.arguments.keys()
    return {name: value for name, value in ours.items() if name in known}


def row_weights(
    estimator: BaseEstimator, target: pd.Series, params: Train
) -> dict[str, Any]:
    """Return what `fit` needs to weigh rows where the estimator cannot weigh classes.

    Raises:
        UserError: It can do neither.
    """
    if not params.class_weight or "class_weight" in estimator.get_params():
        return {}
    if not has_fit_parameter(estimator, "sample_weight"):
        raise UserError(
            f"params.yaml: train.class_weight: {params.estimator.path} can weigh"
            " neither classes nor rows. Remove it, or name another estimator."
        )
    return {"sample_weight": compute_sample_weight(params.class_weight, target)}
