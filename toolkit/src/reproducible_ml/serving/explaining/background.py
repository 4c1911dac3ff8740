"""Training rows that rows to explain are compared with, and their file.

A model has none of them: they may be personal data, and a model is copied to where
nobody expects any. So a file beside the model is written only where somebody wants it.
"""

import io
import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from reproducible_ml.core.errors import UserError
from reproducible_ml.core.files import replacing
from reproducible_ml.core.parts import fingerprint, sample_table
from reproducible_ml.serving.model import Model
from reproducible_ml.serving.rows import MissingColumnsError, check_rows

# The training table of a project.
TRAIN = Path("data/processed/train")

# The file beside the model, and its number of rows.
FILE, ROWS = "background.parquet", 100

# Where the file says which training table its rows are of.
ORIGIN = b"training_data"


def choose_background(train: Path, model: Model) -> pd.DataFrame:
    """Return features of training rows, chosen by their keys.

    Args:
        train: Folder of the training table.
        model: What was trained on it.

    Raises:
        UserError: It is not the table that the model was trained on.
    """
    known = model.manifest.get("training_data", {}).get("sha256")
    if fingerprint(train) != known:
        raise UserError(
            f"{train}: is not the table that the model was trained on, which its rows"
            " are compared with. Fix: rml repro, or dvc checkout"
        )
    rows = sample_table(train, ROWS, "background", model.features)
    table = pa.Table.from_pandas(rows, preserve_index=False)
    return _checked(table, model, train)


def as_parquet(rows: pd.DataFrame, model: Model) -> bytes:
    """Return the content of the file; the same rows give the same bytes."""
    table = pa.Table.from_pandas(rows, preserve_index=False)
    origin = {ORIGIN: json.dumps(model.manifest["training_data"]["sha256"])}
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), **origin})
    target = io.BytesIO()
    pq.write_table(table, target, compression="lz4")
    return target.getvalue()


def write_background(rows: pd.DataFrame, model: Model, file: Path) -> None:
    """Write the file, whole or not at all."""
    with replacing(file, shared=True) as temporary:
        temporary.write_bytes(as_parquet(rows, model))


def read_background(folder: Path, model: Model) -> pd.DataFrame:
    """Return the rows in the file beside a model.

    Raises:
        UserError: There is no file, or it is damaged or of another model.
    """
    file = folder / FILE
    fix = f"Fix: rml explain --background {FILE}, and put it beside the model"
    if not file.is_file():
        raise UserError(
            f"{file}: does not exist; explanations compare with its rows. {fix}"
        )
    try:
        table = pq.read_table(file)
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{file}: cannot be read: {error}. {fix}") from error
    origin = json.dumps(model.manifest.get("training_data", {}).get("sha256"))
    if (table.schema.metadata or {}).get(ORIGIN, b"").decode() != origin:
        raise UserError(f"{file}: is of another model's training rows. {fix}")
    return _checked(table, model, file)


def _checked(table: pa.Table, model: Model, place: Path) -> pd.DataFrame:
    """Return the rows as the model gets those that it predicts."""
    try:
        found = check_rows(table, model)
    except MissingColumnsError as error:
        lines = str(error).splitlines()
        raise UserError("\n".join(f"{place}: {line}" for line in lines)) from error
    if not len(found.rows):
        raise UserError(f"{place}: has no valid row to compare with")
    return found.rows
