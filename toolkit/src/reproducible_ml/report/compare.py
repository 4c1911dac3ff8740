"""Whether the metrics of two revisions differ by more than noise."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from reproducible_ml.modeling.metrics.metric import Metrics
from reproducible_ml.report.results import NO_RESULTS, Results, pair

# Replicates of each side that are combined where they are not paired.
COMBINED = 1_000

Interval = tuple[float, float]


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
