"""Judge the model on the test rows: metrics with intervals, slices, plots."""

import hashlib
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from reproducible_ml.datasets import keys
from reproducible_ml.datasets.schema import Contract, load_contract
from reproducible_ml.datasets.tables import parts, read_part, read_table
from reproducible_ml.datasets.target import read_target
from reproducible_ml.errors import UserError
from reproducible_ml.files import replacing_folder, write_json
from reproducible_ml.models.curves import importance
from reproducible_ml.models.judge import Judged, describe, finite, judge, judge_slices
from reproducible_ml.models.learning import has_iterations, learning_curve
from reproducible_ml.models.metrics import Metrics, Predicted
from reproducible_ml.models.scorer import make_scorer
from reproducible_ml.models.store import load_model
from reproducible_ml.models.tasks import Task, make_task, unknown_metrics
from reproducible_ml.params import Data, Params, load_params
from reproducible_ml.stage import run

logger = logging.getLogger(__name__)

NUMBERS = ("float64", "int64", "Int64", "bool", "boolean")


def predict_table(
    model: Pipeline, table: Path, contract: Contract, task: Task, params: Params
) -> tuple[Predicted, pd.DataFrame]:
    """Return truth and output of all rows, and the columns to slice by, by parts."""
    features = list(contract.features(params.data))
    slices = list(params.evaluate.slices)
    columns = list(dict.fromkeys([*features, params.data.target, *slices]))
    kept, actual, output = [], [], []
    for rows in (read_part(part, columns) for part in parts(table)):
        if len(rows):
            kept.append(rows[slices])
            actual.append(task.actual(read_target(rows, params.data)))
            output.append(task.output(model, rows[features]))
    predicted = Predicted(
        np.concatenate(actual), np.concatenate(output), params.evaluate.threshold
    )
    return predicted, pd.concat(kept)


def baseline(train: Path, rows: Predicted, task: Task, params: Params) -> Predicted:
    """Return what one predicts who knows only the target of the training rows."""
    known = read_target(read_table(train, [params.data.target]), params.data)
    dummy = task.baseline().fit(np.zeros((len(known), 1)), known)
    nothing = pd.DataFrame({"nothing": np.zeros(len(rows.actual))})
    return rows._replace(output=task.output(dummy, nothing))


def some_rows(
    table: Path, limit: int, salt: str, contract: Contract, data: Data
) -> tuple[pd.DataFrame, pd.Series]:
    """Return features and target of at most so many rows, chosen by their keys."""
    row_keys = read_table(table, []).index.to_numpy(dtype=np.uint64)
    chosen = row_keys[keys.sample(row_keys, limit, keys.number(salt))]
    features = list(contract.features(data))
    tables = (read_part(part, [*features, data.target]) for part in parts(table))
    rows = pd.concat([part[part.index.isin(chosen)] for part in tables])
    return rows[features], read_target(rows, data)


def importance_table(
    model: Pipeline, test: Path, contract: Contract, task: Task, params: Params
) -> pd.DataFrame:
    """Return the importance of each feature, from at most `importance_rows` rows."""
    limit = params.evaluate.importance_rows
    rows, target = some_rows(test, limit, "importance", contract, params.data)
    actual = task.actual(target)
    repeats, seed = params.evaluate.importance_repeats, params.train.seed
    return importance(model, rows, actual, task.scoring, repeats, seed)


def learning_table(
    model: Pipeline, train: Path, test: Path, contract: Contract, params: Params
) -> pd.DataFrame:
    """Return the loss by iteration on rows of both sides, at most `interval_rows`."""
    limit = params.evaluate.interval_rows
    tables = {"train": train, "test": test} if has_iterations(model) else {}
    sides = {
        side: some_rows(table, limit, "learning", contract, params.data)
        for side, table in tables.items()
    }
    return learning_curve(model, sides, make_scorer(contract, params))


def choose_metrics(task: Task, params: Params) -> Metrics:
    """Return the metrics of params.yaml, or raise UserError with a line for each other.

    Each task has metrics of its own.
    """
    names = params.evaluate.metrics
    if problems := unknown_metrics(
        "evaluate.metrics", names, task.metrics, params.data.task
    ):
        raise UserError("\n".join(problems))
    return {name: task.metrics[name] for name in names}


def check_slices(contract: Contract, params: Params) -> None:
    """Raise UserError with a line for each column that cannot make groups of rows."""
    problems = [
        f'params.yaml: evaluate.slices: "{name}" is not a column of the contract'
        for name in params.evaluate.slices
        if name not in contract.columns
    ]
    problems += [
        f"params.yaml: evaluate.slices: {name}: only numbers are cut, at rising places"
        for name, cuts in params.evaluate.slices.items()
        if cuts and name in contract.columns
        if list(cuts) != sorted(set(cuts))
        or contract.columns[name].dtype not in NUMBERS
    ]
    if problems:
        raise UserError("\n".join(problems))


def evaluation_facts(judged: Judged, dummy: Judged, rows: int) -> dict[str, Any]:
    """Return what reports/evaluation.json says of all rows."""
    ours, theirs = describe(judged), describe(dummy)
    return {
        "rows": rows,
        "interval_rows": judged.sampled_rows,
        "metrics": {name: {**ours[name], "baseline": theirs[name]} for name in ours},
    }


def bootstrap_facts(judged: Judged, row_keys: keys.Keys) -> dict[str, Any]:
    """Return what reports/bootstrap.json holds: enough to compare two revisions."""
    return {
        "rows": len(row_keys),
        "interval_rows": judged.sampled_rows,
        "test_set": hashlib.sha256(np.sort(row_keys).tobytes()).hexdigest(),
        "replicates": {
            name: [finite(value, judged.decimals[name]) for value in values]
            for name, values in judged.replicates.items()
        },
    }


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
    """Judge MODEL, described by MANIFEST and CONTRACT, on the rows of TEST.

    METRICS gets a number a metric; EVALUATION also intervals, slices and the baseline
    learned from TRAIN; BOOTSTRAP the replicates; the folder PLOTS a table a plot.
    """
    params = load_params()
    columns = load_contract(contract, params.data)
    task = make_task(columns, params.data)
    chosen = choose_metrics(task, params)
    check_slices(columns, params)
    fitted = load_model(model, manifest)
    rows, kept = predict_table(fitted, test, columns, task, params)
    row_keys = kept.index.to_numpy(dtype=np.uint64)
    judged = judge(rows, row_keys, chosen, params.evaluate)
    guessed = baseline(train, rows, task, params)
    dummy = judge(guessed, row_keys, chosen, params.evaluate)
    facts = evaluation_facts(judged, dummy, len(row_keys))
    facts["slices"] = judge_slices(rows, kept, chosen, params.evaluate)
    facts |= task.details(rows, row_keys, params.evaluate)
    tables = task.tables(rows, row_keys)
    tables["importance"] = importance_table(fitted, test, columns, task, params)
    tables["learning_curve"] = learning_table(fitted, train, test, columns, params)
    write_plots(tables, plots)
    write_json(facts, evaluation)
    write_json(bootstrap_facts(judged, row_keys), bootstrap, indent=None)
    write_json(
        {name: metric["value"] for name, metric in facts["metrics"].items()}, metrics
    )
    logger.info("%s: %d test rows judged", metrics, len(row_keys))


if __name__ == "__main__":
    run(main)
