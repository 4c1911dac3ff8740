"""Groups of rows on which the model is judged by itself."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pandas as pd

from reproducible_ml.models.metrics import Labels


def slices(
    rows: pd.DataFrame, columns: dict[str, tuple[float, ...]]
) -> Iterator[tuple[str, str, Labels]]:
    """Yield column, name of the group, and which rows belong to it.

    Args:
        rows: Columns to group by.
        columns: For each, where to cut it if it holds numbers; without cuts, every
            value is a group.
    """
    for column, cuts in columns.items():
        groups = _cut(rows[column], cuts) if cuts else rows[column].astype("category")
        for name in groups.cat.categories:
            yield column, str(name), (groups == name).to_numpy(dtype=bool)


def _cut(values: pd.Series, cuts: tuple[float, ...]) -> pd.Series:
    """Return the range that each value falls into; the lower end belongs to it."""
    inner = [f"{low} to {high}" for low, high in pairwise(cuts)]
    names = [f"below {cuts[0]}", *inner, f"{cuts[-1]} and more"]
    edges = [-np.inf, *cuts, np.inf]
    return pd.cut(values.astype(float), edges, right=False, labels=names)
