"""Exact Shapley values of boosted trees, against rows of a background.

A row is compared with a row of the background: a coalition of columns takes its values
from the first, the others from the second. Such a mixture reaches a leaf if the columns
on its path that only the first row satisfies are in the coalition, and those that only
the second one satisfies are not. With `p` of the former and `n` of the latter, the
Shapley value of the leaf is known in closed form: (p-1)! n! / (p+n)! for each of the
former, -p! (n-1)! / (p+n)! for each of the latter. These are the interventional values
of Lundberg et al., "From local explanations to global understanding with explainable AI
for trees" (Nature Machine Intelligence 2, 2020). Splits by category and missing values
are followed as the model follows them.
"""

import math
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from reproducible_ml.modeling.explaining.origins import Places

Floats = npt.NDArray[np.float64]
Masks = npt.NDArray[np.bool_]

# Pairs of rows and leaves that are computed at a time: some 100 MB.
PAIRS = 2_000_000


class Splits(NamedTuple):
    """How a boosted model follows its trees.

    Attributes:
        estimator: HistGradientBoostingClassifier or -Regressor.
        order: The feature of the estimator in each place of its trees.
        known: For each categorical feature, the bits of the categories of training.
        places: For each place in the trees, where `known` has it.
    """

    estimator: Any
    order: Places
    known: npt.NDArray[np.uint32]
    places: npt.NDArray[np.integer[Any]]

    @classmethod
    def of(cls, estimator: Any) -> "Splits":
        """Return those of a fitted estimator."""
        order = np.arange(estimator.n_features_in_)
        if estimator.is_categorical_ is not None:
            # scikit-learn moves the categorical ones to the front.
            order = np.argsort(~estimator.is_categorical_, kind="stable")
        return cls(
            estimator, order, *estimator._bin_mapper.make_known_categories_bitsets()
        )

    def goes_left(self, tree: Any, node: dict[str, Any], values: Floats) -> Masks:
        """Return which rows go to the left at a node.

        Args:
            tree: The tree.
            node: A node that is no leaf.
            values: The feature of the node of each row.
        """
        missing = np.isnan(values)
        if not node["is_categorical"]:
            left = values <= node["num_threshold"]
            return np.where(missing, bool(node["missing_go_to_left"]), left)
        missing |= values < 0
        codes = np.where(missing, 0, values).astype(np.intp)
        left = _has_bit(tree.raw_left_cat_bitsets[node["bitset_idx"]], codes)
        known = _has_bit(self.known[self.places[node["feature_idx"]]], codes)
        unknown = missing | ~(left | known)
        return np.where(unknown, bool(node["missing_go_to_left"]), left)


def _has_bit(bits: npt.NDArray[np.uint32], codes: Places) -> Masks:
    return ((bits[codes // 32] >> (codes % 32).astype(np.uint32)) & 1).astype(bool)


class Leaves(NamedTuple):
    """The leaves of a tree, and which rows satisfy the conditions of their paths.

    Attributes:
        values: What each leaf adds, shape (leaves,).
        columns: The columns on each path, shape (leaves, depth); -1 if there are less.
        satisfied: Whether a row satisfies all conditions that a path sets on a column,
            shape (leaves, depth, rows).
    """

    values: Floats
    columns: Places
    satisfied: Masks


def shapley_values(
    estimator: Any, origins: Places, features: Floats, background: Floats
) -> Floats:
    """Return the contribution of each column to the raw output for each row.

    Args:
        estimator: Fitted HistGradientBoostingClassifier or -Regressor.
        origins: For each feature, the column that it is made of.
        features: Of the rows to explain, shape (rows, features).
        background: Of the rows to compare with, shape (rows, features).

    Returns:
        Shape (rows, columns, outputs): their sum over the columns is the raw output
        less the mean of that of the background.
    """
    splits = Splits.of(estimator)
    number = int(origins.max()) + 1
    encoded = estimator._preprocessor is not None
    both = np.concatenate([features, background])
    # Categories that are no codes yet become codes; the features are in another order.
    inner = estimator._preprocess_X(both, reset=False) if encoded else both
    found = np.zeros((len(features), number, len(estimator._predictors[0])))
    for trees in estimator._predictors:
        for output, tree in enumerate(trees):
            leaves = _leaves(tree, splits, origins[splits.order], inner)
            for some in _pieces(leaves, len(features), len(background)):
                found[:, :, output] += _of_leaves(some, len(features), number)
    return found / len(background)


def _leaves(tree: Any, splits: Splits, origins: Places, inner: Floats) -> Leaves:
    """Return the leaves of a tree."""
    names = tree.nodes.dtype.names
    nodes = [dict(zip(names, node, strict=True)) for node in tree.nodes.tolist()]
    values: list[float] = []
    paths: list[dict[int, Masks]] = []
    waiting: list[tuple[int, dict[int, Masks]]] = [(0, {})]
    while waiting:
        place, path = waiting.pop()
        node = nodes[place]
        if node["is_leaf"]:
            values.append(float(node["value"]))
            paths.append(path)
            continue
        feature = int(node["feature_idx"])
        left = splits.goes_left(tree, node, inner[:, feature])
        column = int(origins[feature])
        for child, goes in ((node["left"], left), (node["right"], ~left)):
            before = path.get(column)
            now = goes if before is None else before & goes
            waiting.append((int(child), {**path, column: now}))
    depth = max(map(len, paths))
    columns = np.full((len(paths), depth), -1, dtype=np.intp)
    satisfied = np.ones((len(paths), depth, len(inner)), dtype=bool)
    for leaf, path in enumerate(paths):
        for slot, (column, rows) in enumerate(path.items()):
            columns[leaf, slot] = column
            satisfied[leaf, slot] = rows
    return Leaves(np.array(values), columns, satisfied)


def _pieces(leaves: Leaves, rows: int, background: int) -> Iterator[Leaves]:
    """Yield some leaves at a time."""
    size = max(1, PAIRS // (rows * background))
    for at in range(0, len(leaves.values), size):
        some = slice(at, at + size)
        yield Leaves(leaves.values[some], leaves.columns[some], leaves.satisfied[some])


@cache
def _weights(depth: int) -> tuple[Floats, Floats]:
    """Return the factors of columns that must be, and must not be, in the coalition.

    Their index is (depth + 1) p + n; the last one stands for leaves out of reach.
    """
    size = (depth + 1) ** 2
    inside, outside = np.zeros(size + 1), np.zeros(size + 1)
    for p in range(depth + 1):
        for n in range(depth + 1 - p):
            place = (depth + 1) * p + n
            if p:
                inside[place] = 1 / (p * math.comb(p + n, p))
            if n:
                outside[place] = -1 / (n * math.comb(p + n, n))
    return inside, outside


def _of_leaves(leaves: Leaves, rows: int, number: int) -> Floats:
    """Return the sum over leaves and the background, shape (rows, columns)."""
    count, depth = leaves.columns.shape
    # 1 and 0, so that products count columns; these are exact.
    row = leaves.satisfied[:, :, :rows].transpose(0, 2, 1).astype(np.float64)
    other = leaves.satisfied[:, :, rows:].astype(np.float64)
    not_row, not_other = 1 - row, 1 - other
    beyond = (depth + 1) ** 2
    place = row @ (not_other * (depth + 1)) + not_row @ (other + not_other * beyond)
    places = np.minimum(place, beyond).astype(np.intp)
    inside, outside = _weights(depth)
    gained = row * (inside[places] @ not_other.transpose(0, 2, 1))
    lost = not_row * (outside[places] @ other.transpose(0, 2, 1))
    values = (gained + lost) * leaves.values[:, np.newaxis, np.newaxis]
    # The column -1 collects places without one, which add nothing.
    found = np.zeros((number + 1, rows))
    by_column = values.transpose(0, 2, 1).reshape(count * depth, rows)
    np.add.at(found, leaves.columns.ravel(), by_column)
    return found[:number].T
