"""Score the model on the test rows: metrics with intervals, slices and plots.

A baseline that ignores the features is scored as well and, for several classes, each
class. Intervals come from bootstrap replicates, which are kept to compare commits.
"""

import logging
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import Field
from sklearn.pipeline import Pipeline

from reproducible_ml.contract.schema import Contract, Data, load_contract
from reproducible_ml.contract.target import read_target
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.files import replacing_folder, write_json
from reproducible_ml.core.parallel import suitable_threads
from reproducible_ml.core.params import Compute, Count, Section, load_section
from reproducible_ml.core.parts import (
    Rows,
    count_rows,
    parts,
    read_part,
    sample_table,
)
from reproducible_ml.core.stage import run
from reproducible_ml.modeling.metrics.metric import Predictions
from reproducible_ml.modeling.metrics.tasks import (
    Scorer,
    Task,
    choose_metrics,
    make_task,
)
from reproducible_ml.modeling.model.store import load_model, read_manifest
from reproducible_ml.modeling.model.training_rows import trained_on, used_rows
from reproducible_ml.modeling.scoring.bootstrap import unit_keys
from reproducible_ml.modeling.scoring.importance import (
    cut_report,
    importance,
    plan_importance,
)
from reproducible_ml.modeling.scoring.partial_dependence import partial_dependence
from reproducible_ml.modeling.scoring.plot_data import has_iterations, learning_curve
from reproducible_ml.modeling.scoring.protected import check_protected, score_protected
from reproducible_ml.modeling.scoring.scores import (
    Sample,
    bootstrap_report,
    evaluation_report,
    find_too_good,
    score_classes,
    score_rows,
    score_slices,
)
from tumour_diagnosis.models.metrics import LOSS, METRICS
from tumour_diagnosis.models.plots import PLOTS

logger = logging.getLogger(__name__)

Cuts = dict[str, tuple[float, ...]]

NUMBERS = ("float64", "int64", "Int64", "bool", "boolean")


class Evaluate(Section):
    """Section `evaluate` of params.yaml."""

    metrics: Annotated[tuple[str, ...], Field(min_length=1)]
    seed: Annotated[int, Field(strict=True, ge=0, lt=2**32)] = 0
    replicates: Annotated[int, Field(strict=True, ge=100)] = 500
    interval_rows: Count = 10_000
    importance_rows: Count = 2_000
    importance_repeats: Count = 5
    importance_predictions: Count = 500_000
    dependence_columns: Annotated[int, Field(strict=True, ge=0)] = 6
    dependence_rows: Count = 400
    dependence_predictions: Count = 100_000
    slices: Cuts = Field(default_factory=dict)
    protected: Cuts = Field(default_factory=dict)
    intersections: tuple[tuple[str, ...], ...] = ()

    @property
    def groups(self) -> list[str]:
        """Columns that rows are grouped by."""
        return list(self.slices | self.protected)


def predict_table(
    model: Pipeline,
    table: Path,
    contract: Contract,
    data: Data,
    task: Task,
    groups: list[str],
    threshold: float | None,
) -> tuple[Predictions, pd.DataFrame]:
    """Return the predictions of all rows, part by part, and columns to group by."""
    features = list(contract.features(data))
    groups = list(dict.fromkeys([*groups, *([data.group] if data.group else [])]))
    columns = list(dict.fromkeys([*features, data.target, *groups]))
    kept, actual, output = [], [], []
    for rows in (read_part(part, columns) for part in parts(table)):
        if len(rows):
            kept.append(rows[groups])
            actual.append(task.actual(read_target(rows, data)))
            output.append(task.output(model, rows[features]))
    predicted = Predictions(np.concatenate(actual), np.concatenate(output))
    if threshold is not None:
        predicted = predicted._replace(threshold=threshold)
    return predicted, pd.concat(kept)


def predict_baseline(
    train: Rows, rows: Predictions, task: Task, data: Data
) -> Predictions:
    """Return the predictions of a model that ignores the features."""
    targets = (read_target(part, data) for part in train.frames([data.target]))
    # Without the keys, which take more memory than most targets.
    known = pd.concat(part.reset_index(drop=True) for part in targets)
    dummy = task.baseline().fit(np.zeros((len(known), 1)), known)
    nothing = pd.DataFrame({"nothing": np.zeros(len(rows.actual))})
    return rows._replace(output=task.output(dummy, nothing))


def some_rows(
    table: Path | Rows, limit: int, salt: str, contract: Contract, data: Data
) -> tuple[pd.DataFrame, pd.Series]:
    """Return features and target of at most `limit` rows, sampled by their keys."""
    features = list(contract.features(data))
    rows = sample_table(table, limit, salt, [*features, data.target])
    return rows[features], read_target(rows, data)


def score_columns(
    model: Pipeline,
    test: Path,
    contract: Contract,
    data: Data,
    task: Task,
    params: Evaluate,
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Return the importance of each column, and what of its work was cut, if any."""
    rows, target = some_rows(test, params.importance_rows, "importance", contract, data)
    wanted = len(rows), params.importance_repeats, params.importance_predictions
    plan = plan_importance(model, rows.columns, *wanted)
    logger.info(
        "Importance of %d columns: %d predictions", rows.shape[1], plan.predictions
    )
    table = importance(
        model,
        rows,
        task.actual(target),
        task.scoring,
        params.importance_repeats,
        params.seed,
        load_section(Compute),
        plan,
    )
    return table, cut_report(plan, rows.shape[1], *wanted)


def score_values(
    model: Pipeline,
    test: Path,
    importance: pd.DataFrame,
    contract: Contract,
    data: Data,
    task: Task,
    params: Evaluate,
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Return how predictions depend on the most important columns, and what was cut."""
    rows, _ = some_rows(test, params.dependence_rows, "dependence", contract, data)
    matters = importance[importance["importance"] > 0]["feature"]
    return partial_dependence(
        model,
        rows,
        matters.head(params.dependence_columns).tolist(),
        task,
        params.replicates,
        params.dependence_predictions,
        load_section(Compute),
    )


def score_iterations(
    model: Pipeline,
    tables: dict[str, Path | Rows],
    contract: Contract,
    data: Data,
    task: Task,
    params: Evaluate,
) -> pd.DataFrame:
    """Return the learning curve; no rows if the model is not fitted in iterations."""
    sides = {
        side: some_rows(table, params.interval_rows, "learning", contract, data)
        for side, table in tables.items()
        if has_iterations(model)
    }
    scorer = Scorer(task, METRICS[data.task][LOSS[data.task]])
    return learning_curve(model, sides, scorer)


def too_good(
    rows: Predictions,
    model: Pipeline,
    train: Rows,
    test: Path,
    importance: pd.DataFrame,
    contract: Contract,
    data: Data,
    task: Task,
    params: Evaluate,
) -> dict[str, Any]:
    """Return a score that is too good to be true, under that name; or nothing."""

    def sample(table: Path | Rows) -> Sample:
        limit = params.interval_rows
        rows, target = some_rows(table, limit, "learning", contract, data)
        return Sample(rows, task.actual(target))

    sides = partial(sample, train), partial(sample, test)
    found = find_too_good(rows, model, *sides, importance)
    return {"too_good": found} if found else {}


def check_slices(contract: Contract, data: Data, params: Evaluate) -> None:
    """Raise UserError with a line for each column that rows cannot be grouped by."""
    wanted = {"slices": params.slices, "protected": params.protected}
    cuts = [(key, *each) for key, columns in wanted.items() for each in columns.items()]
    problems = [
        f'{key}: "{name}" is not a column of the contract'
        for key, name, _ in cuts
        if name not in contract.columns
    ]
    problems += [
        f"{key}: {name}: bounds need a column of numbers, and must increase"
        for key, name, bounds in cuts
        if bounds and name in contract.columns
        if list(bounds) != sorted(set(bounds))
        or contract.columns[name].dtype not in NUMBERS
    ]
    groups = params.protected, params.intersections
    problems += check_protected(contract, data.target, *groups)
    if problems:
        lines = [f"params.yaml: evaluate.{problem}" for problem in problems]
        raise UserError("\n".join(lines))


def write_plots(tables: dict[str, pd.DataFrame], plots: Path) -> None:
    """Write a CSV file for each plot into the folder PLOTS."""
    with replacing_folder(plots) as folder:
        for name, table in tables.items():
            table.to_csv(folder / f"{name}.csv", index=False, lineterminator="\n")


def main(
    model: Path,
    manifest: Path,
    contract: Path,
    train: Path,
    test: Path,
    metrics: Path,
    evaluation: Path,
    bootstrap: Path,
    plots: Path,
) -> None:
    """Score MODEL, described by MANIFEST and CONTRACT, on the rows of TEST.

    METRICS gets the value of each metric; EVALUATION also intervals, groups of rows
    and the baseline fitted to TRAIN; BOOTSTRAP the replicates; the folder PLOTS a table
    for each plot.
    """
    data, params = load_section(Data), load_section(Evaluate)
    columns = load_contract(contract, data)
    check_slices(columns, data, params)
    task, known = make_task(columns, data), METRICS[data.task]
    chosen = choose_metrics("evaluate.metrics", params.metrics, known, data.task)
    fitted = load_model(model, manifest, package=__package__)
    made = read_manifest(manifest)
    threshold, used = made.get("threshold"), used_rows(train, made)
    with suitable_threads(count_rows(test) * len(columns.columns)):
        rows, kept = predict_table(
            fitted, test, columns, data, task, params.groups, threshold
        )
        logger.info("Scoring %d test rows", len(kept))
        sides: dict[str, Path | Rows] = {"train": used, "test": test}
        curve = score_iterations(fitted, sides, columns, data, task, params)
    row_keys = kept.index.to_numpy(dtype=np.uint64)
    limits = params.replicates, params.interval_rows
    units = unit_keys(kept, data.group)
    kept = kept.set_axis(units)
    scores = score_rows(rows, units, chosen, *limits)
    dummy = predict_baseline(used, rows, task, data)
    baseline = score_rows(dummy, units, chosen, *limits)
    facts = evaluation_report(scores, baseline, units, data.group, chosen)
    facts |= trained_on(made)
    facts["slices"] = score_slices(rows, kept, chosen, params.slices, *limits)
    if params.protected:
        trained = used.read(list(params.protected))
        groups = params.protected, params.intersections
        facts["protected"] = score_protected(
            rows, kept, trained, *groups, task.names, *limits
        )
    if data.task == "multiclass":
        facts["classes"] = score_classes(rows, units, task.names, *limits)
    table, cut = score_columns(fitted, test, columns, data, task, params)
    if cut:
        facts["importance"] = cut
    tables = PLOTS[data.task](rows, row_keys, task.names)
    tables |= {"importance": table, "learning_curve": curve}
    values, cut = score_values(fitted, test, table, columns, data, task, params)
    if cut:
        facts["partial_dependence"] = cut
    tables["partial_dependence"] = values
    facts |= too_good(rows, fitted, used, test, table, columns, data, task, params)
    write_plots(tables, plots)
    write_json(facts, evaluation)
    replicates = bootstrap_report(scores, row_keys, rows.actual, task.names, data.group)
    write_json(replicates, bootstrap, indent=None)
    points = {name: metric["value"] for name, metric in facts["metrics"].items()}
    write_json(points, metrics)
    logger.info("%s: %d test rows scored", metrics, len(row_keys))


if __name__ == "__main__":
    run(main)
