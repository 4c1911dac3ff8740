"""Read the log of predictions that `PredictionLog` writes."""

from pathlib import Path
from typing import Literal

import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds

from reproducible_ml.core.errors import UserError

# Columns that are read, besides what is answered.
NEEDED = ("time", "request_id", "row", "row_key", "model_version", "returned")
# How the names of files begin that say which rows were refused.
REFUSED = "_refused-"

PREDICTION, PROBABILITY = "prediction", "probability"


def open_log(folder: Path) -> ds.Dataset:
    """Return the files of a log as one table; nothing but their schemas is read yet.

    Args:
        folder: As of RML_SERVE_LOG_FOLDER.

    Raises:
        UserError: There is no such folder, or it is no log of predictions.
    """
    files = log_files(folder)
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


def log_files(
    folder: Path, kind: Literal["answers", "refused"] = "answers"
) -> list[Path]:
    """Return the files of a log, in the order of their days.

    Args:
        folder: As of RML_SERVE_LOG_FOLDER.
        kind: Those with answers, or those that say which rows were refused.

    Raises:
        UserError: There is no such folder.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: there is no such folder. See RML_SERVE_LOG_FOLDER")
    # Other tools, too, leave out files whose names begin like this.
    return sorted(
        file
        for file in folder.rglob("*.parquet")
        if file.name.startswith(REFUSED) == (kind == "refused")
    )


def is_log(folder: Path) -> bool:
    """Return whether a folder is a log of predictions, by the columns of a file."""
    import pyarrow.parquet as pq

    if not folder.is_dir() or not (files := log_files(folder)):
        return False
    try:
        names = {*pq.read_schema(files[-1]).names}
    except (pa.ArrowInvalid, OSError):
        return False
    # A log that lacks another column is still none of the tables to predict.
    return names >= {"request_id", "model_version", PREDICTION}


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
