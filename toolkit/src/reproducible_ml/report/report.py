"""`rml report`: write reports/report.md, what a change does, for its reviewers."""

import subprocess
from collections.abc import Container, Iterable, Iterator, Sequence
from math import hypot
from pathlib import Path
from typing import NamedTuple

from reproducible_ml.core.files import write_text
from reproducible_ml.core.project import Project
from reproducible_ml.modeling.drawing.summary import (
    describe_no_better,
    describe_too_good,
    format_number,
)
from reproducible_ml.modeling.metrics.metric import Metrics
from reproducible_ml.modeling.scoring.gaps import FEW, MAIN
from reproducible_ml.report import changes, plots
from reproducible_ml.report.gates import GROUP_GAPS, GateResult
from reproducible_ml.report.markdown import (
    MESSAGE,
    bullets,
    code,
    pipeline_graph,
    show_in_terminal,
    table,
)
from reproducible_ml.report.resources import compare_in_report
from reproducible_ml.report.results import (
    NO_RESULTS,
    Change,
    Evaluation,
    Gap,
    Group,
    Interval,
    Results,
    Value,
    change_verdict,
    number,
    pair,
    section,
)
from reproducible_ml.report.review import Review, make_review
from reproducible_ml.versioning.git import find_base

# The metric shown of each class; verdicts with which other metrics are shown as well.
OF_CLASSES = "f1"
MOVED = ("better", "worse")

MET = {True: "yes", False: "**no**", None: "not checked"}

GAPS_NOTE = (
    "Each interval holds for all pairs of groups at once. Which differences matter is"
    " for people to decide."
)

NOTE = (
    "Replicates of groups are not in Git, so these verdicts come from the intervals of"
    " both sides as if they were independent. They detect less than paired ones."
)

REPORT = "reports/report.md"

# A comment on GitHub may have 65,536 characters.
BYTES = 60_000

SHORTENED = "Sections are left out: the report would be too long for a comment."


class Row(NamedTuple):
    """A metric of a group of rows, at the base and now."""

    column: str
    group: str
    rows: int
    metric: str
    is_main: bool
    base: Value
    head: Value

    @property
    def change(self) -> float | None:
        """By how much the metric changed; None where that is unknown."""
        old, new = number(self.base.value), number(self.head.value)
        return None if old is None or new is None else new - old

    def verdict(self, metrics: Metrics) -> str:
        """Return what that means, as "within noise"."""
        if self.change is None:
            return "not defined" if number(self.head.value) is None else "new"
        known = metrics.get(self.metric)
        better = known.greater_is_better if known else None
        return change_verdict(self.change, independent(self.base, self.head), better)


def groups(base: Results, head: Results, metric: str, metrics: Metrics) -> str:
    """Return a table of groups of rows: one metric of all, others where they changed.

    Args:
        base: Results at the base.
        head: Results now.
        metric: The metric to show of all groups; of classes it is OF_CLASSES.
        metrics: The known metrics by name.
    """
    rows = [
        row
        for row in every_row(base.evaluation, head.evaluation, metric)
        if row.is_main or row.verdict(metrics) in MOVED
    ]
    if not rows:
        return "Groups of rows: none in evaluate.slices."
    titles = ["group", "rows", "metric", "base", "now", "change", "95 %", "verdict"]
    return f"{table(titles, (_group_cells(row, metrics) for row in rows))}\n\n{NOTE}"


def protected_groups(base: Results, head: Results, gated: Container[str]) -> str:
    """Return a table of the differences between protected groups; empty without any.

    Args:
        base: Results at the base.
        head: Results now.
        gated: Metrics that a gate limits, which are shown as well.
    """
    old = base.evaluation.protected if base.evaluation else {}
    rows, few = [], []
    for column, found in (head.evaluation.protected if head.evaluation else {}).items():
        for name, gap in found.gaps.items():
            if name not in MAIN and name not in gated:
                continue
            was = old[column].gaps.get(name) if column in old else None
            rows.append(_gap_cells(column, name, was, gap))
        least = found.smallest
        if least.rows < FEW:
            few.append(f"{code(column)} {code(least.group)} has {least.rows} rows.")
    if not rows:
        return ""
    titles = ["by", "metric", "base", "now", "95 %", "ratio", "lowest", "highest"]
    notes = " ".join([GAPS_NOTE, *few])
    return f"{table(titles, rows)}\n\n{notes}"


def _gap_cells(column: str, name: str, was: Gap | None, gap: Gap) -> list[str]:
    of_class = f" of {code(gap.of_class)}" if gap.of_class is not None else ""
    now, ratio = gap.difference, gap.ratio.value if gap.ratio else None
    ends = f"{format_number(now.low)} to {format_number(now.high)}"
    return [
        code(column),
        f"{code(name)}{of_class}",
        format_number(was.difference.value if was else None),
        format_number(now.value),
        ends if now.complete else "-",
        format_number(ratio),
        *(
            code(each) if each is not None else "-"
            for each in (gap.lowest, gap.highest)
        ),
    ]


def every_row(
    base: Evaluation | None, head: Evaluation | None, metric: str
) -> Iterator[Row]:
    """Yield the metrics of all groups and classes that there are now."""
    if head is None:
        return
    old = base.slices if base else {}
    for column, now in head.slices.items():
        yield from _rows(column, old.get(column, ()), now, metric)
    yield from _rows("class", base.classes if base else (), head.classes, OF_CLASSES)


def _rows(
    column: str, old: Sequence[Group], new: Sequence[Group], main: str
) -> Iterator[Row]:
    was = {group.group: group.metrics for group in old}
    for group in new:
        for name, value in group.metrics.items():
            before = was.get(group.group, {}).get(name, Value())
            is_main = name == main
            yield Row(column, group.group, group.rows, name, is_main, before, value)


def _group_cells(row: Row, metrics: Metrics) -> list[str]:
    cells = [f"{code(row.column)} {code(row.group)}", str(row.rows), code(row.metric)]
    cells += [format_number(number(value.value)) for value in (row.base, row.head)]
    moved = "-" if row.change is None else signed(row.change)
    found = ends(independent(row.base, row.head))
    return [*cells, moved, found, row.verdict(metrics)]


def independent(base: Value, head: Value) -> Interval | None:
    """Return an interval of head - base from the interval of each.

    The method of variance estimates recovery (Zou and Donner, "Construction of
    confidence limits about effect measures", Statistics in Medicine 27, 2008).
    """
    if base == head and base.complete:
        return 0.0, 0.0
    if base.complete is None or head.complete is None:
        return None
    (b_low, b, b_high), (h_low, h, h_high) = base.complete, head.complete
    return h - b - hypot(h - h_low, b_high - b), h - b + hypot(h_high - h, b - b_low)


def signed(value: float) -> str:
    """Return a change with its sign."""
    return (
        f"{'+' if value > 0 else '-' if value < 0 else ''}{format_number(abs(value))}"
    )


def ends(interval: Interval | None) -> str:
    """Format an interval of changes; a dash where there is none."""
    return " to ".join(map(signed, interval)) if interval and any(interval) else "-"


def verdict(review: Review) -> str:
    """Return in one line whether results were reproduced and the gates passed."""
    names = ", ".join(gate.name for gate in review.failed)
    gate = "Gate passed."
    if names:
        gate = f"Gate failed: {names}."
    elif not review.reproduction.holds:
        gate = "Gate not decided: these are not the results of this commit."
    if any(g.name == GROUP_GAPS and g.passed is None for g in review.gates):
        gate += f" Not decided: {GROUP_GAPS}."
    line = f"**{review.reproduction.summary} {gate}**"
    if review.reproduction.state == "stale":
        return line
    main = [change for change in review.changes if change.name == review.metric]
    line += "".join(f" {describe(change)}." for change in main)
    worse = [c.name for c in review.changes if c.verdict == "worse" and c not in main]
    return f"{line} Also worse: {', '.join(map(code, worse))}." if worse else line


def describe(change: Change) -> str:
    """Return the change of a metric in words."""
    if change.base is None or change.head is None:
        return f"{code(change.name)} is {format_number(change.head)}, {change.verdict}"
    values = f"from {format_number(change.base)} to {format_number(change.head)}"
    return f"{code(change.name)} went {values}, {change.verdict}"


def reasons(review: Review) -> Iterator[str]:
    """Yield what was not reproduced, and how to fix it."""
    yield bullets(review.reproduction.reasons)
    if review.reproduction.fix:
        yield f"Fix: {review.reproduction.fix}."


def gates(review: Review) -> str:
    """Return a table of all conditions."""
    rows = [[gate.name, _met(gate), gate.reason] for gate in review.gates]
    text = table(["gate", "met", "why"], rows)
    asked = [section(results.params, "gate") for results in (review.old, review.new)]
    if asked[0] and asked[0] != asked[1]:
        text += "\n\n**The gate itself was changed**: see the parameters."
    return text


def _met(gate: GateResult) -> str:
    """Return whether a gate passed; of groups, all is checked, but not all decided."""
    if gate.name == GROUP_GAPS and gate.passed is None:
        return "not decided"
    return MET[gate.passed]


def _compared(review: Review) -> str:
    """Return which rows both models were scored on; empty if those of the reports."""
    if review.same_rows:
        return review.same_rows.note
    if review.obstacle:
        return (
            f"{pair(review.old, review.new).note} The model of the base was not scored"
            f" on the rows of now: {code(review.obstacle, MESSAGE)}."
        )
    return ""


def metrics(
    old: Results,
    new: Results,
    found: Sequence[Change],
    known: Metrics,
    compared: str = "",
) -> str:
    """Return a table of all metrics at the base and now.

    Args:
        old: Results at the base.
        new: Results now.
        found: How each metric changed.
        known: The known metrics by name.
        compared: A note on the rows; by default how the replicates compare.
    """
    titles = ["metric", "base", "now", "change", "95 % interval", "verdict"]
    rows = [_cells(change, known) for change in found]
    note = f"{compared or pair(old, new).note} ↑ higher is better, ↓ lower is better."
    return "\n\n".join([table(titles, rows), note, *_parts(old, new)])


def _parts(old: Results, new: Results) -> list[str]:
    """Return what share of the training rows each model knows, if not all."""
    found = [each.evaluation and each.evaluation.trained_on for each in (old, new)]
    if not any(found):
        return []
    known = [
        f"on {each.rows:,} of {each.of:,} training rows" if each else "on all of them"
        for each in found
    ]
    before = f"; that of the base {known[0]}" if old.evaluation else ""
    return [f"**Warning**: the model was trained {known[1]}{before}."]


def _cells(change: Change, known: Metrics) -> list[str]:
    metric = known.get(change.name)
    arrow = "" if metric is None else " ↑" if metric.greater_is_better else " ↓"
    cells = [
        f"{code(change.name)}{arrow}",
        format_number(change.base),
        format_number(change.head),
    ]
    if change.base is None or change.head is None:
        return [*cells, "-", "-", change.verdict]
    difference = signed(change.head - change.base)
    return [*cells, difference, ends(change.interval), change.verdict]


def comparable(review: Review) -> Review:
    """Return the review without the results at the base if they are not comparable."""
    other = pair(review.old, review.new).kind == "none"
    return review._replace(old=NO_RESULTS) if other else review


def sections(review: Review, base: str) -> Iterator[str]:
    """Yield the sections of text and tables."""
    yield verdict(review)
    yield f"Compared with {base}."
    yield from reasons(review)
    yield gates(review)
    yield "### Metrics"
    yield metrics(
        review.old, review.new, review.changes, review.metrics, _compared(review)
    )
    if now := review.new.evaluation:
        if worse := now.no_better_than_baseline:
            yield f"**Warning**: {describe_no_better(worse, code)}"
        if now.too_good:
            yield f"**Warning**: {describe_too_good(now.too_good.model_dump(), code)}"
    yield "### Parameters, data, code"
    if review.base is None or not review.old.lock:
        yield "The base has no dvc.lock, so everything is new."
    else:
        yield changes.params(review.old, review.new)
        yield changes.tables(review.base, review.head, review.old, review.new)
        yield changes.contract(review.base, review.head)
        yield changes.stages(review.old, review.new)
        yield changes.packages(review.base, review.head)
    yield from compare_in_report(review.base, review.head)
    yield "### Groups of rows"
    same = comparable(review)
    yield groups(same.old, same.new, same.metric, same.metrics)
    gated = section(review.new.params, "gate").get("max_group_gap") or {}
    if text := protected_groups(same.old, same.new, gated):
        yield "### Protected groups"
        yield text


def question(results: Results) -> str:
    """Return what is predicted, in words."""
    data = section(results.params, "data")
    target, positive = data.get("target"), data.get("positive")
    if target is None:
        return ""
    known = data.get("task", "binary") == "binary" and positive is not None
    positive_class = f", positive class: {code(positive)}" if known else ""
    return f"Target: {code(target)}{positive_class}."


def pictures(review: Review) -> Iterator[str]:
    """Yield the sections with diagrams."""
    yield "### Plots"
    yield question(review.new)
    same = comparable(review).old is not NO_RESULTS
    yield from plots.draw(review.base if same else None, review.head)
    yield pipeline_graph(review.head.root)


def fit_comment(parts: Iterable[str], size: int = BYTES) -> str:
    """Join sections; those that do not fit into `size` bytes are left out."""
    kept = []
    room = size - len(SHORTENED) - 1
    wanted = [*filter(None, parts)]
    for part in wanted:
        needed = len(part.encode()) + 2
        if needed <= room:
            kept.append(part)
            room -= needed
    return (
        "\n\n".join([*kept, *([SHORTENED] if len(kept) < len(wanted) else [])]) + "\n"
    )


def describe_base(root: Path, commit: str | None, wanted: str | None) -> str:
    """Return the base as text: hash, name and subject."""
    if commit is None:
        return "nothing: there is no commit before"
    log = ["git", "-C", str(root), "log", "-1", "--format=%s", commit]
    subject = subprocess.check_output(log, encoding="utf-8", errors="replace").strip()
    name = f" ({code(wanted)})" if wanted else ""
    return f"{code(commit[:10])}{name}, {code(subject)}"


def write_report(project: Project, wanted: str | None, *, offline: bool) -> bool:
    """Write reports/report.md, print it without diagrams, return whether it passes.

    Args:
        project: The repository, after `dvc repro`.
        wanted: Branch, tag or commit to compare with; None: where the branch left main.
        offline: Do not contact the remote storage.
    """
    root = project.root
    base = find_base(root, wanted)
    review = make_review(project, base, offline=offline, asked=bool(wanted))
    words = [*sections(review, describe_base(root, base, wanted))]
    write_text(fit_comment([*words, *pictures(review)]), root / REPORT)
    show_in_terminal(fit_comment(words), f"With plots: {REPORT}\n")
    return review.passed
