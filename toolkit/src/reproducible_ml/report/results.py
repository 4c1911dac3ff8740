"""Results of a revision, read from its reports, and how those of two revisions compare.

Files that cannot be read count as missing. Metrics of two revisions differ only if they
differ by more than noise.
"""

import math
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, TypeVar

from pydantic import BaseModel, Field, ValidationError

from reproducible_ml.modeling.metrics.metric import Metrics
from reproducible_ml.versioning.dvc import cached_file
from reproducible_ml.versioning.git import Revision
from reproducible_ml.versioning.lock import (
    LOCK,
    locked_hashes,
    locked_outputs,
    locked_stages,
)

MODEL, MANIFEST = "models/model.skops", "models/model.json"

METRICS = "reports/metrics.json"
EVALUATION = "reports/evaluation.json"
BOOTSTRAP = "reports/bootstrap.json"
PARAMS = "params.yaml"

# Keys of `data` that change what a metric means.
QUESTION = ("target", "task", "positive")

Model = TypeVar("Model", bound=BaseModel)

# Replicates of each side that are combined where they are not paired.
COMBINED = 1_000

Interval = tuple[float, float]


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


class Few(BaseModel):
    """Rows of a group that a metric is a share of, where they are few.

    Attributes:
        of: Which rows: all of the group, or its `positives`, `negatives`, `selected`.
        of_class: Of several classes, the one that is meant.
    """

    group: str
    rows: int
    of: str
    of_class: str | None = Field(None, alias="class")


class Gap(BaseModel):
    """How much protected groups differ in a metric.

    Attributes:
        difference: Of the highest and the lowest value.
        ratio: Of the lowest and the highest value, of metrics that are not negative.
        lowest: Group with the lowest value.
        highest: Group with the highest value.
        of_class: Of several classes, the one in which they differ most.
        surest: The groups whose difference has the highest lower end, if above 0.
        few: Groups with few rows, those with the fewest first.
        few_count: Number of all of them.
    """

    difference: Value
    ratio: Value | None = None
    lowest: str | None = None
    highest: str | None = None
    of_class: str | None = Field(None, alias="class")
    surest: tuple[str, str] | None = None
    few: list[Few] = []
    few_count: int = 0


class Protected(BaseModel):
    """Groups by a column of `evaluate.protected`, or by several."""

    groups: list[Group]
    gaps: dict[str, Gap]

    @property
    def smallest(self) -> Group:
        """The group with the fewest test rows."""
        return min(self.groups, key=lambda group: group.rows)


class TooGood(BaseModel):
    """A score that is too good to be true, and that of the strongest single column."""

    metric: Literal["r2", "roc_auc", "accuracy"]
    value: float
    alone: float
    column: str
    features: list[str] = Field(max_length=3)


class TrainedOn(BaseModel):
    """How many of how many training rows a model was trained on."""

    rows: int
    of: int


class Evaluation(BaseModel):
    """The part of reports/evaluation.json that is compared."""

    metrics: dict[str, Value]
    slices: dict[str, list[Group]] = {}
    classes: list[ClassGroup] = []
    protected: dict[str, Protected] = {}
    no_better_than_baseline: list[str] = []
    too_good: TooGood | None = None
    trained_on: TrainedOn | None = None


class Bootstrap(BaseModel):
    """reports/bootstrap.json: how each metric varies under weightings of the rows."""

    rows: int
    interval_rows: int
    interval_group: str | None = None
    test_set: str
    targets: str | None = None
    replicates: dict[str, list[float | None]]

    def other_rows(self, base: "Bootstrap") -> str:
        """Return in words how the test rows differ from those of a base; empty if not.

        Args:
            base: The other one; an older toolkit wrote no `targets`.
        """
        if base.test_set != self.test_set:
            return f"the test set changed: {base.rows} rows before, {self.rows} now"
        if None not in (base.targets, self.targets) and base.targets != self.targets:
            return "the target of some test rows changed"
        return ""


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


def model_hashes(revision: Revision, results: Results) -> dict[str, str]:
    """Return DVC's MD5 of the model, and the SHA-256 in its manifest."""
    sha256 = model_manifest(revision, results).get("sha256", "")
    return {
        "model.md5": locked_outputs(results.lock).get(MODEL, ""),
        "model.sha256": sha256,
    }


def model_manifest(revision: Revision, results: Results) -> dict[str, Any]:
    """Return the manifest of the model, from DVC's cache; empty if it is not there."""
    cached = cached_file(revision.root, locked_outputs(results.lock).get(MANIFEST, ""))
    found = revision.json(MANIFEST) or (
        cached and Revision(cached.parent).json(cached.name)
    )
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
    if head.other_rows(base):
        note = (
            f"The target of some of the {head.rows} test rows changed, so the"
            " differences are unpaired: part of them may be due to the rows."
        )
        return Pairing("unpaired", note)
    if base.interval_rows != head.interval_rows:
        note = "evaluate.interval_rows changed, so the differences are unpaired."
        return Pairing("unpaired", note)
    if base.interval_group != head.interval_group:
        note = "data.group changed, so the differences are unpaired."
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


class Change(NamedTuple):
    """A metric at the base and now.

    Attributes:
        name: Of the metric.
        base: Its value there, None where it is not a finite number.
        head: Its value now.
        interval: 95 % interval of head - base; None where it is unknown.
        verdict: What that means, as "within noise".
    """

    name: str
    base: float | None
    head: float | None
    interval: Interval | None
    verdict: str

    @property
    def is_noise(self) -> bool:
        """Whether the interval says that nothing may have changed."""
        return is_noise(self.interval)


def number(value: Any) -> float | None:
    """Return a finite number as a float, and None for everything else."""
    known = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if known and math.isfinite(value) else None


def difference(
    base: Sequence[float | None], head: Sequence[float | None], *, paired: bool
) -> Interval | None:
    """Return the 95 % interval of head - base, None where no replicate is defined.

    Args:
        base: Replicates; None where the metric is not defined.
        head: Replicates; if paired, of the same weightings in the same order.
        paired: Whether they are pairs; else all combinations are taken.
    """
    import numpy as np

    from reproducible_ml.modeling.scoring.bootstrap import percentile_interval

    old, new = (np.array(values, dtype=np.float64) for values in (base, head))
    old, new = (np.where(np.isfinite(side), side, np.nan) for side in (old, new))
    if paired:
        count = min(len(old), len(new))
        found = percentile_interval(new[:count] - old[:count])
    else:
        combined = np.subtract.outer(new[:COMBINED], old[:COMBINED])
        found = percentile_interval(combined.ravel())
    return found if math.isfinite(found[0]) else None


def compare(
    base: Results, head: Results, metrics: Metrics, wanted: Sequence[str]
) -> list[Change]:
    """Return how each metric changed.

    Args:
        base: Results at the base.
        head: Results now.
        metrics: The known metrics by name.
        wanted: The metrics that params.yaml names.
    """
    pairing = pair(base, head)
    if pairing.kind == "none":
        base = NO_RESULTS
    names = dict.fromkeys([*wanted, *head.metrics, *base.metrics])
    return [
        _compare(str(name), base, head, metrics, pairing.kind, wanted=name in wanted)
        for name in names
    ]


def _compare(
    name: str,
    base: Results,
    head: Results,
    metrics: Metrics,
    kind: str,
    *,
    wanted: bool,
) -> Change:
    old, new = number(base.metrics.get(name)), number(head.metrics.get(name))
    if new is None:
        absent = "missing" if wanted else "removed"
        return Change(
            name, old, None, None, "not a number" if name in head.metrics else absent
        )
    if old is None:
        word = "base is not a number" if name in base.metrics else "new"
        return Change(name, None, new, None, word)
    known = [r.bootstrap and r.bootstrap.replicates.get(name) for r in (base, head)]
    found = None
    if kind != "values" and known[0] and known[1]:
        found = difference(known[0], known[1], paired=kind == "paired")
    better = metrics[name].greater_is_better if name in metrics else None
    return Change(name, old, new, found, change_verdict(new - old, found, better))


def is_noise(interval: Interval | None) -> bool:
    """Return whether an interval of a difference is known and includes 0."""
    return interval is not None and interval[0] <= 0 <= interval[1]


def change_verdict(
    change: float, interval: Interval | None, greater_is_better: bool | None
) -> str:
    """Return what a change means, by its 95 % interval and the better direction."""
    if change == 0 and interval in (None, (0.0, 0.0)):
        return "unchanged"
    if is_noise(interval):
        return "within noise"
    if greater_is_better is None:
        return "changed"
    grew = (interval[0] if interval else change) > 0
    word = "better" if grew == greater_is_better else "worse"
    return word if interval else f"{word}, noise unknown"
