"""Estimated Shapley values of any model: random orders of its columns.

A row of the background turns into the row to explain, one column after the other; what
the output gains with a column is its contribution. Each order is followed by its
reverse, so that effects of pairs of columns are exact (antithetic sampling: Mitchell,
Cooper, Frank and Holmes, "Sampling permutations for Shapley value estimation", JMLR 23,
2022). Contributions of an order sum to the difference of the outputs, and so does their
mean.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]

# Rows that are predicted at once.
BATCH = 20_000

# With fewer pairs of orders, their deviation is unknown.
MIN_PAIRS = 2


def pairs_within(limit: int, columns: int, background: int) -> int:
    """Return how many pairs of orders, and rows of the background, are used.

    Args:
        limit: Predictions for a row to explain, at most.
        columns: Number of columns.
        background: Rows that there are.
    """
    return min(background, max(MIN_PAIRS, limit // (2 * (columns + 1))))


def shapley_values(
    output: Callable[[pd.DataFrame], Floats],
    row: pd.DataFrame,
    background: pd.DataFrame,
    seed: int,
    progress: Callable[[int], Any] = lambda rows: None,
) -> tuple[Floats, Floats]:
    """Return contributions of the columns of one row, and their standard errors.

    Args:
        output: What the model computes for rows, shape (rows, outputs).
        row: The only row to explain.
        background: A pair of orders starts at each of these rows.
        seed: Seed of the orders; they are the same for each row.
        progress: Gets the numbers of predicted rows.

    Returns:
        Both of shape (columns, outputs).
    """
    random = np.random.default_rng(seed)
    columns = row.shape[1]
    orders = [random.permutation(columns) for _ in range(len(background))]
    both = pd.concat([row, background], ignore_index=True)
    size = max(1, BATCH // (2 * (columns + 1)))
    found = []
    for at in range(0, len(orders), size):
        some = np.stack(orders[at : at + size])
        found.append(_gains(output, both, at + 1, some))
        progress(2 * (columns + 1) * len(some))
    pairs = np.concatenate(found)
    error = pairs.std(axis=0, ddof=1) / np.sqrt(len(pairs))
    return pairs.mean(axis=0), error


def _gains(
    output: Callable[[pd.DataFrame], Floats],
    both: pd.DataFrame,
    first: int,
    orders: npt.NDArray[np.intp],
) -> Floats:
    """Return the gains of columns in pairs of orders, shape (pairs, columns, outputs).

    Args:
        output: What the model computes.
        both: The row to explain, then the background.
        first: The row at which the first order starts; the next follow.
        orders: One for each pair.
    """
    count, columns = orders.shape
    walks = np.concatenate([orders, orders[:, ::-1]])
    # When each column changes: the first one in step 1.
    turns = np.argsort(walks, axis=1) + 1
    steps = np.arange(columns + 1)
    changed = turns[:, np.newaxis, :] <= steps[:, np.newaxis]
    starts = np.tile(np.arange(first, first + count), 2)[:, np.newaxis, np.newaxis]
    places = np.where(changed, 0, starts).reshape(-1, columns)
    mixed = pd.DataFrame(
        {
            name: both[name].iloc[places[:, place]].reset_index(drop=True)
            for place, name in enumerate(both.columns)
        }
    )
    outputs = output(mixed).reshape(2 * count, columns + 1, -1)
    steps_gain = np.diff(outputs, axis=1)
    gains = np.take_along_axis(steps_gain, (turns - 1)[:, :, np.newaxis], axis=1)
    return np.asarray((gains[:count] + gains[count:]) / 2)
