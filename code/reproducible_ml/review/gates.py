"""What the section `gate` of params.yaml asks of the metrics, and the answers."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from reproducible_ml.models.metrics import Metrics
from reproducible_ml.models.summary import show
from reproducible_ml.params import Params
from reproducible_ml.review.compare import Change, number
from reproducible_ml.review.markdown import code
from reproducible_ml.review.results import EVALUATION, METRICS, Group, Results
from reproducible_ml.review.stages import flat

# Misses of a floor that are told one by one.
SHOWN = 10


class Gate(NamedTuple):
    """A condition, whether it holds (None: it could not be looked at), and why."""

    name: str
    passed: bool | None
    words: str


def judge_metrics(
    params: Params, head: Results, changes: Sequence[Change], metrics: Metrics
) -> list[Gate]:
    """Return all gates that are about metrics.

    Args:
        params: With the section `gate`.
        head: Results now.
        changes: How they differ from the base.
        metrics: What is known of each metric by name.
    """
    found = [numbers(params.evaluate.metrics, head.metrics)]
    found.append(_against_base(params, changes, metrics))
    if params.gate.floors:
        missed = [*_missed(head.metrics, params.gate.floors, metrics)]
        found.append(_floors("floors", missed))
    if params.gate.slice_floors:
        missed = [*_missed_by_groups(params, head, metrics)]
        found.append(_floors("floors of groups", missed))
    return found


def numbers(wanted: Sequence[str], found: Mapping[str, Any]) -> Gate:
    """Demand a finite number for every metric, wanted or merely written."""
    written = dict(flat(found))
    wrong = [
        f"{code(name)} is {code(written[name]) if name in written else 'missing'}"
        for name in dict.fromkeys([*wanted, *written])
        if number(written.get(name)) is None
        # Words and lists beside the metrics are no business of ours.
        if name in wanted or isinstance(written[name], float | None)
    ]
    words = (
        f"{METRICS}: {'; '.join(wrong[:SHOWN])}" if wrong else "all are finite numbers"
    )
    return Gate("metrics are numbers", not wrong, words)


def _against_base(params: Params, changes: Sequence[Change], metrics: Metrics) -> Gate:
    """Demand that the metric of the gate is not worse than at the base."""
    gate, name = params.gate, params.gate_metric
    title = f"{code(name)} against the base"
    change = next(change for change in changes if change.name == name)
    if change.head is None:
        return Gate(title, False, f"it is {change.verdict}")
    if change.base is None:
        return Gate(title, True, "the base has none to compare with")
    if name not in metrics:
        return Gate(title, False, "it is no metric of the task: which way is better?")
    sign = 1 if metrics[name].greater_is_better else -1
    loss = (change.base - change.head) * sign
    allowed = f"by {show(loss)}, tolerance {show(gate.tolerance)}"
    if loss <= gate.tolerance:
        return Gate(title, True, f"{change.verdict}{f' {allowed}' if loss > 0 else ''}")
    beyond = change.verdict != "within noise"
    words = f"worse {allowed}; {change.verdict if not beyond else 'more than noise'}"
    if beyond and change.interval is None:
        words = f"worse {allowed}; no interval tells whether it is noise"
    return Gate(title, gate.only_beyond_noise and not beyond, words)


def _missed(
    found: Mapping[str, Any], floors: Mapping[str, float], metrics: Metrics
) -> Iterator[str]:
    """Yield words for each metric that is worse than its floor, or no number."""
    for name, floor in floors.items():
        value = number(found.get(name))
        if value is None or name not in metrics:
            yield f"{code(name)} is not defined"
            continue
        better = metrics[name].greater_is_better
        if value < floor if better else value > floor:
            word = "below" if better else "above"
            yield f"{code(name)} is {show(value)}, {word} {show(floor)}"


def _missed_by_groups(params: Params, head: Results, metrics: Metrics) -> Iterator[str]:
    """Yield words for each group of rows in which a metric is worse than its floor."""
    slices: Mapping[str, list[Group]] = (
        head.evaluation.slices if head.evaluation else {}
    )
    for column, floors in params.gate.slice_floors.items():
        groups = slices.get(column, [])
        if floors and not groups:
            yield f"{EVALUATION} has no groups of {code(column)}"
        for group in groups:
            values = {name: value.value for name, value in group.metrics.items()}
            for words in _missed(values, floors, metrics):
                where = f"{code(column)} {code(group.group)} ({group.rows} rows)"
                yield f"{where}: {words}"


def _floors(title: str, missed: Sequence[str]) -> Gate:
    more = len(missed) - SHOWN
    shown = [*missed[:SHOWN], *([f"and {more} more"] if more > 0 else [])]
    return Gate(title, not missed, "; ".join(shown) or "all are kept")
