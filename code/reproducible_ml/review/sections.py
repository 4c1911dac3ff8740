"""The parts of the report, from the verdict to the pictures."""

from collections.abc import Iterator, Sequence

from reproducible_ml.models.metrics import Metrics
from reproducible_ml.models.summary import show
from reproducible_ml.review import changes, data, groups, plots
from reproducible_ml.review.compare import Change
from reproducible_ml.review.graph import graph
from reproducible_ml.review.markdown import bullets, code, table
from reproducible_ml.review.pairing import pair
from reproducible_ml.review.results import NOTHING, Results, section
from reproducible_ml.review.review import Review

HOLDS = {True: "yes", False: "**no**", None: "not looked at"}


def verdict(review: Review) -> str:
    """Return in one line whether results came back and the gate lets them pass."""
    names = ", ".join(gate.name for gate in review.failed)
    gate = f"Gate failed: {names}." if names else "Gate passed."
    told = [change for change in review.changes if change.name == review.metric]
    metric = "".join(f" {moved(change)}." for change in told)
    return f"**{review.truth.words} {gate}**{metric}"


def moved(change: Change) -> str:
    """Return what became of a metric, in words."""
    if change.base is None or change.head is None:
        return f"{code(change.name)} is {show(change.head)}, {change.verdict}"
    values = f"from {show(change.base)} to {show(change.head)}"
    return f"{code(change.name)} went {values}, {change.verdict}"


def reasons(review: Review) -> Iterator[str]:
    """Yield what differs from the commit, and what to do."""
    yield bullets(review.truth.reasons)
    if review.truth.fix:
        yield f"Fix: {review.truth.fix}."


def gates(review: Review) -> str:
    """Return a table of all conditions."""
    rows = [[gate.name, HOLDS[gate.passed], gate.words] for gate in review.gates]
    text = table(["gate", "holds", "why"], rows)
    asked = [section(results.params, "gate") for results in (review.old, review.new)]
    if asked[0] and asked[0] != asked[1]:
        text += "\n\n**The gate itself was changed**: see the parameters."
    return text


def metrics(old: Results, new: Results, found: Sequence[Change], known: Metrics) -> str:
    """Return a table of all metrics at the base and now.

    Args:
        old: Results at the base.
        new: Results now.
        found: How each metric changed.
        known: What is known of each metric by name.
    """
    titles = ["metric", "base", "now", "change", "95 % interval", "verdict"]
    rows = [_cells(change, known) for change in found]
    note = f"{pair(old, new).words} ↑ higher is better, ↓ lower is."
    return f"{table(titles, rows)}\n\n{note}"


def _cells(change: Change, known: Metrics) -> list[str]:
    metric = known.get(change.name)
    arrow = "" if metric is None else " ↑" if metric.greater_is_better else " ↓"
    cells = [f"{code(change.name)}{arrow}", show(change.base), show(change.head)]
    if change.base is None or change.head is None:
        return [*cells, "-", "-", change.verdict]
    difference = groups.signed(change.head - change.base)
    return [*cells, difference, groups.ends(change.interval), change.verdict]


def comparable(review: Review) -> Review:
    """Return the review without results at the base that answer another question."""
    other = pair(review.old, review.new).kind == "none"
    return review._replace(old=NOTHING) if other else review


def sections(review: Review, base: str) -> Iterator[str]:
    """Yield the parts of the report that are words and tables."""
    yield verdict(review)
    yield f"Compared with {base}."
    yield from reasons(review)
    yield gates(review)
    yield "### Metrics"
    yield metrics(review.old, review.new, review.changes, review.metrics)
    yield "### Parameters, data, code"
    if review.base is None or not review.old.lock:
        yield "The base has no pipeline: everything is new."
    else:
        yield changes.params(review.old, review.new)
        yield data.tables(review.base, review.head, review.old, review.new)
        yield data.contract(review.base, review.head)
        yield changes.stages(review.old, review.new)
        yield changes.packages(review.base, review.head)
    yield "### Groups of rows"
    same = comparable(review)
    yield groups.groups(same.old, same.new, same.metric, same.metrics)


def pictures(review: Review) -> Iterator[str]:
    """Yield the parts of the report that have to be drawn."""
    yield "### Plots"
    same = comparable(review).old is not NOTHING
    yield from plots.draw(review.base if same else None, review.head)
    yield graph(review.head.root)
