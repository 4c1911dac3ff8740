"""Read the log of predictions that `PredictionLog` writes."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds

from reproducible_ml.core.errors import UserError

# Columns that are read, besides what is answered.
NEEDED = ("time", "request_id", "row", "row_key", "model_version", "returned")
PREDICTION, PROBABILITY = "prediction", "probability"


def open_log(folder: Path) -> ds.Dataset:
    """Return the files of a log as one table; nothing but their schemas is read yet.

    Args:
        folder: As of RML_SERVE_LOG_FOLDER.

    Raises:
        UserError: There is no such folder, or it is no log of predictions.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: there is no such folder. See RML_SERVE_LOG_FOLDER")
    files = sorted(folder.rglob("*.parquet"))
    if not files:
        raise UserError(f"{folder}: has no predictions yet")
    try:
        schema = pa.unify_schemas(
            [ds.dataset(file).schema for file in files], promote_options="permissive"
        )
    except pa.ArrowInvalid as error:
        raise UserError(f"{folder}: is no log of predictions: {error}") from error
    if missing := {*NEEDED, PREDICTION} - {"returned", *schema.names}:
        raise UserError(
            f'{folder}: is no log of predictions; it lacks the column "{min(missing)}"'
        )
    return ds.dataset(files, schema=schema)


def read_log(folder: Path) -> pd.DataFrame:
    """Return the answers in a log, without the inputs, in the order of time.

    Raises:
        UserError: As of `open_log`.
    """
    data = open_log(folder)
    names = data.schema.names
    answers = [name for name in names if name == PREDICTION or is_probability(name)]
    try:
        table = data.to_table([*(n for n in NEEDED if n in names), *answers])
    except pa.ArrowInvalid as error:
        raise UserError(f"{folder}: is no log of predictions: {error}") from error
    log: pd.DataFrame = table.to_pandas()
    # A log of an earlier version of the toolkit.
    if "returned" not in log:
        log["returned"] = True
    log["returned"] = log["returned"].fillna(True).astype(bool)
    # Rows without a key cannot be recognised when they come again.
    own = log["request_id"] + " " + log["row"].astype(str)
    log["row_key"] = log["row_key"].fillna(own)
    return log.sort_values("time", kind="stable")


def is_probability(name: str) -> bool:
    """Return whether a column of answers has probabilities."""
    return name == PROBABILITY or name.startswith(f"{PROBABILITY}_")
