"""Model files that are damaged or crafted, with a manifest that fits them."""

import io
import json
import struct
import time
import tracemalloc
import warnings
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeClassifier
from skops.io import dumps

from reproducible_ml.modeling.model.checks import check_archive, check_indices

from .conftest import Stored

Members = dict[str, bytes]


def unpack(content: bytes) -> Members:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def pack(members: Members, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return content.getvalue()


def first_array(members: Members) -> str:
    return next(name for name in members if name.endswith(".npy"))


def npy(array: Any, **options: Any) -> bytes:
    opened = io.BytesIO()
    np.save(opened, array, **options)
    return opened.getvalue()


def with_array(data: bytes) -> Callable[[Members], bytes]:
    """Return what puts an array in place of the first."""
    return lambda members: pack(members | {first_array(members): data})


def with_schema(change: Callable[[dict[str, Any]], Any]) -> Callable[[Members], bytes]:
    def craft(members: Members) -> bytes:
        schema = json.loads(members["schema.json"])
        changed = json.dumps(change(schema) or schema).encode()
        return pack(members | {"schema.json": changed})

    return craft


def with_text(text: bytes) -> Callable[[Members], bytes]:
    return lambda members: pack(members | {"schema.json": text})


def without(name: str) -> Callable[[Members], bytes]:
    def craft(members: Members) -> bytes:
        gone = first_array(members) if name == ".npy" else name
        return pack({key: data for key, data in members.items() if key != gone})

    return craft


def twice(members: Members) -> bytes:
    content = io.BytesIO(pack(members))
    with zipfile.ZipFile(content, "a") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        archive.writestr(first_array(members), b"other")
    return content.getvalue()


def overlapping(members: Members) -> bytes:
    """Return an archive in which a thousand names share the bytes of one member."""
    content = io.BytesIO(pack(members | {"zeros.npy": bytes(10**5)}))
    with zipfile.ZipFile(content, "a") as archive:
        shared = archive.getinfo("zeros.npy")
        for number in range(1000):
            info = zipfile.ZipInfo(f"{number}.npy")
            for name in ("CRC", "compress_size", "file_size", "header_offset"):
                setattr(info, name, getattr(shared, name))
            info.compress_type = shared.compress_type
            archive.filelist.append(info)
        archive._didModify = True  # type: ignore[attr-defined]
    return content.getvalue()


def lying(members: Members) -> bytes:
    """Return an archive with a member that unpacks to 100 MB, and declares 10 bytes."""
    content = pack(members | {"zeros.npy": bytes(100 * 10**6)})
    size = struct.pack("<L", 100 * 10**6)
    assert content.count(size) == 2
    return content.replace(size, struct.pack("<L", 10))


def laughs(members: Members) -> bytes:
    """Return a list of ten lists of ten lists..., thirty deep, in a few kilobytes."""
    kind = {"__class__": "list", "__module__": "builtins", "__loader__": "ListNode"}
    node: dict[str, Any] = {**kind, "content": [], "__id__": 1}
    for number in range(2, 32):
        again = [{"__id__": node["__id__"]}] * 9
        node = {**kind, "content": [node, *again], "__id__": number}
    return with_schema(lambda schema: node | {"protocol": schema["protocol"]})(members)


def many_reads(members: Members) -> bytes:
    """Return a list of arrays that all are one large member."""
    array = {
        "__class__": "ndarray",
        "__module__": "numpy",
        "__loader__": "NdArrayNode",
        "type": "numpy",
        "file": "large.npy",
    }
    arrays = [array | {"__id__": number} for number in range(100, 200)]
    node = {"__class__": "list", "__module__": "builtins", "__loader__": "ListNode"}
    data = np.random.default_rng(0).bytes(10**6)
    return with_schema(
        lambda schema: node | {"content": arrays, "protocol": schema["protocol"]}
    )(members | {"large.npy": npy(np.frombuffer(data, np.uint8))})


def object_array() -> bytes:
    return npy(np.array([{"a": 1}], dtype=object), allow_pickle=True)


DEEP = b'{"a":' * 100_000 + b"1" + b"}" * 100_000

DAMAGED: dict[str, Callable[[Members], bytes]] = {
    "no zip": lambda _: b"not an archive",
    "empty": lambda _: b"",
    "cut": lambda members: pack(members)[:-30],
    "only the end": lambda members: pack(members)[-200:],
    "no schema": without("schema.json"),
    "schema not JSON": with_text(b"{"),
    "schema not text": with_text(b"\xff\xfe\x00"),
    "schema nested": with_text(DEEP),
    "schema a list": with_text(b"[]"),
    "schema empty": with_text(b"{}"),
    "no protocol": with_schema(lambda schema: schema.pop("protocol") and None),
    "protocol of a later skops": with_schema(lambda schema: {**schema, "protocol": 99}),
    "no parts": with_schema(lambda schema: {**schema, "content": {}}),
    "content a number": with_schema(lambda schema: {**schema, "content": 3}),
    "unknown loader": with_schema(lambda schema: {**schema, "__loader__": "OtherNode"}),
    "unknown type": with_schema(lambda schema: {**schema, "__module__": "no.such"}),
    "id a list": with_schema(lambda schema: {**schema, "__id__": []}),
    "no array": without(".npy"),
    "array not NumPy's": with_array(b"12345"),
    "array cut": with_array(npy(np.arange(100.0))[:-8]),
    "array of objects": with_array(object_array()),
    "array of a huge shape": with_array(
        npy(np.zeros(1)).replace(b"(1,), }", b"(9999999999999,), }")
    ),
    "array of a wrong form": with_array(npy(np.zeros(1)).replace(b"<f8", b"<z9")),
    "two of one name": twice,
    "overlapping": overlapping,
    "encrypted": lambda members: pack(members).replace(
        b"PK\x01\x02\x14\x03\x14\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01"
    ),
    "other compression": lambda members: pack(members, zipfile.ZIP_LZMA),
    "bomb": lambda members: pack(members | {"zeros.npy": bytes(100 * 10**6)}),
    "bomb that declares less": lying,
    "a billion laughs": laughs,
    "one member read again and again": many_reads,
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_damaged_file_is_one_line_quickly_and_without_much_memory(
    kind: str, stored: Stored
) -> None:
    content = DAMAGED[kind](unpack(stored.model.read_bytes()))
    assert content != stored.model.read_bytes()
    stored.forge(content)
    tracemalloc.start()
    start = time.monotonic()
    message = stored.refusal()
    seconds, memory = time.monotonic() - start, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert message.startswith(f"{stored.model}: is not a model to be trusted (")
    assert seconds < 10
    # NumPy reserves memory for the huge array, and never touches it.
    assert memory < 90 * 10**6 or "huge" in kind


def test_archive_in_the_archive_is_a_bomb(stored: Stored) -> None:
    """A sparse matrix is one; not trusted, unless somebody adds it."""
    honest = dumps(csr_array(np.eye(3)))
    assert "scipy.sparse._csr.csr_array" in check_archive(honest)
    (name,) = (n for n in unpack(honest) if n.endswith(".npz"))
    bomb = pack({"data.npy": bytes(100 * 10**6)})
    with pytest.raises(ValueError, match="would take 95 MiB"):
        check_archive(pack(unpack(honest) | {name: bomb}))


def test_sparse_matrix_refers_to_its_own_columns() -> None:
    matrix = csr_array(np.eye(3))
    check_indices({"rows": [matrix]})
    matrix.indices[1] = 1000
    with pytest.raises(ValueError, match="indices"):
        check_indices({"rows": [matrix]})


ROWS = np.column_stack(
    [np.arange(120) % 5, np.random.default_rng(0).normal(size=(120, 2))]
)
CLASSES = (ROWS[:, 0] + ROWS[:, 1] > 2).astype(int)


def boosted() -> Any:
    settings = {"max_iter": 3, "categorical_features": [0], "min_samples_leaf": 5}
    return HistGradientBoostingClassifier(**settings).fit(ROWS, CLASSES)


@pytest.mark.parametrize(
    "model",
    [
        HistGradientBoostingRegressor(max_iter=3),
        RandomForestClassifier(5),
        ExtraTreesRegressor(5),
        IsolationForest(n_estimators=5, max_features=2),
        GradientBoostingClassifier(n_estimators=5, init="zero"),
        DecisionTreeClassifier(ccp_alpha=0.01),
        DecisionTreeClassifier(max_leaf_nodes=4),
        KNeighborsClassifier(algorithm="kd_tree"),
        KNeighborsClassifier(algorithm="brute"),
        SVC(),
        SVR(),
        LogisticRegression(),
    ],
    ids=str,
)
def test_honest_models_are_loaded(model: Any, stored: Stored) -> None:
    for target in (CLASSES, ROWS[:, 0].astype(int)):
        stored.save(model.fit(ROWS, target))
        np.testing.assert_array_equal(stored.load().predict(ROWS), model.predict(ROWS))


def inner_node(nodes: Any) -> int:
    return int(np.flatnonzero(nodes["is_leaf"] == 0)[-1])


# In a boosted tree; every one of these crashes scikit-learn, hangs or reads elsewhere.
NODES: dict[str, tuple[str, Callable[[Any, int], Any]]] = {
    "beyond": ("left", lambda nodes, _: len(nodes)),
    "far beyond": ("right", lambda nodes, _: 2**32 - 1),
    "itself": ("left", lambda _, node: node),
    "its parent": ("right", lambda _, node: 0),
    "feature": ("feature_idx", lambda *_: 3),
    "far feature": ("feature_idx", lambda *_: 2**40),
    "negative feature": ("feature_idx", lambda *_: -1),
}


@pytest.mark.parametrize("kind", NODES)
def test_boosted_tree_leads_nowhere_else(kind: str, stored: Stored) -> None:
    field, value = NODES[kind]
    model = boosted()
    nodes = model._predictors[1][0].nodes
    node = inner_node(nodes)
    nodes[field][node] = value(nodes, node)
    stored.save(model)
    assert "refers to what is not there" in stored.refusal()


def other_bitset(model: Any, tree: Any) -> None:
    tree.nodes["bitset_idx"][tree.nodes["is_categorical"] == 1] = 10**6


def no_bitsets(model: Any, tree: Any) -> None:
    tree.raw_left_cat_bitsets = tree.raw_left_cat_bitsets[:0]


def short_bitsets(model: Any, tree: Any) -> None:
    tree.raw_left_cat_bitsets = tree.raw_left_cat_bitsets[:, :1].copy()


def no_category(model: Any, tree: Any) -> None:
    model._bin_mapper.is_categorical_[:] = 0


def fewer_features(model: Any, tree: Any) -> None:
    model.n_features_in_ = 1


def no_nodes(model: Any, tree: Any) -> None:
    tree.nodes = tree.nodes[:0]


def other_nodes(model: Any, tree: Any) -> None:
    tree.nodes = np.zeros(3)


@pytest.mark.parametrize(
    "craft",
    [
        other_bitset,
        no_bitsets,
        short_bitsets,
        no_category,
        fewer_features,
        no_nodes,
        other_nodes,
    ],
)
def test_boosted_model_fits_together(
    craft: Callable[[Any, Any], None], stored: Stored
) -> None:
    model = boosted()
    tree = next(t for (t,) in model._predictors if t.nodes["is_categorical"].any())
    craft(model, tree)
    stored.save(model)
    assert stored.refusal()


def with_node(model: Any, **changes: int) -> Any:
    """Change the root of a decision tree, or of the first tree in a forest."""
    estimators = getattr(model, "estimators_", None)
    owner = model if estimators is None else np.ravel(estimators)[0]
    state = owner.tree_.__getstate__()
    for field, value in changes.items():
        state["nodes"][field][0] = value
    owner.tree_.__setstate__(state)
    return model


TREES = [
    DecisionTreeClassifier(),
    RandomForestClassifier(2),
    GradientBoostingClassifier(n_estimators=2),
]


@pytest.mark.parametrize(
    "changes",
    [
        {"left_child": 10**6},
        {"left_child": -2},
        {"right_child": -1},
        {"right_child": 0},
        {"left_child": 0},
        {"feature": 3},
        {"feature": -2},
    ],
    ids=str,
)
@pytest.mark.parametrize("model", TREES, ids=lambda model: type(model).__name__)
def test_tree_leads_nowhere_else(
    model: Any, changes: dict[str, int], stored: Stored
) -> None:
    stored.save(with_node(model.fit(ROWS, CLASSES), **changes))
    assert "refers to what is not there" in stored.refusal()


@pytest.mark.parametrize("count", [0, -1])
def test_tree_has_nodes(count: int, stored: Stored) -> None:
    def change(node: Any) -> Any:
        if isinstance(node, dict) and "node_count" in node:
            node["node_count"]["content"] = str(count)
        parts = node.values() if isinstance(node, dict) else node
        for part in parts if isinstance(node, dict | list) else ():
            change(part)

    model = DecisionTreeClassifier().fit(ROWS, CLASSES)
    stored.forge(with_schema(change)(unpack(dumps(model))))
    assert "refers to what is not there" in stored.refusal()


def test_trees_read_no_more_features_than_the_model_has(stored: Stored) -> None:
    narrow = GradientBoostingClassifier(n_estimators=2).fit(ROWS[:, :1], CLASSES)
    model = GradientBoostingClassifier(n_estimators=2).fit(ROWS, CLASSES)
    model.estimators_[0, 0] = narrow.estimators_[0, 0]
    stored.save(model)
    assert "refers to what is not there" in stored.refusal()


@pytest.mark.parametrize(
    ("place", "change"),
    [
        (1, lambda rows: rows + 10**6),
        (1, lambda rows: rows - 10**6),
        (2, lambda nodes: nodes[:2].copy()),
        (3, lambda bounds: bounds[:, :1].copy()),
        (3, lambda bounds: bounds[:1].copy()),
        (6, lambda count: count + 1000),
        (11, lambda metric: None),
    ],
)
def test_neighbours_are_rows_of_the_model(
    place: int, change: Callable[[Any], Any], stored: Stored
) -> None:
    model = KNeighborsClassifier(algorithm="kd_tree").fit(
        np.tile(ROWS, (5, 1)), np.tile(CLASSES, 5)
    )
    state = list(model._tree.__getstate__())
    state[place] = change(state[place])
    model._tree.__setstate__(tuple(state))
    stored.forge(dumps(model))
    assert stored.refusal()


@pytest.mark.parametrize("name", ["_dual_coef_", "_intercept_", "support_"])
def test_support_vectors_fit_together(name: str, stored: Stored) -> None:
    model = SVC().fit(ROWS, CLASSES)
    setattr(model, name, getattr(model, name)[..., :0].copy())
    stored.save(model)
    assert stored.refusal()


def test_names_of_types_are_found_wherever_they_are(stored: Stored) -> None:
    names = check_archive(stored.model.read_bytes())
    assert "sklearn.linear_model._logistic.LogisticRegression" in names
    assert "builtins.dict" in names
