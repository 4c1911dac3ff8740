"""Keep a model as a file that runs no code when loaded and is the same every time."""

import hashlib
import io
import json
import zipfile
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from reproducible_ml.core.errors import UserError
from reproducible_ml.core.files import replacing, write_json

# What a model file may hold besides what skops trusts by itself. Reviewed by people:
# add a type only if you know that making one runs no code from the file.
TRUSTED = (
    "functools.partial",
    "numpy.dtype",
    "reproducible_ml.modeling.model.transformers.Calendar",
    "reproducible_ml.modeling.model.transformers.CategoryCodes",
    "reproducible_ml.modeling.model.transformers.CategoryColumns",
    "reproducible_ml.modeling.model.transformers.Clip",
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
)

# A model of another version of these may not load, or may answer differently.
PACKAGES = ("numpy", "scikit-learn", "skops")


def save_model(
    model: Any,
    path: Path,
    manifest: Path,
    facts: dict[str, Any],
    package: str | None = None,
) -> None:
    """Write the model, and beside it what it was made of and how to recognise it.

    Args:
        model: Fitted scikit-learn estimator.
        path: Where to write the .skops file.
        manifest: Where to write the JSON with versions, SHA-256 and `facts`.
        facts: What else to keep about the model, fit for JSON.
        package: Of the project; its own types are trusted.

    Raises:
        UserError: The model holds a type that `load_model` would refuse.
    """
    from skops.io import dumps, get_untrusted_types

    content = canonical(dumps(model))
    found = get_untrusted_types(data=content)
    if strange := sorted({*found} - {*trusted(found, package)}):
        raise UserError(
            f"the model holds {', '.join(strange)}, which is not trusted on load. If"
            " you trust it, add it to TRUSTED in the toolkit's modeling/model/store.py."
        )
    with replacing(path) as temporary:
        temporary.write_bytes(content)
    recognised = {
        "sha256": hashlib.sha256(content).hexdigest(),
        "versions": _versions(),
    }
    write_json(facts | recognised, manifest)


def load_model(path: Path, manifest: Path, package: str | None = None) -> Any:
    """Return the model, or raise UserError if it is not the one that was saved.

    Types of the project's own package are trusted: they are code of the same commit.
    """
    from skops.io import get_untrusted_types, loads
    from skops.io.exceptions import UntrustedTypesFoundException

    content = path.read_bytes()
    expected = _read_manifest(manifest)
    if hashlib.sha256(content).hexdigest() != expected["sha256"]:
        raise UserError(
            f"{path}: is not the model that {manifest} describes (its SHA-256 differs)."
            " Run `dvc checkout`, or `dvc repro --force train`."
        )
    differing = [
        f"{name} {found} instead of {expected['versions'].get(name)}"
        for name, found in _versions().items()
        if found != expected["versions"].get(name)
    ]
    if differing:
        raise UserError(
            f"{path}: was made with other versions: {', '.join(differing)}."
            " Run `make setup` at the commit of the model, or train again."
        )
    try:
        found = get_untrusted_types(data=content)
        return loads(content, trusted=trusted(found, package))
    except (UntrustedTypesFoundException, ValueError, zipfile.BadZipFile) as error:
        raise UserError(f"{path}: is no model to be trusted ({error})") from error


def trusted(types: Iterable[str], package: str | None) -> list[str]:
    """Return TRUSTED, and those of the types that the project's package defines."""
    own = f"{package.partition('.')[0]}." if package else None
    return [*TRUSTED, *(name for name in types if own and name.startswith(own))]


def _read_manifest(manifest: Path) -> dict[str, Any]:
    try:
        facts = json.loads(manifest.read_text("utf-8"))
        return {"sha256": facts["sha256"], "versions": facts["versions"]}
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{manifest}: does not describe a model ({error!r})."
            " Run `dvc checkout`, or `dvc repro --force train`."
        ) from error


def _versions() -> dict[str, str]:
    return {name: version(name) for name in PACKAGES}


def canonical(content: bytes) -> bytes:
    """Return the same .skops file without what differs from run to run.

    Object ids are memory addresses, and files are named by them: both are numbered in
    the order they appear. The number of threads is forgotten. Members of the zip file
    are sorted, without dates.
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
            # Whether equal numbers are one object is chance: each gets its own id.
            same = object() if node["__loader__"] == "JsonNode" else node["__id__"]
            node["__id__"] = ids.setdefault(same, len(ids) + 1)
        if node.get("n_threads", {}).get("__loader__") == "JsonNode":
            # Of HistGradientBoosting; null stands for all that the machine has.
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
