"""Which rows of the training table a model was fitted to: its manifest says so."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reproducible_ml.core.parts import Rows

# Salt of the order that some of the rows are chosen in, and that batches follow.
ORDER = "train"

# In batches, rows that features are fitted to, at most.
FEATURE_ROWS = 100_000


def used_rows(table: Path, manifest: Mapping[str, Any]) -> Rows:
    """Return the rows of the training table that a model was fitted to.

    Args:
        table: Folder of parts.
        manifest: Of the model. Its `training_data` says, if not all rows were used,
            that these are the ones `below` a number of their keys, or the first ones.
    """
    trained = manifest.get("training_data", {})
    if "below" in trained:
        return Rows(table, salt=ORDER, below=trained["below"])
    return Rows(table, stop=trained["rows"]) if "of" in trained else Rows(table)


def trained_on(manifest: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    """Return how many rows of how many a model was fitted to, unless it was all.

    Args:
        manifest: Of the model.
    """
    trained = manifest.get("training_data", {})
    if "of" not in trained:
        return {}
    return {"trained_on": {"rows": trained["rows"], "of": trained["of"]}}
