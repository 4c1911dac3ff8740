"""What a revision says of its results; what cannot be read counts as not there."""

import math
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel, Field, ValidationError

from reproducible_ml.review.revisions import Revision

METRICS = "reports/metrics.json"
EVALUATION = "reports/evaluation.json"
BOOTSTRAP = "reports/bootstrap.json"
LOCK = "dvc.lock"
PARAMS = "params.yaml"

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


class Evaluation(BaseModel):
    """The part of reports/evaluation.json that is compared."""

    metrics: dict[str, Value]
    slices: dict[str, list[Group]] = {}
    classes: list[ClassGroup] = []


class Bootstrap(BaseModel):
    """reports/bootstrap.json: how each metric varies under weightings of the rows."""

    rows: int
    interval_rows: int
    test_set: str
    replicates: dict[str, list[float | None]]


class Results(NamedTuple):
    """All of it, as the files have it."""

    params: dict[str, Any]
    lock: dict[str, Any]
    metrics: dict[str, Any]
    evaluation: Evaluation | None
    bootstrap: Bootstrap | None


NOTHING = Results({}, {}, {}, None, None)


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
