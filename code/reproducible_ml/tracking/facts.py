"""Parameters, metrics and hashes of a result, in the form that MLflow takes."""

import json
import re
from collections.abc import Iterable
from itertools import count
from typing import Any, TypeVar

from reproducible_ml.review.compare import number
from reproducible_ml.review.results import Results
from reproducible_ml.review.revisions import Revision
from reproducible_ml.review.stages import flat, outputs

MODEL = "models/model.skops"
MANIFEST = "models/model.json"

# What no name of a parameter or a metric may hold, and how long it may be.
STRANGE = re.compile(r"[^\w.\- ]")
LENGTH = 250

Value = TypeVar("Value")


def params(results: Results) -> dict[str, str]:
    """Return each parameter by its dotted key; lists and what is no text as JSON."""
    return named((key, _text(value)) for key, value in flat(results.params))


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)


def metrics(results: Results) -> dict[str, float]:
    """Return each metric that is a finite number, and the ends of its interval."""
    found = dict(flat(results.metrics))
    if results.evaluation:
        for name, value in results.evaluation.metrics.items():
            found |= {f"{name}_low": value.low, f"{name}_high": value.high}
    finite = ((name, number(value)) for name, value in found.items())
    return named((name, value) for name, value in finite if value is not None)


def undefined(results: Results) -> str:
    """Return the names of metrics that are no finite number."""
    found = flat(results.metrics)
    return ", ".join(sorted(name for name, value in found if number(value) is None))


def named(items: Iterable[tuple[str, Value]]) -> dict[str, Value]:
    """Return the values by names that MLflow takes; two never get the same one."""
    found: dict[str, Value] = {}
    for name, value in items:
        clean = STRANGE.sub("_", name)
        endings = (f" {number}" if number > 1 else "" for number in count(1))
        names = (f"{clean[: LENGTH - len(ending)]}{ending}" for ending in endings)
        found[next(name for name in names if name not in found)] = value
    return found


def model_hashes(revision: Revision, results: Results) -> dict[str, str]:
    """Return the MD5 by which DVC knows the model, and the SHA-256 of its manifest."""
    known = outputs(results.lock)
    manifest = revision.json(MANIFEST) or _cached(revision, known.get(MANIFEST, ""))
    sha256 = manifest.get("sha256", "") if isinstance(manifest, dict) else ""
    return {"model.md5": known.get(MODEL, ""), "model.sha256": sha256}


def _cached(revision: Revision, md5: str) -> Any:
    """Return a JSON file of a commit, which is not in Git, from DVC's cache."""
    path = f".dvc/cache/files/md5/{md5[:2]}/{md5[2:]}"
    return Revision(revision.root).json(path)
