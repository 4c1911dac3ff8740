"""Make the estimator that params.yaml names."""

from importlib import import_module
from typing import Any

from sklearn.base import BaseEstimator, is_classifier

from reproducible_ml.errors import UserError
from reproducible_ml.params import Train


def make_estimator(params: Train, categories: int) -> BaseEstimator:
    """Return the estimator with its arguments, its seed and its categorical columns.

    Args:
        params: Dotted path, arguments and seed.
        categories: How many of the first columns hold codes of categories.

    Raises:
        UserError: No such class, no classifier, or no such argument.
    """
    path = params.estimator.path
    estimator_class = _import_class(path)
    try:
        estimator = estimator_class(**params.estimator.arguments)
    except TypeError as error:
        raise UserError(f"params.yaml: train.estimator.arguments: {error}") from error
    if not (hasattr(estimator, "get_params") and is_classifier(estimator)):
        raise UserError(f"params.yaml: train.estimator.path: {path} is no classifier")
    if not hasattr(estimator, "predict_proba"):
        raise UserError(
            f"params.yaml: train.estimator.path: {path} gives no probabilities."
            " Name a classifier that has `predict_proba`."
        )
    return estimator.set_params(**_defaults(estimator, params, categories))


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
    ours = {
        "random_state": params.seed,
        "categorical_features": list(range(categories)) or None,
    }
    known = estimator.get_params().keys() - params.estimator.arguments.keys()
    return {name: value for name, value in ours.items() if name in known}
