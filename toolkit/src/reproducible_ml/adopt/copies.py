"""Keep equal rows of a new table by `clean.duplicates` if they are different cases."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from reproducible_ml.contract.schema import Contract, Data
from reproducible_ml.core import keys
from reproducible_ml.core.params import Compute
from reproducible_ml.core.parts import read_table
from reproducible_ml.quality.distributions import read_subset
from reproducible_ml.quality.duplicate_rows import REPEATED, expected_by_chance


def keep_equal_rows(
    table: Path, contract: Contract, params: dict[str, Any], compute: Compute
) -> None:
    """Set `clean.duplicates: keep` if many rows are equal by chance.

    In columns of few values, as in a survey, different cases are often equal. To drop
    all but one would leave the model without most cases, and without how frequent
    each is.

    Args:
        table: Folder of parts, as `validate` writes them.
        contract: Its columns.
        params: What params.yaml will hold; it is changed.
        compute: Where parts are read.
    """
    data, clean = Data.model_validate(params["data"]), params.get("clean")
    if data.id or not clean or clean.get("duplicates") != "drop":
        return
    every = read_table(table, [data.target])
    rows = len(every)
    # Few rows have the key of an earlier one in most tables, which is found sooner.
    if every.index.duplicated().sum() <= REPEATED * rows:
        return
    found = int(pair_with_target(every, data).duplicated().sum())
    if found <= REPEATED * rows or found == rows - 1:
        return
    some = read_subset(table, compute)
    if found <= expected_by_chance(some[list(contract.columns)], rows):
        clean["duplicates"] = "keep"


def pair_with_target(rows: pd.DataFrame, data: Data) -> pd.DataFrame:
    """Return key and target of rows: without an id, they are the same if the row is."""
    return pd.DataFrame({"key": rows.index, "target": [*rows[data.target]]})


def with_own_keys(rows: pd.DataFrame, data: Data) -> pd.DataFrame:
    """Return rows with the keys that `clean` gives them if it keeps copies."""
    pairs = pair_with_target(rows, data)
    copies = pairs.groupby(["key", "target"]).cumcount().to_numpy().astype(np.int64)
    own = keys.number_copies(rows.index.to_numpy(np.uint64), copies)
    return rows.set_axis(pd.Index(own, name=keys.ROW_KEY))
