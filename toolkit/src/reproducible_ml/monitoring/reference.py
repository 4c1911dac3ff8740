"""What is expected: distributions of the training rows, and of answers to test rows."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pyarrow as pa

from reproducible_ml.contract.schema import Contract
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.params import Compute
from reproducible_ml.core.parts import count_rows, write_part
from reproducible_ml.quality.distributions import (
    Distribution,
    Kind,
    TableProfile,
    describe,
    profile_table,
    read_subset,
)
from reproducible_ml.serving.model import Model, PredictFunction
from reproducible_ml.serving.rows import check_rows

TRAIN, TEST = Path("data/processed/train"), Path("data/processed/test")

# Rows whose answers are the reference: more would take longer, and tell no more.
ANSWERED = 50_000


class Reference(NamedTuple):
    """What rows are compared with.

    Attributes:
        inputs: Distribution of each feature.
        answers: Distribution of each column of answers.
        version: Of the model that answered.
        rows: Number of rows, and of those that were answered.
        source: Where the rows are, and those that were answered.
    """

    inputs: dict[str, Distribution]
    answers: dict[str, Distribution]
    version: str
    rows: tuple[int, int]
    source: tuple[str, str]


def training_reference(
    root: Path, model: Model, predict: PredictFunction, compute: Compute
) -> Reference:
    """Return the distributions of the training rows, and of answers to the test rows.

    Raises:
        UserError: These tables are not there.
    """
    for folder in (TRAIN, TEST):
        if not any((root / folder).glob("part-*.parquet")):
            raise UserError(
                f"{folder}: is not there. Fix: run `dvc pull {folder}`, or compare with"
                " another table: --reference TABLE"
            )
    inputs = _features(root / TRAIN, model, compute)
    answers, rows = _answers(root / TEST, model, predict, compute)
    return Reference(
        inputs,
        answers,
        model.version,
        (count_rows(root / TRAIN), rows),
        (str(TRAIN), str(TEST)),
    )


def table_reference(
    chunks: Iterator[tuple[int, int, pa.Table]],
    name: str,
    model: Model,
    predict: PredictFunction,
    compute: Compute,
) -> Reference:
    """Return the distributions of the rows of a table that meet the contract.

    Args:
        chunks: Number, first position and rows of each part.
        name: What was typed.
        model: Has the contract, and answers.
        predict: What the project answers.
        compute: Where parts are counted.

    Raises:
        UserError: No row meets the contract, or a column is missing.
    """
    with tempfile.TemporaryDirectory(prefix="rml-") as folder:
        table = Path(folder)
        total = 0
        for number, _, rows in chunks:
            checked = check_rows(rows, model)
            write_part(checked.rows, table, number, temporary=True)
            total += len(checked.rows)
        if not total:
            raise UserError(f"{name}: has no row that meets the contract")
        inputs = _features(table, model, compute)
        answers, answered = _answers(table, model, predict, compute)
    return Reference(inputs, answers, model.version, (total, answered), (name, name))


def _features(table: Path, model: Model, compute: Compute) -> dict[str, Distribution]:
    contract: Contract = model.needed
    # The target and the date are no features; a date is expected to go on.
    found = profile_table(
        table, contract, model.data.model_copy(update={"time": None}), compute
    )
    columns = TableProfile.model_validate(found).columns
    return {n: columns[n] for n in model.features if columns[n].kind != "dates"}


def _answers(
    table: Path, model: Model, predict: PredictFunction, compute: Compute
) -> tuple[dict[str, Distribution], int]:
    """Return the distribution of each answer to at most ANSWERED rows, and how many."""
    rows = read_subset(table, compute, model.features, ANSWERED).reset_index(drop=True)
    answers = predict(rows, model)
    found = {}
    for name in map(str, answers.columns):
        values = answers[name]
        found[name] = describe(values, _kind(values))
    return found, len(rows)


def _kind(values: pd.Series) -> Kind:
    is_number = pd.api.types.is_numeric_dtype(values)
    return "numbers" if is_number and values.dtype != bool else "values"
