"""Follow all trees of a boosted model at once, to the bit as scikit-learn does.

A tree has a word with a bit for each of its leaves. A value of a feature rules out some
of them, whatever the other features are: at each split by this feature, those on the
other side. Which ones depends only on where the value stands among the thresholds of
the feature, so the words are computed beforehand. Those of all features, taken together
by AND, leave one bit: the leaf that the row reaches. After Lucchese et al.,
"QuickScorer: a fast algorithm to rank documents with additive ensembles of regression
trees" (SIGIR 2015), who rule out the leaves of one side only.

Values of leaves are added in scikit-learn's order, so that sums are rounded as there.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)

from reproducible_ml.modeling.explaining.trees import Splits

Floats = npt.NDArray[np.float64]
Words = npt.NDArray[np.unsignedinteger[Any]]
Masks = npt.NDArray[np.bool_]

BOOSTERS = (HistGradientBoostingClassifier, HistGradientBoostingRegressor)

# Rows that are followed at a time: their words stay in the cache of a processor.
BLOCK = 1024

# Most bytes of words. More of them are slower than scikit-learn, and take memory.
MAX_BYTES = 32_000_000

# Up to so many rows, all leaves at once are faster than those of each tree in turn. For
# more, to compare with so many thresholds is faster than to search among them.
FEW_ROWS, FEW_EDGES = 256, 48

# Rows on which a model is compared with scikit-learn before it is used.
TRIED = 256


class Bits(NamedTuple):
    """Words of some size, and how the place of their only bit is found.

    The product of a power of 2 and a De Bruijn sequence begins with digits that differ
    for each power.
    """

    dtype: type[np.unsignedinteger[Any]]
    sequence: int
    shift: int

    def hashed(self, words: Words) -> npt.NDArray[np.uint8]:
        """Return a number below that of bits for each word with one bit."""
        found: Words = words * self.dtype(self.sequence)
        found >>= self.dtype(self.shift)
        return found.astype(np.uint8)


# By the number of bits.
SIZES = {
    32: Bits(np.uint32, 0x077CB531, 27),
    64: Bits(np.uint64, 0x03F79D71B4CB0A89, 58),
}


class Feature(NamedTuple):
    """A feature that trees split by.

    Attributes:
        column: Its place among the features of the estimator.
        edges: Thresholds in ascending order, or the categories of training.
        is_categorical: Which of them.
        words: For a value up to each threshold, one beyond, and a missing one: the
            leaves of each tree that it may reach.
    """

    column: int
    edges: Floats
    is_categorical: bool
    words: Words

    def of(self, values: Floats, *, may_miss: bool) -> npt.NDArray[np.integer[Any]]:
        """Return the row of `words` for each value."""
        if len(self.edges) <= FEW_EDGES and len(values) > FEW_ROWS:
            below = self.edges[:, np.newaxis] < values
            found = np.add.reduce(below.view(np.uint8), axis=0, dtype=np.uint8)
        else:
            found = self.edges.searchsorted(values)
        last = len(self.edges)
        if self.is_categorical:
            known = self.edges.take(found, mode="clip") == values
            found[~known] = last + 1  # unknown ones are missing as well
        elif may_miss:
            found[np.isnan(values)] = last + 1
        return np.asarray(found)


class FastTrees:
    """A boosted model; `predict` is that of a regression."""

    def __init__(self, estimator: Any, bits: int, features: list[Feature]) -> None:
        """Prepare; see `of`."""
        self.estimator = estimator
        self.classes_ = getattr(estimator, "classes_", None)
        self.features = features
        self.bits = bits
        self.outputs = len(estimator._predictors[0])
        self.baseline = np.ravel(estimator._baseline_prediction)
        trees = _trees(estimator)
        self.values = np.zeros((len(trees), bits))
        places = SIZES[bits].hashed(_powers(bits))
        for values, tree in zip(self.values, trees, strict=True):
            of_leaves = tree.nodes["value"][tree.nodes["is_leaf"] == 1]
            values[places[: len(of_leaves)]] = of_leaves
        self.starts = np.arange(len(trees), dtype=np.intp)[:, np.newaxis] * bits

    @classmethod
    def of(cls, estimator: Any) -> "FastTrees | None":
        """Return what does the same as a fitted estimator; None if it is no faster."""
        if type(estimator) not in BOOSTERS:
            return None
        trees = _trees(estimator)
        most = max(tree.get_n_leaf_nodes() for tree in trees)
        bits = next((size for size in SIZES if most <= size), None)
        if bits is None:
            return None
        features = _features(estimator, trees, bits)
        if not features or not _is_faster(features, len(trees)):
            return None
        found = cls(estimator, bits, features)
        rows = found._odd_rows()
        same = np.array_equal(found.raw(rows), estimator._raw_predict(rows))
        return found if same else None

    def predict_proba(self, features: Any) -> Floats:
        """Return the probability of each class, shape (rows, classes)."""
        found: Floats = self.estimator._loss.predict_proba(self.raw(features))
        return found

    def predict(self, features: Any) -> Floats:
        """Return a number for each row."""
        found: Floats = self.estimator._loss.link.inverse(self.raw(features).ravel())
        return found

    def raw(self, features: Any) -> Floats:
        """Return the sums of the leaves, shape (rows, outputs)."""
        if not (
            isinstance(features, np.ndarray)
            and features.dtype == np.float64
            and features.shape[1:] == (self.estimator.n_features_in_,)
        ):
            found: Floats = self.estimator._raw_predict(features)
            return found
        found = np.empty((len(features), self.outputs), order="F")
        for start in range(0, len(features), BLOCK):
            part = slice(start, start + BLOCK)
            found[part] = self._sums(np.ascontiguousarray(features[part].T)).T
        return found

    def _sums(self, columns: Floats) -> Floats:
        """Return the sums for a block of rows, by feature; shape (outputs, rows)."""
        leaves = SIZES[self.bits].hashed(self._words(columns)).T
        count = columns.shape[1]
        if count <= FEW_ROWS:
            steps = np.empty((1 + len(leaves) // self.outputs, self.outputs, count))
            steps[0] = self.baseline[:, np.newaxis]
            added = steps[1:].reshape(len(leaves), count)
            places = leaves + self.starts
            self.values.ravel().take(places, out=added, mode="clip")
            return np.asarray(np.add.accumulate(steps, out=steps)[-1])
        found = np.empty((self.outputs, count))
        found[:] = self.baseline[:, np.newaxis]
        for number, places in enumerate(np.ascontiguousarray(leaves)):
            found[number % self.outputs] += self.values[number].take(places)
        return found

    def _words(self, columns: Floats) -> Words:
        """Return the words of each row, with one bit each; shape (rows, trees)."""
        may_miss = np.any(np.isnan(columns), axis=1)
        found = other = np.empty(0, SIZES[self.bits].dtype)
        for number, feature in enumerate(self.features):
            column = feature.column
            rows = feature.of(columns[column], may_miss=bool(may_miss[column]))
            if number == 0:
                found = feature.words.take(rows, axis=0, mode="clip")
                other = np.empty_like(found)
            else:
                feature.words.take(rows, axis=0, out=other, mode="clip")
                np.bitwise_and(found, other, out=found)
        return found

    def _odd_rows(self) -> Floats:
        """Return rows of thresholds, values beside them, and missing values."""
        random = np.random.default_rng(0)
        rows = np.zeros((TRIED, self.estimator.n_features_in_))
        for feature in self.features:
            edges = feature.edges
            odd = [*edges, *np.nextafter(edges, np.inf), np.nan, -1.0, 1e300]
            rows[:, feature.column] = random.choice(odd, TRIED)
        return rows


def _is_faster(features: list[Feature], trees: int) -> bool:
    """Return whether words are faster than nodes, by times that were measured."""
    size = sum(feature.words.nbytes for feature in features)
    width = features[0].words.itemsize * trees
    return size <= MAX_BYTES and len(features) * (25 + width / 15) < 40 * trees


def _trees(estimator: Any) -> list[Any]:
    return [tree for trees in estimator._predictors for tree in trees]


def _powers(bits: int) -> Words:
    return np.array([2**bit for bit in range(bits)], SIZES[bits].dtype)


def _features(estimator: Any, trees: list[Any], bits: int) -> list[Feature]:
    """Return the features that trees split by, with their words."""
    splits = Splits.of(estimator)
    nodes = np.concatenate([tree.nodes for tree in trees])
    nodes = nodes[nodes["is_leaf"] == 0]
    # Bits without a leaf are never set.
    full = [2 ** tree.get_n_leaf_nodes() - 1 for tree in trees]
    found: dict[int, Feature] = {}
    # For each row of words, a value that has it; of a category, its code.
    values: dict[int, Floats] = {}
    for place in np.unique(nodes["feature_idx"]).tolist():
        here = nodes[nodes["feature_idx"] == place]
        is_categorical = bool(here["is_categorical"].any())
        if is_categorical:
            encoder = estimator._preprocessor.named_transformers_["encoder"]
            known = np.asarray(encoder.categories_[place], np.float64)
            edges = known[~np.isnan(known)]
            values[place] = np.array([*range(len(edges)), np.nan, np.nan])
        else:
            edges = np.unique(here["num_threshold"])
            values[place] = np.array([*edges, np.inf, np.nan])
        words = np.tile(np.array(full, SIZES[bits].dtype), (len(values[place]), 1))
        column = int(splits.order[place])
        found[place] = Feature(column, edges, is_categorical, words)
    for number, tree in enumerate(trees):
        for place, goes_left, left, right in _splits(tree, splits, values):
            words = found[place].words[:, number]
            kind = SIZES[bits].dtype
            words &= np.where(goes_left, ~kind(right), ~kind(left))
    return list(found.values())


def _splits(
    tree: Any, splits: Splits, values: dict[int, Floats]
) -> Iterator[tuple[int, Masks, int, int]]:
    """Yield the splits of a tree.

    Yields:
        The place of the feature; which of its values go to the left; and the leaves on
        the left and on the right, as bits in the order of the nodes.
    """
    names = tree.nodes.dtype.names
    nodes = [dict(zip(names, node, strict=True)) for node in tree.nodes.tolist()]
    leaves = (1 << number for number in range(len(nodes)))
    below = {n: next(leaves) for n, node in enumerate(nodes) if node["is_leaf"]}
    # Each node comes after its parent.
    for number in reversed(range(len(nodes))):
        node = nodes[number]
        if node["is_leaf"]:
            continue
        left, right = below[node["left"]], below[node["right"]]
        below[number] = left | right
        place = int(node["feature_idx"])
        yield place, splits.goes_left(tree, node, values[place]), left, right
