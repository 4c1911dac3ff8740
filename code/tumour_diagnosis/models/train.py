"""Fit one scikit-learn pipeline, features and estimator, to the training rows.

A search of hyperparameters, if one is set, comes first. A manifest beside the model
records the contract, the parameters and the training data. With `train.batch_rows`,
estimators with `partial_fit` are fitted in batches, in little memory.
"""

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self

import pandas as pd
from pydantic import Field, model_validator
from sklearn.pipeline import Pipeline
from sklearn.utils._param_validation import InvalidParameterError

from reproducible_ml.contract.schema import Contract, Data, load_contract
from reproducible_ml.contract.target import (
    ClassSummary,
    rare_class,
    read_target,
    target_classes,
)
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.files import write_text
from reproducible_ml.core.outliers import Bounds
from reproducible_ml.core.parallel import suitable_threads
from reproducible_ml.core.params import Compute, Count, Section, Share, load_section
from reproducible_ml.core.parts import Rows, first_rows, read_table
from reproducible_ml.core.stage import run
from reproducible_ml.modeling.fitting.batches import (
    Increment,
    Settings,
    check_partial_fit,
    describe_rows,
    fit_in_batches,
    make_plan,
    problem_in_batches,
)
from reproducible_ml.modeling.fitting.boosting import Settings as BoostingSettings
from reproducible_ml.modeling.fitting.boosting import (
    check_boosted,
    fit_boosted,
    is_boosted,
)
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
from reproducible_ml.modeling.model.training_rows import ORDER
from tumour_diagnosis.datasets.split import load_split
from tumour_diagnosis.features.build import Features, build_pipeline, treated
from tumour_diagnosis.models.metrics import LOSS, METRICS

logger = logging.getLogger(__name__)


class Train(Section):
    """Section `train` of params.yaml."""

    seed: Annotated[int, Field(strict=True, ge=0, lt=2**32)] = 0
    class_weight: Literal["balanced"] | None = None
    rows: Count | None = None
    batch_rows: Count | None = None
    passes: Count = 1
    updates: tuple[Increment, ...] = ()
    workers: Count = 1
    live_steps: Annotated[int, Field(strict=True, ge=0)] = 0
    estimator: Estimator
    search: Search = Search()
    threshold: Share | Costs = 0.5

    @model_validator(mode="after")
    def _suits_batches(self) -> Self:
        all_at_once = {
            "train.search.method": self.search.method != "none",
            "train.threshold by costs": isinstance(self.threshold, Costs),
        }
        given = self.batch_rows, self.passes, self.rows, self.updates
        if problem := problem_in_batches(*given, all_at_once):
            raise ValueError(problem)
        if self.workers > 1 and not self.batch_rows:
            raise ValueError("train.workers needs train.batch_rows, and XGBoost")
        return self

    @property
    def own_class_weight(self) -> str | None:
        """The `class_weight` of the estimator; in batches, rows are weighted."""
        return None if self.batch_rows else self.class_weight


def check_estimator(train: Train, task: str) -> None:
    """Raise UserError if the estimator, an argument or the search space is invalid."""
    weight = train.own_class_weight
    estimator = make_estimator(
        train.estimator, task, class_weight=weight, package=__package__
    )
    if train.batch_rows and is_boosted(estimator):
        check_boosted(estimator, again=train.passes > 1 or bool(train.updates))
    elif train.batch_rows:
        check_partial_fit(estimator, train.class_weight, train.workers)
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
        class_weight=train.own_class_weight,
        categories=len(treated("categorical", contract, data)),
        package=__package__,
    )
    return build_pipeline(
        contract,
        data,
        bounds,
        estimator,
        features,
        seed=train.seed,
        in_batches=train.batch_rows is not None,
    )


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


@contextmanager
def explain_errors(train: Train) -> Iterator[None]:
    """Raise UserError if the estimator does not accept its arguments or the rows."""
    try:
        yield
    except InvalidParameterError as error:
        raise UserError(f"params.yaml: train.estimator.arguments: {error}") from error
    except ValueError as error:
        path = train.estimator.path
        raise UserError(f"params.yaml: train.estimator: {path}: {error}") from error


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
    with explain_errors(train):
        return fit_in_steps(
            pipeline,
            rows[list(contract.features(data))],
            target,
            make_scorer(contract, data),
            train.live_steps,
            progress,
            **weights,
        )


def warn_of_rare_class(counts: Mapping[str, int], train: Train) -> None:
    """Log a warning if a class is so rare that the model may never predict it."""
    label = None if train.class_weight else rare_class(counts)
    if label:
        logger.warning(
            'warning: class "%s" has only %.1f %% of the training rows. To give it'
            " more weight, set train.class_weight: balanced in params.yaml.",
            label,
            100 * counts[label] / sum(counts.values()),
        )


class Trained(NamedTuple):
    """A fitted model, and what its manifest says of it.

    Attributes:
        pipeline: Fitted.
        params: Section `train`, with the arguments that a search found.
        threshold: Probability from which the positive class is predicted, if any.
        rows: `training_data` of the manifest.
        trials: Of the search.
    """

    pipeline: Pipeline
    params: Train
    threshold: float | None
    rows: dict[str, Any]
    trials: pd.DataFrame


class Stage(NamedTuple):
    """What both ways to fit a model need."""

    table: Path
    contract: Contract
    data: Data
    bounds: Bounds
    features: Features
    train: Train

    @property
    def chosen(self) -> Rows:
        """The rows of the table to train on: all, or some chosen by their keys."""
        if self.train.rows is None:
            return Rows(self.table)
        return first_rows(self.table, self.train.rows, ORDER)

    def pipeline(self, train: Train, bounds: Bounds) -> Pipeline:
        """Return the unfitted pipeline."""
        made = make_pipeline(self.contract, self.data, bounds, self.features, train)
        check_own_code(made)
        return made


def train_at_once(stage: Stage, progress: Path) -> Trained:
    """Return a model that was fitted to all rows in memory."""
    _, contract, data, bounds, _, train = stage
    used = [*contract.features(data), data.target]
    if train.search.method != "none" or isinstance(train.threshold, Costs):
        used += load_split(data).columns(data)
    used, chosen = list(dict.fromkeys(used)), stage.chosen
    whole = chosen == Rows(stage.table)
    rows = read_table(stage.table, used) if whole else chosen.read(used)
    if data.task != "regression":
        warn_of_rare_class(ClassSummary.of(rows[data.target]).counts, train)
    pipeline = stage.pipeline(train, bounds)
    best, trials = find_arguments(pipeline, rows, contract, data, train)
    train = train.model_copy(update={"estimator": train.estimator.updated(best)})
    pipeline = stage.pipeline(train, bounds)
    facts = describe_rows(chosen, len(rows))
    logger.info("Fitting %s to %d rows", train.estimator.path, len(rows))
    with suitable_threads(rows.size):
        threshold = find_threshold(pipeline, rows, contract, data, train)
        fitted = fit(pipeline, rows, contract, data, train, progress)
    return Trained(fitted, train, threshold, facts, trials)


def train_in_batches(stage: Stage, progress: Path, folder: Path) -> Trained:
    """Return a model that was fitted batch by batch; FOLDER is for temporary files."""
    _, contract, data, bounds, _, train = stage
    features = list(contract.features(data))
    used = list(dict.fromkeys([*features, data.target]))
    plan = make_plan(train.updates, stage.table, used, str(__package__))
    settings = Settings(
        train.batch_rows or 0,
        train.passes,
        train.class_weight,
        target_classes(contract, data),
        train.live_steps,
    )

    def read(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series]:
        return rows[features], read_target(rows, data)

    with explain_errors(train), suitable_threads(settings.rows * len(used)):
        found = fit_in_batches(
            plan._replace(pipeline=plan.pipeline or stage.pipeline(train, bounds)),
            stage.chosen,
            read,
            used,
            settings,
            folder,
            make_scorer(contract, data),
            progress,
            str(__package__),
        )
    warn_of_rare_class(found.counts, train)
    facts = describe_rows(stage.chosen, found.increments)
    threshold = find_threshold(found.pipeline, pd.DataFrame(), contract, data, train)
    return Trained(found.pipeline, train, threshold, facts, no_trials())


def train_boosted(stage: Stage, progress: Path, folder: Path) -> Trained:
    """Return a model of XGBoost that was fitted part by part; FOLDER as above."""
    _, contract, data, bounds, _, train = stage
    check_estimator(train, data.task)
    found = fit_boosted(
        stage.pipeline(train, bounds),
        stage.chosen,
        list(contract.features(data)),
        data,
        BoostingSettings(
            train.workers, train.batch_rows or 0, train.class_weight, train.live_steps
        ),
        load_section(Compute),
        folder,
        progress,
    )
    labels = target_classes(contract, data)
    warn_of_rare_class({labels[each]: n for each, n in found.counts.items()}, train)
    facts = describe_rows(stage.chosen, found.rows)
    threshold = find_threshold(found.pipeline, pd.DataFrame(), contract, data, train)
    return Trained(found.pipeline, train, threshold, facts, no_trials())


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
    params, columns = load_section(Train), load_contract(contract, data)
    bounds = json.loads(cleaned.read_text("utf-8"))["clip_to"]
    stage = Stage(train, columns, data, bounds, features, params)
    if params.batch_rows:
        folder = model.with_name(f".{model.name}.rows.tmp")
        boosted = is_boosted(stage.pipeline(params, bounds).named_steps["estimator"])
        in_batches = train_boosted if boosted else train_in_batches
        found = in_batches(stage, progress, folder)
    else:
        found = train_at_once(stage, progress)
    check_own_code(found.pipeline)
    sections = {"data": data, "features": features, "train": found.params}
    facts = {
        "contract": columns.model_dump(mode="json", exclude_defaults=True),
        "params": {
            name: each.model_dump(mode="json") for name, each in sections.items()
        },
        "columns": list(columns.columns),
        "threshold": found.threshold,
        "training_data": found.rows,
    }
    save_model(found.pipeline, model, manifest, facts, package=__package__)
    write_text(found.trials.to_csv(index=False, lineterminator="\n"), trials)
    logger.info("%s: %d bytes", model, model.stat().st_size)


if __name__ == "__main__":
    run(main)
