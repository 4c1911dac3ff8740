"""How good each version of the model was on its test rows, when it was registered."""

from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from reproducible_ml.core.errors import UserError
from reproducible_ml.registry.tags import read_registry
from reproducible_ml.report.results import (
    PARAMS,
    QUESTION,
    Bootstrap,
    Evaluation,
    Results,
    model_manifest,
    number,
    read_results,
    section,
)
from reproducible_ml.versioning.git import Revision

Floats = npt.NDArray[np.float64]


class Registered(NamedTuple):
    """A version and its results.

    Attributes:
        name: Such as v1.2.0, or `working tree`.
        metrics: Values by name.
        bootstrap: Their replicates; None: there are none.
        evaluation: Their intervals, and groups of rows.
        threshold: Probability from which the positive class is predicted; None: there
            is no such thing.
    """

    name: str
    metrics: dict[str, float]
    bootstrap: Bootstrap | None
    evaluation: Evaluation | None
    threshold: float | None

    def replicates(self, metric: str) -> Floats | None:
        """Return the replicates of a metric, NaN where undefined; None for none."""
        if self.bootstrap is None or metric not in self.metrics:
            return None
        found = self.bootstrap.replicates.get(metric)
        return None if not found else np.array(found, dtype=np.float64)


def find_registered(root: Path, versions: Collection[str]) -> dict[str, Registered]:
    """Return the results of each version that is registered, or in the working tree.

    They are read from Git, at the commit of the version. Results of another question
    (target, task, positive class) are left out.

    Args:
        root: Of the repository.
        versions: The `model_version` of each.
    """
    try:
        registered = [(v.name, v.commit) for v in read_registry(root).versions]
    except UserError:
        registered = []  # such as a clone without tags
    data = section(Revision(root).yaml(PARAMS), "data")
    found: dict[str, Registered] = {}
    for name, commit in [("working tree", None), *registered]:
        revision = Revision(root, commit)
        results = read_results(revision)
        manifest = model_manifest(revision, results)
        version = str(manifest.get("sha256", ""))[:12]
        asked = section(results.params, "data")
        if version in versions and all(asked.get(n) == data.get(n) for n in QUESTION):
            found[version] = _registered(name, results, manifest.get("threshold"))
    return found


def _registered(name: str, results: Results, threshold: object) -> Registered:
    values = {key: number(value) for key, value in results.metrics.items()}
    return Registered(
        name,
        {key: value for key, value in values.items() if value is not None},
        results.bootstrap,
        results.evaluation,
        number(threshold),
    )
