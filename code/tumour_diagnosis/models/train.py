"""Fit one scikit-learn pipeline, features and estimator, to the training rows.

A search of hyperparameters, if one is set, comes first. A manifest beside the model
records the contract, the parameters and the training data.
"""

import json
import logging
from pathlib import Path
from typing import Annotated, Any, Literal

import pandas as pd
from pydantic import Field
from sklearn.pipeline import Pipeline
from sklearn.utils._param_validation import InvalidParameterError

from reproducible_ml.contract.schema import Contract, Data, load_contract
from reproducible_ml.contract.target import ClassSummary, rare_class, read_target
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.files import write_text
from reproducible_ml.core.outliers import Bounds
from reproducible_ml.core.parallel import suitable_threads
from reproducible_ml.core.params import Compute, Section, Share, load_section
from reproducible_ml.core.parts import fingerprint, read_table
from reproducible_ml.core.stage import run
from reproducible_ml.modeling.fitting.estimator import (
    Estimator,
    fit_in_steps,
    make_estimator,
    row_weights,
)
from reproducible_ml.modeling.fitting.own_code import check_own_code
from reproducible_ml.modeling.fitting.search import (
    Search,
    check_space,
    make_folds,
    no_trials,
    search,
)
from reproducible_ml.modeling.fitting.threshold import Costs, choose_threshold
from reproducible_ml.modeling.metrics.tasks import Scorer, choose_metrics, make_task
from reproducible_ml.modeling.model.store import save_model
from tumour_diagnosis.datasets.split import load_split
from tumour_diagnosis.features.build import Features, build_pipeline, treated
from tumour_diagnosis.models.metrics import LOSS, METRICS

logger = logging.getLogger(__name__)


class Train(Section):
    """Section `train` of params.yaml."""

    seed: Annotated[int, Field(strict=True, ge=0, lt=2**32)] = 0
    class_weight: Literal["balanced"] | None = None
    live_steps: Annotated[int, Field(strict=True, ge=0)] = 0
    estimator: Estimator
    search: Search = Search()
    threshold: Share | Costs = 0.5


def check_estimator(train: Train, task: str) -> None:
    """Raise UserError if the estimator, an argument or the search space is invalid."""
    estimator = make_estimator(
        train.estimator, task, class_weight=train.class_weight, package=__package__
    )
    check_space(estimator, train.search)
    check_own_code(estimator)


def make_pipeline(
    contract: Contract, data: Data, bounds: Bounds, features: Features, train: Train
) -> Pipeline:
    """Return the unfitted pipeline of features and estimator."""
    if not contract.features(data):
        raise UserError(
            "data/schema.yaml: no column is a feature: all are excluded or have a role."
            " Fix: remove `treatment: exclude` from at least one."
        )
    estimator = make_estimator(
        train.estimator,
        data.task,
        seed=train.seed,
        class_weight=train.class_weight,
        categories=len(treated("categorical", contract, data)),
        package=__package__,
    )
    return build_pipeline(contract, data, bounds, estimator, features, seed=train.seed)


def make_scorer(contract: Contract, data: Data, metric: str | None = None) -> Scorer:
    """Return the scorer of a metric, or of the loss of the task."""
    names = [metric or LOSS[data.task]]
    [found] = choose_metrics(
        "train.search.metric", names, METRICS[data.task], data.task
    ).values()
    return Scorer(make_task(contract, data), found)


def find_arguments(
    pipeline: Pipeline, rows: pd.DataFrame, contract: Contract, data: Data, train: Train
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Return the best arguments of `train.search`, and a table of its trials."""
    if train.search.method == "none":
        return {}, no_trials()
    target, split = read_target(rows, data), load_split(data)
    folds = make_folds(rows, target, data, split.method, train.search.folds, train.seed)
    return search(
        pipeline,
        rows[list(contract.features(data))],
        target,
        folds,
        make_scorer(contract, data, train.search.metric),
        train.search,
        load_section(Compute),
        train.seed,
        **row_weights(pipeline.named_steps["estimator"], target, train.class_weight),
    )


def find_threshold(
    pipeline: Pipeline, rows: pd.DataFrame, contract: Contract, data: Data, train: Train
) -> float | None:
    """Return the probability from which the positive class is predicted.

    It is None for other tasks than binary classification.
    """
    if data.task != "binary":
        return None
    if not isinstance(train.threshold, Costs):
        return train.threshold
    target, split = read_target(rows, data), load_split(data)
    folds = make_folds(rows, target, data, split.method, train.search.folds, train.seed)
    return choose_threshold(
        train.threshold,
        pipeline,
        rows[list(contract.features(data))],
        target,
        folds,
        make_task(contract, data),
        train.class_weight,
    )


def fit(
    pipeline: Pipeline,
    rows: pd.DataFrame,
    contract: Contract,
    data: Data,
    train: Train,
    progress: Path | None = None,
) -> Pipeline:
    """Return the pipeline, fitted to all rows.

    Args:
        pipeline: Unfitted; it is changed.
        rows: Training rows.
        contract: Columns of the rows.
        data: Roles of the columns.
        train: Section `train` of params.yaml.
        progress: Folder for the loss during training; None: not written.

    Raises:
        UserError: The estimator does not accept its arguments or the rows.
    """
    target = read_target(rows, data)
    weights = row_weights(pipeline.named_steps["estimator"], target, train.class_weight)
    try:
        return fit_in_steps(
            pipeline,
            rows[list(contract.features(data))],
            target,
            make_scorer(contract, data),
            train.live_steps,
            progress,
            **weights,
        )
    except InvalidParameterError as error:
        raise UserError(f"params.yaml: train.estimator.arguments: {error}") from error
    except ValueError as error:
        path = train.estimator.path
        raise UserError(f"params.yaml: train.estimator: {path}: {error}") from error


def warn_of_rare_class(rows: pd.DataFrame, data: Data, train: Train) -> None:
    """Log a warning if a class is so rare that the model may never predict it."""
    if data.task == "regression" or train.class_weight:
        return
    counts = ClassSummary.of(rows[data.target]).counts
    if label := rare_class(counts):
        logger.warning(
            'warning: class "%s" has only %.1f %% of the training rows. To give it'
            " more weight, set train.class_weight: balanced in params.yaml.",
            label,
            100 * counts[label] / counts.total(),
        )


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

    CONTRACT describes the columns; CLEANED, the report of `clean`, has the bounds to
    clip to. TRIALS gets a row for each trial of the search, the folder PROGRESS the
    loss during training.
    """
    data, features = load_section(Data), load_section(Features)
    params = load_section(Train)
    columns = load_contract(contract, data)
    bounds = json.loads(cleaned.read_text("utf-8"))["clip_to"]
    used = [*columns.features(data), data.target]
    if params.search.method != "none" or isinstance(params.threshold, Costs):
        used += load_split(data).columns(data)
    rows = read_table(train, list(dict.fromkeys(used)))
    warn_of_rare_class(rows, data, params)
    pipeline = make_pipeline(columns, data, bounds, features, params)
    check_own_code(pipeline)
    best, tried = find_arguments(pipeline, rows, columns, data, params)
    chosen = params.model_copy(update={"estimator": params.estimator.updated(best)})
    pipeline = make_pipeline(columns, data, bounds, features, chosen)
    logger.info("Fitting %s to %d rows", chosen.estimator.path, len(rows))
    with suitable_threads(rows.size):
        threshold = find_threshold(pipeline, rows, columns, data, chosen)
        fitted = fit(pipeline, rows, columns, data, chosen, progress)
    check_own_code(fitted)
    sections = {"data": data, "features": features, "train": chosen}
    facts = {
        "contract": columns.model_dump(mode="json", exclude_defaults=True),
        "params": {
            name: each.model_dump(mode="json") for name, each in sections.items()
        },
        "columns": list(columns.columns),
        "threshold": threshold,
        "training_data": {"rows": len(rows), "sha256": fingerprint(train)},
    }
    save_model(fitted, model, manifest, facts, package=__package__)
    write_text(tried.to_csv(index=False, lineterminator="\n"), trials)
    logger.info("%s: %d bytes", model, model.stat().st_size)


if __name__ == "__main__":
    run(main)
