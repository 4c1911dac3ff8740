"""Judge the model on the test rows: metrics with intervals, slices, plots."""

import hashlib
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import Pipeline

from reproducible_ml.datasets import keys
from reproducible_ml.datasets.schema import Contract, load_contract
from reproducible_ml.datasets.tables import parts, read_part, read_table
from reproducible_ml.errors import UserError
from reproducible_ml.features.build import read_target
from reproducible_ml.files import replacing_folder, write_json
from reproducible_ml.models.curves import curves, importance
from reproducible_ml.models.judge import Judged, describe, finite, judge, judge_slices
from reproducible_ml.models.metrics import METRICS, Floats, Predicted
from reproducible_ml.models.store import load_model
from reproducible_ml.params import Params, load_params
from reproducible_ml.stage import run

logger = logging.getLogger(__name__)

NUMBERS = ("float64", "int64", "Int64", "bool", "boolean")


def predict(model: Pipeline, rows: pd.DataFrame) -> Floats:
    """Return the probability of the positive class for each row of features."""
    scores: Floats = model.predict_proba(rows)[:, list(model.classes_).index(True)]
    return scores.astype(np.float64)


def predict_table(
    model: Pipeline, table: Path, contract: Contract, params: Params
) -> tuple[Predicted, pd.DataFrame]:
    """Return truth and score of all rows, and the columns to slice by, part by part."""
    features = list(contract.features(params.data))
    slices = list(params.evaluate.slices)
    columns = list(dict.fromkeys([*features, params.data.target, *slices]))
    kept, positive, score = [], [], []
    for rows in (read_part(part, columns) for part in parts(table)):
        if len(rows):
            kept.append(rows[slices])
            positive.append(read_target(rows, params.data).to_numpy())
            score.append(predict(model, rows[features]))
    predicted = Predicted(
        np.concatenate(positive), np.concatenate(score), params.evaluate.threshold
    )
    return predicted, pd.concat(kept)


def baseline(train: Path, rows: Predicted, params: Params) -> Predicted:
    """Return what one predicts who knows only how frequent the positive class is."""
    known = read_target(read_table(train, [params.data.target]), params.data)
    dummy = DummyClassifier(strategy="prior").fit(np.zeros((len(known), 1)), known)
    share = dummy.class_prior_[list(dummy.classes_).index(True)]
    return rows._replace(score=np.full(len(rows.score), share))


def importance_table(
    model: Pipeline, test: Path, row_keys: keys.Keys, contract: Contract, params: Params
) -> pd.DataFrame:
    """Return the importance of each feature, from at most `importance_rows` rows."""
    limit, salt = params.evaluate.importance_rows, keys.number("importance")
    chosen = row_keys[keys.sample(row_keys, limit, salt)]
    features = list(contract.features(params.data))
    tables = (read_part(part, [*features, params.data.target]) for part in parts(test))
    rows = pd.concat([table[table.index.isin(chosen)] for table in tables])
    positive = read_target(rows, params.data).to_numpy()
    repeats, seed = params.evaluate.importance_repeats, params.train.seed
    return importance(model, rows[features], positive, repeats, seed)


def check_names(contract: Contract, params: Params) -> None:
    """Raise UserError with a line for each unknown metric or column to slice by."""
    problems = [
        f"params.yaml: evaluate.metrics: {name} is none of {', '.join(METRICS)}"
        for name in params.evaluate.metrics
        if name not in METRICS
    ]
    problems += [
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


def evaluation_facts(
    judged: Judged, dummy: Judged, slices: dict[str, list[dict[str, Any]]], rows: int
) -> dict[str, Any]:
    """Return what reports/evaluation.json holds."""
    ours, theirs = describe(judged), describe(dummy)
    return {
        "rows": rows,
        "interval_rows": judged.sampled_rows,
        "metrics": {name: {**ours[name], "baseline": theirs[name]} for name in ours},
        "slices": slices,
    }


def bootstrap_facts(judged: Judged, row_keys: keys.Keys) -> dict[str, Any]:
    """Return what reports/bootstrap.json holds: enough to compare two revisions."""
    return {
        "rows": len(row_keys),
        "interval_rows": judged.sampled_rows,
        "test_set": hashlib.sha256(np.sort(row_keys).tobytes()).hexdigest(),
        "replicates": {
            name: [finite(value) for value in values]
            for name, values in judged.replicates.items()
        },
    }


def class_names(contract: Contract, params: Params) -> tuple[str, str]:
    """Return the names of the negative and of the positive class."""
    positive = params.data.positive
    values = contract.columns[params.data.target].isin or ()
    others = [str(value) for value in values if value != positive]
    return others[0] if len(others) == 1 else f"not {positive}", str(positive)


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
    check_names(columns, params)
    fitted = load_model(model, manifest)
    rows, kept = predict_table(fitted, test, columns, params)
    row_keys = kept.index.to_numpy(dtype=np.uint64)
    limit = params.evaluate.interval_rows
    judged = judge(rows, row_keys, params.evaluate, limit)
    dummy = judge(baseline(train, rows, params), row_keys, params.evaluate, limit)
    slices = judge_slices(rows, kept, params.evaluate)
    tables = curves(rows, class_names(columns, params))
    tables["importance"] = importance_table(fitted, test, row_keys, columns, params)
    write_plots(tables, plots)
    write_json(evaluation_facts(judged, dummy, slices, len(row_keys)), evaluation)
    write_json(bootstrap_facts(judged, row_keys), bootstrap, indent=None)
    write_json({name: finite(value) for name, value in judged.metrics.items()}, metrics)
    logger.info("%s: %d test rows judged", metrics, len(row_keys))


if __name__ == "__main__":
    run(main)
