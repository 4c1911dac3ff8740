"""Store a model as a file that runs no code on load and is the same in every run."""

import gc
import hashlib
import io
import json
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from reproducible_ml.core.errors import UserError, one_line
from reproducible_ml.core.files import replacing, write_json
from reproducible_ml.modeling.model.checks import check_archive, check_indices

# Third-party types that a model file may hold besides those that skops trusts itself.
# Add one only after review: loading it must not run code from the file. The project's
# own types need no entry. skops stores models of XGBoost and LightGBM: their boosters
# are read by the libraries' own parsers (tried with XGBoost 3.2 and LightGBM 4.7).
TRUSTED = (
    "collections.OrderedDict",
    "functools.partial",
    "lightgbm.basic.Booster",
    "lightgbm.sklearn.LGBMClassifier",
    "lightgbm.sklearn.LGBMRegressor",
    "numpy.dtype",
    "reproducible_ml.modeling.model.boosting.XGBClassifier",
    "reproducible_ml.modeling.model.boosting.XGBRegressor",
    "reproducible_ml.modeling.model.transformers.Calendar",
    "reproducible_ml.modeling.model.transformers.CategoryCodes",
    "reproducible_ml.modeling.model.transformers.CategoryColumns",
    "reproducible_ml.modeling.model.transformers.Clip",
    "reproducible_ml.modeling.model.transformers.Hashed",
    "reproducible_ml.modeling.model.transformers.Numbers",
    "reproducible_ml.modeling.model.transformers.Words",
    "sklearn._loss.link.Interval",
    "sklearn._loss.link.LogitLink",
    "sklearn._loss.loss.HalfBinomialLoss",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.metrics._dist_metrics.EuclideanDistance64",
    "sklearn.model_selection._split.KFold",
    "sklearn.neighbors._kd_tree.KDTree",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.tree._tree.Tree",
    "sklearn.utils._bunch.Bunch",
    "sklearn.utils.validation.check_array",
    "xgboost.core.Booster",
    "xgboost.sklearn.XGBClassifier",
    "xgboost.sklearn.XGBRFClassifier",
    "xgboost.sklearn.XGBRFRegressor",
    "xgboost.sklearn.XGBRegressor",
)

# A model made with another version of these may not load, or may predict differently.
PACKAGES = ("numpy", "scikit-learn", "skops")

# The same of models that hold a type of one of these.
BOOSTERS = ("lightgbm", "xgboost")

# Packages that bring the same module.
SAME = {"xgboost": ("xgboost-cpu",)}


def save_model(
    model: Any,
    path: Path,
    manifest: Path,
    facts: dict[str, Any],
    package: str | None = None,
) -> None:
    """Write the model, and a manifest that identifies it.

    Args:
        model: Fitted scikit-learn estimator.
        path: Where to write the .skops file.
        manifest: Where to write the JSON with versions, SHA-256 and `facts`.
        facts: What else to keep about the model, as JSON.
        package: The project's own package, or a module in it; its types are trusted.

    Raises:
        UserError: The model holds something that skops cannot store, or a type that
            `load_model` would refuse.
    """
    content, found = _dump(model, package)
    with replacing(path) as temporary:
        temporary.write_bytes(content)
    boosters = {name.partition(".")[0] for name in found}.intersection(BOOSTERS)
    identity = {
        "sha256": hashlib.sha256(content).hexdigest(),
        "versions": _versions([*PACKAGES, *sorted(boosters)]),
    }
    write_json(facts | identity, manifest)


def copy_model(model: Any, package: str | None = None) -> Any:
    """Return what `load_model` would return of a saved model."""
    from skops.io import loads

    content, found = _dump(model, package)
    return loads(content, trusted=[n for n in trusted(found, package) if n in found])


def _dump(model: Any, package: str | None) -> tuple[bytes, list[str]]:
    """Return the .skops file of a model, and the types in it that are to be trusted."""
    from skops.io import dumps, get_untrusted_types
    from skops.io.exceptions import UnsupportedTypeException

    try:
        content = canonical(dumps(model))
    except UnsupportedTypeException as error:
        raise UserError(f"the model cannot be stored: {error}") from error
    found = get_untrusted_types(data=content)
    if untrusted := sorted({*found} - {*trusted(found, package)}):
        raise UserError(
            f"the model holds {', '.join(untrusted)}, which is not trusted on load."
            " Fix: after review, add it to TRUSTED in the toolkit's"
            " modeling/model/store.py."
        )
    return content, found


def load_model(path: Path, manifest: Path, package: str | None = None) -> Any:
    """Return the stored model.

    Args:
        path: The .skops file.
        manifest: The JSON that `save_model` wrote with it.
        package: The project's own package, or a module in it. Types and functions that
            it defines are trusted: they are code of the same commit.

    Raises:
        UserError: The file is not the one that was saved, was made with other versions,
            is damaged, takes far more space than its size, holds a type that is not
            trusted, or trees that lead out of their arrays. None of its code was run.
    """
    from skops.io import loads

    content = path.read_bytes()
    expected = read_manifest(manifest)
    if hashlib.sha256(content).hexdigest() != expected["sha256"]:
        raise UserError(
            f"{path}: is not the model that {manifest} describes (its SHA-256 differs)."
            " Fix: run `rml doctor --fix`, or `dvc repro --force train`."
        )
    made_with = expected["versions"]
    differing = [
        f"{name} {found} instead of {made_with.get(name)}"
        for name, found in _versions({*PACKAGES, *made_with}).items()
        if found != made_with.get(name)
    ]
    if differing:
        raise UserError(
            f"{path}: was made with other versions: {', '.join(differing)}."
            " Fix: run `make setup` at the commit of the model, or train again."
        )
    try:
        with _without_garbage_collection():
            names = check_archive(content)
            # skops goes through this list for every object: the shorter, the faster.
            known = [name for name in trusted(names, package) if name in names]
            model = loads(content, trusted=known)
            check_indices(model)
    # A damaged file may raise anything; so may code of the project's own types.
    except Exception as error:
        what = one_line(f"{type(error).__name__}: {error}")
        raise UserError(
            f"{path}: is not a model to be trusted ({what:.300})"
        ) from error
    return model


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Spare the search for garbage while many objects are made that all stay."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def trusted(names: Iterable[str], package: str | None) -> list[str]:
    """Return TRUSTED, and those of the names that the project's package defines.

    Args:
        names: Types and functions, as skops names them.
        package: The project's own package, or a module in it.
    """
    own = f"{package.partition('.')[0]}." if package else None
    return [
        *TRUSTED,
        *(name for name in names if own and name.startswith(own) and _defined(name)),
    ]


def _defined(name: str) -> bool:
    """Return whether a module defines this, and has not only imported it.

    Else a file could name `subprocess.run` through any module that imports it.
    """
    module, _, attribute = name.rpartition(".")
    try:
        found = getattr(import_module(module), attribute)
    except (ImportError, AttributeError):
        return False
    return getattr(found, "__module__", None) == module


def read_manifest(manifest: Path) -> dict[str, Any]:
    """Return what `save_model` wrote about a model.

    Raises:
        UserError: The file does not describe a model.
    """
    try:
        facts: dict[str, Any] = json.loads(manifest.read_text("utf-8"))
        return facts | {"sha256": facts["sha256"], "versions": dict(facts["versions"])}
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{manifest}: does not describe a model ({error!r})."
            " Fix: run `rml doctor --fix`, or `dvc repro --force train`."
        ) from error


def _versions(packages: Iterable[str]) -> dict[str, str]:
    return {name: _version(name) for name in sorted(packages)}


def _version(package: str) -> str:
    for name in (package, *SAME.get(package, ())):
        with suppress(PackageNotFoundError):
            return version(name)
    return "(not installed)"


def canonical(content: bytes) -> bytes:
    """Return the same .skops file without what differs from run to run.

    Object ids are memory addresses, and members are named by them: both are numbered by
    first appearance. The number of threads is removed. Members of the zip file are
    sorted and have no dates.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as source:
        members = {name: source.read(name) for name in source.namelist()}
    ids: dict[object, int] = {}
    names: dict[str, str] = {}

    def tidy(node: Any) -> Any:
        if isinstance(node, list):
            return [tidy(item) for item in node]
        if isinstance(node, str) and node in members:
            return names.setdefault(node, f"{len(names) + 1}{Path(node).suffix}")
        if not isinstance(node, dict):
            return node
        node = {key: tidy(value) for key, value in node.items()}
        if "__id__" in node:
            # Equal numbers may or may not be one object: each gets its own id.
            same = object() if node["__loader__"] == "JsonNode" else node["__id__"]
            node["__id__"] = ids.setdefault(same, len(ids) + 1)
        if node.get("n_threads", {}).get("__loader__") == "JsonNode":
            # Of HistGradientBoosting; null: as many as the machine has.
            node["n_threads"]["content"] = "null"
        return node

    schema = json.dumps(tidy(json.loads(members.pop("schema.json"))))
    renamed = sorted((names[name], data) for name, data in members.items())
    return _zip({"schema.json": schema.encode()} | dict(renamed))


def _zip(members: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in members.items():
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            archive.writestr(info, data)
    return target.getvalue()
