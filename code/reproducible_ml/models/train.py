"""Fit one scikit-learn pipeline, features and estimator, to the training rows."""

import json
import logging
from pathlib import Path
from typing import Any

import pandas as pd
from sklearn.pipeline import Pipeline
from sklearn.utils._param_validation import InvalidParameterError

from reproducible_ml.datasets.outliers import Bounds
from reproducible_ml.datasets.schema import Contract, load_contract
from reproducible_ml.datasets.tables import fingerprint, read_table
from reproducible_ml.datasets.target import read_target
from reproducible_ml.errors import UserError
from reproducible_ml.features.build import build_pipeline
from reproducible_ml.models.estimator import make_estimator, row_weights
from reproducible_ml.models.store import save_model
from reproducible_ml.params import Params, load_params
from reproducible_ml.stage import run

logger = logging.getLogger(__name__)


def fit(
    rows: pd.DataFrame, contract: Contract, bounds: Bounds, params: Params
) -> Pipeline:
    """Return a pipeline fitted to all rows.

    Raises:
        UserError: The estimator refuses its arguments, or there is no feature.
    """
    pipeline = make_pipeline(contract, bounds, params)
    features = list(contract.features(params.data))
    target = read_target(rows, params.data)
    weights = row_weights(pipeline.named_steps["estimator"], target, params.train)
    arguments = {f"estimator__{name}": value for name, value in weights.items()}
    try:
        return pipeline.fit(rows[features], target, **arguments)
    except InvalidParameterError as error:
        raise UserError(f"params.yaml: train.estimator.arguments: {error}") from error
    except ValueError as error:
        path = params.train.estimator.path
        raise UserError(f"params.yaml: train.estimator: {path}: {error}") from error


def make_pipeline(contract: Contract, bounds: Bounds, params: Params) -> Pipeline:
    """Return the unfitted pipeline of features and estimator."""
    if not contract.features(params.data):
        raise UserError(
            "data/schema.yaml: no feature: all columns are excluded or have a role"
        )
    categories = len(contract.treated("categorical", params.data))
    estimator = make_estimator(params.train, params.data.task, categories)
    words, seed = params.features.words, params.train.seed
    return build_pipeline(
        contract, params.data, bounds, estimator, words=words, seed=seed
    )


def describe(
    contract: Contract, rows: int, train: Path, params: Params
) -> dict[str, Any]:
    """Return what the model was made of, for its manifest."""
    return {
        "contract": contract.model_dump(mode="json", exclude_defaults=True),
        "params": params.model_dump(mode="json", include={"data", "features", "train"}),
        "training_data": {"rows": rows, "sha256": fingerprint(train)},
    }


def main(
    train: Path, contract: Path, cleaned: Path, model: Path, manifest: Path
) -> None:
    """Fit to the rows of TRAIN; write MODEL and its MANIFEST.

    CONTRACT says what the columns are; CLEANED is the report of `clean`, which says
    where to clip.
    """
    params = load_params()
    columns = load_contract(contract, params.data)
    bounds = json.loads(cleaned.read_text("utf-8"))["clip_to"]
    rows = read_table(train, [*columns.features(params.data), params.data.target])
    logger.info("Fitting %s to %d rows", params.train.estimator.path, len(rows))
    fitted = fit(rows, columns, bounds, params)
    save_model(fitted, model, manifest, describe(columns, len(rows), train, params))
    logger.info("%s: %d bytes", model, model.stat().st_size)


if __name__ == "__main__":
    run(main)
