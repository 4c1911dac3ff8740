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
from reproducible_ml.files import write_text
from reproducible_ml.models.estimator import make_estimator, row_weights
from reproducible_ml.models.folds import make_folds
from reproducible_ml.models.live import fit_in_steps
from reproducible_ml.models.scorer import make_scorer
from reproducible_ml.models.search import empty_table, search
from reproducible_ml.models.store import save_model
from reproducible_ml.params import Params, load_params
from reproducible_ml.stage import run

logger = logging.getLogger(__name__)


def fit(
    rows: pd.DataFrame,
    contract: Contract,
    bounds: Bounds,
    params: Params,
    progress: Path | None = None,
) -> Pipeline:
    """Return a pipeline fitted to all rows.

    Args:
        rows: Training rows.
        contract: What their columns are.
        bounds: Where to clip.
        params: Of the whole project.
        progress: Folder for the loss while the estimator improves; None: not written.

    Raises:
        UserError: The estimator refuses its arguments, or there is no feature.
    """
    pipeline = make_pipeline(contract, bounds, params)
    features = list(contract.features(params.data))
    target = read_target(rows, params.data)
    weights = row_weights(pipeline.named_steps["estimator"], target, params.train)
    scorer, steps = make_scorer(contract, params), params.train.live_steps
    try:
        return fit_in_steps(
            pipeline, rows[features], target, scorer, steps, progress, **weights
        )
    except InvalidParameterError as error:
        raise UserError(f"params.yaml: train.estimator.arguments: {error}") from error
    except ValueError as error:
        path = params.train.estimator.path
        raise UserError(f"params.yaml: train.estimator: {path}: {error}") from error


def find_arguments(
    rows: pd.DataFrame, contract: Contract, bounds: Bounds, params: Params
) -> tuple[Params, pd.DataFrame]:
    """Return params with the best arguments that `train.search` finds, and all trials.

    Without a search, the params are as they were.
    """
    if params.train.search.method == "none":
        return params, empty_table()
    pipeline = make_pipeline(contract, bounds, params)
    target = read_target(rows, params.data)
    weights = row_weights(pipeline.named_steps["estimator"], target, params.train)
    best, trials = search(
        pipeline,
        rows[list(contract.features(params.data))],
        target,
        make_folds(rows, target, params),
        make_scorer(contract, params, params.train.search.metric),
        params,
        **weights,
    )
    return with_arguments(params, best), trials


def with_arguments(params: Params, arguments: dict[str, Any]) -> Params:
    """Return params whose estimator has these arguments, and its others."""
    estimator = params.train.estimator
    changed = estimator.model_copy(
        update={"arguments": estimator.arguments | arguments}
    )
    train = params.train.model_copy(update={"estimator": changed})
    return params.model_copy(update={"train": train})


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
    train: Path,
    contract: Path,
    cleaned: Path,
    model: Path,
    manifest: Path,
    trials: Path,
    progress: Path,
) -> None:
    """Fit to the rows of TRAIN; write MODEL and its MANIFEST.

    CONTRACT says what the columns are; CLEANED is the report of `clean`, which says
    where to clip. TRIALS gets a row a trial of the search, the folder PROGRESS the loss
    while the estimator improves.
    """
    params = load_params()
    columns = load_contract(contract, params.data)
    bounds = json.loads(cleaned.read_text("utf-8"))["clip_to"]
    rows = read_table(train, columns_to_read(columns, params))
    chosen, tried = find_arguments(rows, columns, bounds, params)
    logger.info("Fitting %s to %d rows", params.train.estimator.path, len(rows))
    fitted = fit(rows, columns, bounds, chosen, progress)
    save_model(fitted, model, manifest, describe(columns, len(rows), train, chosen))
    write_text(tried.to_csv(index=False, lineterminator="\n"), trials)
    logger.info("%s: %d bytes", model, model.stat().st_size)


def columns_to_read(contract: Contract, params: Params) -> list[str]:
    """Return features and target, and what the folds of a search go by."""
    role = params.split_column if params.train.search.method != "none" else None
    needed = [*contract.features(params.data), params.data.target, role]
    return list(dict.fromkeys(filter(None, needed)))


if __name__ == "__main__":
    run(main)
