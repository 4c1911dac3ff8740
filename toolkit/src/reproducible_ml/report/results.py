"""Results of a revision, read from its reports, and whether two are comparable.

Files that cannot be read count as missing.
"""

import math
from typing import Any, Literal, NamedTuple, TypeVar

from pydantic import BaseModel, Field, ValidationError

from reproducible_ml.versioning.git import Revision
from reproducible_ml.versioning.lock import LOCK, locked_hashes, locked_stages

METRICS = "reports/metrics.json"
EVALUATION = "reports/evaluation.json"
BOOTSTRAP = "reports/bootstrap.json"
PARAMS = "params.yaml"

# Keys of `data` that change what a metric means.
QUESTION = ("target", "task", "positive")

Model = TypeVar("Model", bound=BaseModel)


class Value(BaseModel):
    """A metric and the ends of its 95 % interval."""

    value: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def complete(self) -> tuple[float, float, float] | None:
        """Lower end, value and upper end, if all three are finite."""
        if self.low is None or self.value is None or self.high is None:
            return None
        found = (self.low, self.value, self.high)
        return found if all(map(math.isfinite, found)) else None


class Group(BaseModel):
    """Some rows, and the metrics of these alone."""

    group: str
    rows: int
    metrics: dict[str, Value]


class ClassGroup(Group):
    """The rows of a class."""

    group: str = Field(alias="class")


class TooGood(BaseModel):
    """A score that is too good to be true, and that of the strongest single column."""

    metric: Literal["r2", "roc_auc", "accuracy"]
    value: float
    alone: float
    column: str
    features: list[str] = Field(max_length=3)


class Evaluation(BaseModel):
    """The part of reports/evaluation.json that is compared."""

    metrics: dict[str, Value]
    slices: dict[str, list[Group]] = {}
    classes: list[ClassGroup] = []
    too_good: TooGood | None = None


class Bootstrap(BaseModel):
    """reports/bootstrap.json: how each metric varies under weightings of the rows."""

    rows: int
    interval_rows: int
    test_set: str
    replicates: dict[str, list[float | None]]


class Results(NamedTuple):
    """Contents of the files; empty or None where one is missing."""

    params: dict[str, Any]
    lock: dict[str, Any]
    metrics: dict[str, Any]
    evaluation: Evaluation | None
    bootstrap: Bootstrap | None


NO_RESULTS = Results({}, {}, {}, None, None)


def read_results(revision: Revision) -> Results:
    """Return the results of a revision."""
    metrics = revision.json(METRICS)
    return Results(
        revision.yaml(PARAMS),
        revision.yaml(LOCK),
        metrics if isinstance(metrics, dict) else {},
        _read(revision, EVALUATION, Evaluation),
        _read(revision, BOOTSTRAP, Bootstrap),
    )


def _read(revision: Revision, path: str, kind: type[Model]) -> Model | None:
    try:
        return kind.model_validate(revision.json(path))
    except ValidationError:
        return None


def section(params: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a section of params.yaml, empty if it is not one."""
    found = params.get(name)
    return found if isinstance(found, dict) else {}


class Pairing(NamedTuple):
    """How the replicates of two revisions can be compared, and a note on it.

    `values`: there are no replicates, so only values are compared; `none`: not even
    these.
    """

    kind: Literal["paired", "unpaired", "values", "none"]
    note: str


def pair(base: Results, head: Results) -> Pairing:
    """Return how the replicates compare: in pairs if the test rows are the same."""
    if not base.metrics:
        return Pairing("none", "The base has no metrics to compare with.")
    asked = [section(results.params, "data") for results in (base, head)]
    other = [f"data.{n}" for n in QUESTION if asked[0].get(n) != asked[1].get(n)]
    if other:
        note = (
            f"{', '.join(other)} changed, so the metrics mean something else and cannot"
            " be compared."
        )
        return Pairing("none", note)
    if base.bootstrap is None or head.bootstrap is None:
        return Pairing(
            "values", "One side has no replicates, so there are no intervals."
        )
    return _pair(base.bootstrap, head.bootstrap, same_table(base, head))


def _pair(base: Bootstrap, head: Bootstrap, same: bool) -> Pairing:
    if base.test_set != head.test_set:
        note = (
            f"The test set changed ({base.rows} rows at the base, {head.rows} now), so"
            " the differences are unpaired: part of them may be due to the rows."
        )
        return Pairing("unpaired", note)
    if base.interval_rows != head.interval_rows:
        note = "evaluate.interval_rows changed, so the differences are unpaired."
        return Pairing("unpaired", note)
    note = f"Intervals of paired differences on the same {head.rows} test rows"
    but = "" if same else ", some values or parts of which changed"
    return Pairing("paired", f"{note}{but}.")


def same_table(base: Results, head: Results) -> bool:
    """Return whether both lock files have the same hash of the test table."""
    found = [
        {path: md5 for path, md5 in outs.items() if path.endswith("/test")}
        for outs in (
            locked_hashes(locked_stages(r.lock).get("split", {}), "outs")
            for r in (base, head)
        )
    ]
    return bool(found[0]) and list(found[0].values()) == list(found[1].values())
