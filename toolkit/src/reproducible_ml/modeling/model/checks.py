"""Check a model file before anything in it is used, and its indices before it predicts.

The hash in the manifest is compared first. What follows is a second line of defence:
against a file that came with a manifest of its own. The file is a zip archive. The
indices in a model are followed by scikit-learn's compiled code without looking: a node
that is its own child would never end, one beyond the array reads memory of something
else or crashes.
"""

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Limits of the unpacked size. Models that were measured take 2 to 33 times the space.
MOST_BYTES = 4 * 2**30
MOST_RATIO = 100
# Below this, neither the ratio nor the sizes that a file declares matter.
HARMLESS = 64 * 2**20

# A tree of HistGradientBoosting has three members, and the schema about a kilobyte.
MOST_MEMBERS = 500_000
MOST_SCHEMA = 256 * 2**20

# Deflate cannot do better, with lots of zeros.
BEST_RATIO = 1032

SCHEMA = "schema.json"

# How many objects of the schema are in one of them; no attribute has this name.
NODES = ""

STORED, DEFLATED = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED

# What holds no models.
PLAIN = {str, bytes, bytearray, bool, int, float, type, type(None), type(len)}
NONE: dict[str, Any] = {}

# 256 categories, as bits of eight numbers.
BITSETS = 8


def check_archive(content: bytes) -> set[str]:
    """Return the types and functions that a .skops file names, as module.name.

    Its members are safe to unpack, and its objects to be looked through.

    Args:
        content: The file.

    Raises:
        ValueError, zipfile.BadZipFile, zlib.error, struct.error, KeyError: The file is
            damaged, or its members are too many or too large.
    """
    # Counted before zipfile makes an object of each.
    if content.count(b"PK\x01\x02") > MOST_MEMBERS:
        raise ValueError(f"it has more than {MOST_MEMBERS} members")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = archive.infolist()
        sizes = _check_members(content, members, MOST_RATIO * len(content))
        if SCHEMA not in sizes:
            raise ValueError(f"it has no {SCHEMA}")
        if sizes[SCHEMA] > MOST_SCHEMA:
            raise ValueError(f"{SCHEMA} has more than {MOST_SCHEMA >> 20} MiB")
        schema = archive.read(SCHEMA)
    return _check_schema(schema, sizes)


def _check_members(
    content: bytes, members: list[zipfile.ZipInfo], most: int
) -> dict[str, int]:
    """Return the unpacked sizes of the members, or raise ValueError."""
    sizes = {info.filename: info.file_size for info in members}
    if len(sizes) < len(members):
        raise ValueError("two of its members have one name")
    total = sum(sizes.values())
    if total > min(max(most, HARMLESS), MOST_BYTES):
        raise ValueError(
            f"its members would take {total >> 20} MiB, {total // len(content)} times"
            " the size of the file"
        )
    # Members that share bytes could be unpacked many times.
    if sum(info.compress_size for info in members) > len(content):
        raise ValueError("its members overlap")
    for info in members:
        _check_member(content, info, most)
    return sizes


def _check_member(content: bytes, info: zipfile.ZipInfo, most: int) -> None:
    if info.compress_type not in (STORED, DEFLATED) or info.flag_bits & 1:
        raise ValueError(f"{info.filename} is neither stored nor deflated")
    nested = info.filename.endswith(".npz")
    # Python unpacks a member whole before it compares sizes.
    if not nested and info.compress_size * BEST_RATIO < HARMLESS:
        return
    names = struct.unpack_from("<HH", content, info.header_offset + 26)
    start = info.header_offset + 30 + sum(names)
    packed = memoryview(content)[start : start + info.compress_size]
    data = bytes(packed) if info.compress_type == STORED else _inflate(packed, info)
    if len(data) != info.file_size:
        raise ValueError(f"{info.filename} has not the size that it declares")
    if nested:
        # A sparse matrix is an archive in the archive.
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _check_members(data, archive.infolist(), most)


def _inflate(packed: memoryview, info: zipfile.ZipInfo) -> bytes:
    """Unpack a member, but at most one byte more than it declares."""
    return zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, info.file_size + 1)


def _check_schema(schema: bytes, sizes: dict[str, int]) -> set[str]:
    """Return the names, or raise ValueError if objects take more than their text.

    skops reads an object once for each id, but looks through it wherever it is named.
    In honest files its whole text is there again, so that this takes no longer than
    reading the text; with ten short references in each of ten lists it never ends.
    """
    nodes: dict[Any, int] = {}
    reads: dict[Any, int] = {}
    names: set[tuple[Any, Any]] = set()

    def note(node: dict[str, Any]) -> dict[str, Any]:
        number = 1
        for value in node.values():
            if type(value) is not str:
                number += _nodes_in(value)
        names.add((node.get("__module__"), node.get("__class__")))
        key = node.get("__id__")
        if isinstance(name := node.get("file"), str):
            reads[key or len(reads), name] = sizes.get(name, 0)
        # Equal numbers share ids with whatever was at their address before.
        known = key and node.get("__loader__") != "JsonNode"
        if known and nodes.setdefault(key, number) != number:
            raise ValueError("one object is described in two ways")
        node[NODES] = number
        return node

    state = json.loads(schema, object_hook=note)
    if not isinstance(state, dict) or "__loader__" not in state:
        raise ValueError(f"{SCHEMA} does not describe an object")
    if sum(reads.values()) > max(HARMLESS, 2 * sum(sizes.values())):
        raise ValueError("it unpacks the same members again and again")
    return {f"{module}.{name}" for module, name in names}


def _nodes_in(value: Any) -> int:
    if isinstance(value, dict):
        return int(value[NODES])
    return sum(map(_nodes_in, value)) if isinstance(value, list) else 0


def check_indices(model: Any) -> None:
    """Raise ValueError if trees or other arrays in a model refer to what is not there.

    Args:
        model: Whatever was loaded; trees are found wherever they are in it.
    """
    seen: set[int] = set()
    waiting = [model]
    while waiting:
        value = waiting.pop()
        if type(value) in PLAIN or id(value) in seen:
            continue
        seen.add(id(value))
        attributes = getattr(value, "__dict__", NONE)
        for name in CHECKS.keys() & attributes.keys():
            CHECKS[name](value)
        if "indptr" in attributes:
            # Of a sparse matrix; scipy itself looks at the shapes only.
            value.check_format(full_check=True)
        waiting.extend(_parts(value, attributes))


def _parts(value: Any, attributes: dict[str, Any]) -> Iterator[Any]:
    # Boosted trees are many, and hold nothing but arrays.
    yield from (part for name, part in attributes.items() if name != "_predictors")
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list | tuple | set | frozenset):
        yield from value
    elif isinstance(value, np.ndarray) and value.dtype == object:
        yield from value.flat
    elif isinstance(value, partial):
        yield from (value.func, value.args, value.keywords)


def _require(condition: Any, what: str) -> None:
    if not condition:
        raise ValueError(f"{what} refers to what is not there")


def _within(indices: NDArray[Any], most: int | NDArray[Any]) -> bool:
    return bool(np.all((indices >= 0) & (indices < most)))


def _check_children(
    node: NDArray[Any], children: Iterable[NDArray[Any]], size: int | NDArray[Any]
) -> None:
    """Trees are stored from the root: a child comes after its parent, so none loops."""
    for child in children:
        _require(np.all((child > node) & (child < size)), "a node of a tree")


def _check_boosted(model: Any) -> None:
    """Check all trees of a HistGradientBoosting model at once."""
    from sklearn.ensemble._hist_gradient_boosting.common import PREDICTOR_RECORD_DTYPE

    trees = [tree for iteration in model._predictors for tree in iteration]
    if not trees:
        return
    forms = {tree.nodes.dtype for tree in trees}, {tree.nodes.ndim for tree in trees}
    _require(forms == ({PREDICTOR_RECORD_DTYPE}, {1}), "a tree")
    bits = [tree.raw_left_cat_bitsets for tree in trees]
    forms = {array.dtype for array in bits}, {array.shape[1:] for array in bits}
    _require(forms == ({np.dtype(np.uint32)}, {(BITSETS,)}), "a category of a tree")
    categorical = np.asarray(model._bin_mapper.is_categorical_, dtype=bool)
    _require(categorical.shape == (model.n_features_in_,), "the list of categories")
    sizes = np.array([len(tree.nodes) for tree in trees])
    _require(sizes.all(), "a tree")
    bitsets = np.array([len(array) for array in bits])
    # Ten times as quick as np.concatenate, which compares all fields of all trees.
    joined = b"".join([tree.nodes.tobytes() for tree in trees])
    nodes = np.frombuffer(joined, dtype=PREDICTOR_RECORD_DTYPE)
    inner = np.flatnonzero(nodes["is_leaf"] == 0)
    place = (np.arange(len(nodes)) - np.repeat(np.cumsum(sizes) - sizes, sizes))[inner]
    owner = np.repeat(np.arange(len(trees)), sizes)[inner]
    nodes = nodes[inner]
    children = (nodes[side].astype(np.int64) for side in ("left", "right"))
    _check_children(place, children, sizes[owner])
    _require(_within(nodes["feature_idx"], len(categorical)), "a feature of a tree")
    split = nodes["is_categorical"] != 0
    _require(np.all(categorical[nodes["feature_idx"][split]]), "a category of a tree")
    found = nodes["bitset_idx"][split].astype(np.int64)
    _require(_within(found, bitsets[owner[split]]), "a category of a tree")


def _check_tree(model: Any) -> None:
    """Check the tree of a decision tree, on its own or in a forest."""
    tree = model.tree_
    # These first: the arrays below are views of as many nodes.
    _require(0 < tree.node_count <= tree.capacity, "the number of nodes")
    _require(tree.n_outputs > 0 and tree.max_n_classes > 0, "a leaf of a tree")
    _require(tree.n_features == model.n_features_in_, "the number of features")
    # Only the left child tells a leaf.
    inner = np.flatnonzero(tree.children_left != -1)
    children = (tree.children_left[inner], tree.children_right[inner])
    _check_children(inner, children, tree.node_count)
    _require(_within(tree.feature[inner], tree.n_features), "a feature of a tree")


def _check_stages(model: Any) -> None:
    """Check the forest of GradientBoosting, which reads one table with all trees."""
    trees = model.estimators_
    if not isinstance(trees, np.ndarray):
        return
    stages = getattr(model, "n_trees_per_iteration_", None)
    _require(trees.ndim == 2 and trees.shape[1] == stages, "a stage")
    features = {tree.tree_.n_features for tree in trees.flat}
    _require(features <= {model.n_features_in_}, "the number of features")


def _check_neighbours(model: Any) -> None:
    """Check the training rows of a model of neighbours, and their KDTree."""
    rows, tree = model._fit_X, getattr(model, "_tree", None)
    _require(rows.shape[1] == model.n_features_in_, "the number of features")
    if tree is None:
        return
    data, indices = np.asarray(tree.data), np.asarray(tree.idx_array)
    nodes, bounds = np.asarray(tree.node_data), np.asarray(tree.node_bounds)
    _require(len(nodes) and tree.__getstate__()[6] == len(nodes), "the number of nodes")
    _require(bounds.shape[1:] == (len(nodes), data.shape[1]), "the bounds of a node")
    _require(len(bounds) == 2 or "Ball" in type(tree).__name__, "the bounds of a node")
    _require(_within(indices, len(data)), "a row of a tree")
    start, end = nodes["idx_start"], nodes["idx_end"]
    _require(_within(start, end + 1) and _within(end, len(indices) + 1), "a node")
    inner = np.flatnonzero(nodes["is_leaf"] == 0)
    _require(_within(2 * inner + 2, len(nodes)), "a node of a tree")
    _require("Distance" in type(tree.__getstate__()[11]).__name__, "a tree")


def _check_vectors(model: Any) -> None:
    """Check the shapes of a support vector machine."""
    classes, vectors = len(model._n_support), model.support_vectors_.shape[0]
    pairs = classes * (classes - 1) // 2
    form = (model._dual_coef_.shape, np.shape(model._intercept_))
    _require(form == ((classes - 1, vectors), (pairs,)), "a support vector")
    probabilities = {np.size(model._probA), np.size(model._probB)}
    _require(probabilities in ({0}, {pairs}), "a support vector")
    _require(np.all(np.asarray(model._n_support) >= 0), "a support vector")
    _require(np.shape(model.support_) == (vectors,), "a support vector")


# By an attribute that estimators of this kind have, whatever class is derived of them.
CHECKS = {
    "_predictors": _check_boosted,
    "tree_": _check_tree,
    "estimators_": _check_stages,
    "_fit_X": _check_neighbours,
    "_n_support": _check_vectors,
}
