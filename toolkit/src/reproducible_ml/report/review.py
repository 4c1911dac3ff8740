"""Review of a change: results at the base and now, reproduction and gates."""

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Literal, NamedTuple

from reproducible_ml.core.errors import UserError, one_line
from reproducible_ml.core.inputs import find_changed, recorded_hashes
from reproducible_ml.core.project import Project
from reproducible_ml.modeling.metrics.metric import DECIMALS, Metric, Metrics
from reproducible_ml.report.gates import (
    GateResult,
    base_status,
    check_gates,
    remote_status,
)
from reproducible_ml.report.markdown import MESSAGE, code, listed
from reproducible_ml.report.results import (
    NO_RESULTS,
    PARAMS,
    Change,
    Results,
    compare,
    number,
    read_results,
    section,
)
from reproducible_ml.report.same_rows import (
    NotComparableError,
    SameRows,
    score_same_rows,
)
from reproducible_ml.verify.rebuild import NUMERIC
from reproducible_ml.versioning.git import Revision, changed_files
from reproducible_ml.versioning.lock import (
    LOCK,
    Difference,
    compare_locks,
    find_ignored_dependencies,
    find_outdated,
    locked_dependencies,
    locked_outputs,
)

REPORTS = "reports/"

# A CI server starts without results; elsewhere, nobody knows when they were made.
REBUILT = "Reproduced, bit for bit."
AGREE = "Results, dvc.lock and commit agree."

COMMIT = "`make repro && git add dvc.lock reports && git commit`"


class Reproduction(NamedTuple):
    """Whether results were reproduced, and a line for each reason why not.

    `stale`: the pipeline did not run, or failed. `uncommitted`: it ran on inputs that
    are not committed. `different`: it makes other results than the committed ones.
    """

    state: Literal["equal", "rounding", "stale", "uncommitted", "different"]
    summary: str
    reasons: tuple[str, ...] = ()
    fix: str = ""

    @property
    def holds(self) -> bool:
        """Whether the committed results can be trusted."""
        return self.state in ("equal", "rounding")


def check_reproduction(
    committed: Results,
    rebuilt: Results,
    stale: Sequence[tuple[str, str]],
    files: Sequence[str],
    tolerance: float,
    metrics: Metrics,
) -> Reproduction:
    """Compare the results in the working tree with the committed ones.

    Args:
        committed: Results as they are in Git.
        rebuilt: Results after the run.
        stale: Stage and reason, where the pipeline is not up to date.
        files: All files that differ from HEAD.
        tolerance: Relative difference of metrics that counts as rounding.
        metrics: The known metrics by name.
    """
    if stale:
        lines = [f"{code(stage)}: {code(summary, MESSAGE)}" for stage, summary in stale]
        summary = "Not reproduced: the pipeline is not up to date, or a stage failed."
        return Reproduction(
            "stale",
            summary,
            tuple(lines),
            "run `make repro` and solve the errors that it prints",
        )
    found = compare_locks(committed.lock, rebuilt.lock)
    reports = [name for name in files if name.startswith(REPORTS)]
    reasons = _reasons(found, reports)
    if edited := edited_inputs(rebuilt, files):
        summary = f"Not committed: {listed(edited)} and the results made with it."
        return Reproduction(
            "uncommitted", summary, reasons, "`git add --all && git commit`"
        )
    if not reasons:
        return Reproduction("equal", REBUILT if os.environ.get("CI") else AGREE)
    close = agree(committed.metrics, rebuilt.metrics, tolerance, metrics)
    if close and is_numeric(found, reports):
        return Reproduction(
            "rounding", "Reproduced, up to rounding on another processor.", reasons
        )
    summary = (
        "Not reproduced: the pipeline makes other results than the committed ones."
    )
    return Reproduction("different", summary, reasons, COMMIT)


def _reasons(found: Sequence[Difference], reports: Sequence[str]) -> tuple[str, ...]:
    """Return a line for each stage that differs, else one for the reports."""
    lines = []
    for stage, inputs, upstream, outputs, only_in in found:
        because = inputs or upstream
        what = f"changed: {listed(because)}" if because else "same inputs"
        if only_in:
            what = f"is {'not' if only_in == 'new' else 'only'} in the committed {LOCK}"
        made = f"; different results: {listed(outputs)}" if outputs else ""
        lines.append(f"{code(stage)}: {what}{made}")
    if reports and not found:
        lines.append(f"not as committed: {listed(reports)}")
    return tuple(lines)


def edited_inputs(rebuilt: Results, files: Sequence[str]) -> list[str]:
    """Return those files that the pipeline reads, but does not write."""
    lock = rebuilt.lock
    read = locked_dependencies(lock) - locked_outputs(lock).keys()
    read |= {PARAMS, "dvc.yaml"}
    return [
        name
        for name in files
        if {name, name.removesuffix(".dvc"), *map(str, PurePosixPath(name).parents)}
        & read
    ]


def is_numeric(found: Sequence[Difference], reports: Sequence[str]) -> bool:
    """Return whether only the model, and what was computed with it, differs."""
    made = {path for difference in found for path in difference.outputs}
    return all(
        difference.stage in NUMERIC and not difference.inputs and not difference.only_in
        for difference in found
    ) and all(
        any(name == path or name.startswith(f"{path}/") for path in made)
        for name in reports
    )


def agree(
    old: Mapping[str, Any], new: Mapping[str, Any], tolerance: float, metrics: Metrics
) -> bool:
    """Return whether both have the same metrics, equal within a relative tolerance."""
    names = old.keys() | new.keys()
    return bool(names) and all(
        _close(
            number(old.get(name)), number(new.get(name)), tolerance, metrics.get(name)
        )
        for name in names
    )


def _close(
    old: float | None, new: float | None, tolerance: float, metric: Metric | None
) -> bool:
    if old is None or new is None:
        return False
    # The last stored decimal may differ as well.
    last = 10**-DECIMALS if metric and not metric.in_unit_of_target else 0.0
    return math.isclose(old, new, rel_tol=tolerance, abs_tol=1.5 * last)


def known_metrics(project: Project, task: str) -> Metrics:
    """Return the project's metrics of a task; for multiclass also those per class."""
    # scikit-learn takes a second to import.
    from reproducible_ml.modeling.metrics.multiclass import PER_CLASS

    known: Metrics = project.metrics(task)
    return {**PER_CLASS, **known} if task == "multiclass" else known


def gate_metric(params: Any) -> str:
    """Return the metric that a change must not make worse."""
    return str(params.gate.metric or params.evaluate.metrics[0])


class Review(NamedTuple):
    """Comparison of a base commit with the working tree.

    Attributes:
        base: Files at the base, None if there is no commit before.
        head: Files in the working tree.
        old: Results at the base.
        new: Results in the working tree.
        metric: The metric shown for groups of rows.
        metrics: The known metrics by name.
        changes: How each metric changed.
        reproduction: Whether the results were reproduced.
        gates: All other conditions.
        same_rows: Both models on the same rows, if the test rows changed; `old` and
            `new` are then theirs.
        obstacle: Why the model of the base was not scored on the test rows of now.
    """

    base: Revision | None
    head: Revision
    old: Results
    new: Results
    metric: str
    metrics: Metrics
    changes: Sequence[Change]
    reproduction: Reproduction
    gates: Sequence[GateResult]
    same_rows: SameRows | None = None
    obstacle: str = ""

    @property
    def passed(self) -> bool:
        """Whether the results were reproduced and no gate failed."""
        return self.reproduction.holds and not self.failed

    @property
    def failed(self) -> list[GateResult]:
        """The gates that are not met."""
        return [gate for gate in self.gates if gate.passed is False]


def make_review(
    project: Project,
    base: str | None,
    *,
    offline: bool,
    asked: bool = False,
    stored: bool = True,
) -> Review:
    """Compare the working tree with a commit.

    Args:
        project: The repository.
        base: The hash of the commit; None if there is none before.
        offline: Do not contact the remote storage.
        asked: Whether the user named the base.
        stored: Whether outputs have to be on the remote by now.
    """
    root = project.root
    before, head = Revision(root, base) if base else None, Revision(root)
    old, new = read_results(before) if before else NO_RESULTS, read_results(head)
    gates: list[GateResult] = []
    metrics: Metrics = {}
    try:
        task = section(new.params, "data").get("task", "binary")
        metrics = known_metrics(project, task)
        params = project.params()
    except (UserError, OSError) as error:
        params = None
        words = str(error).replace(f"{root}/", "")
        gates.append(GateResult(f"{PARAMS} can be read", False, code(words, MESSAGE)))
    same, obstacle = None, ""
    if params and before:
        try:
            same = score_same_rows(
                project, before, old, new, params, metrics, offline=offline
            )
        except NotComparableError as error:
            obstacle = one_line(str(error))
    was, now = (same.old, same.new) if same else (old, new)
    found = compare(was, now, metrics, params.evaluate.metrics if params else ())
    if params:
        # Floors and groups are about all test rows.
        gates += check_gates(params.gate, params.evaluate.metrics, new, found, metrics)
    others = [remote_status(root, offline=offline) if stored else None]
    if not asked:
        others.append(base_status(root, base))
    return Review(
        before,
        head,
        was,
        now,
        gate_metric(params) if params else "",
        metrics,
        found,
        _check_reproduction(root, new, params, metrics),
        [*gates, *filter(None, others)],
        same,
        obstacle,
    )


def _check_reproduction(
    root: Path, new: Results, params: Any, metrics: Metrics
) -> Reproduction:
    """Check that the results in the working tree are the committed ones."""
    try:
        stale = find_outdated(root, data=True)
    except UserError as error:
        stale = [("dvc.yaml", str(error))]
    if ignored := find_ignored_dependencies(root):
        return Reproduction(
            "uncommitted",
            f"Not committed, because Git ignores it: {listed(ignored)}, which a stage"
            " depends on. A clone of this commit would not have it.",
            (),
            "`dvc add` for data, `git add --force` for other files, then commit; or"
            " move it to another folder",
        )
    hashed = params and params.compute.check_inputs and not stale
    if hashed and (changed := _changed_data(root)):
        return Reproduction(
            "stale",
            "Not reproduced: data are not those that were recorded.",
            tuple(code(line, MESSAGE) for line in changed),
            "`rml doctor --fix`, then `make repro`",
        )
    committed = read_results(Revision(root, "HEAD"))
    tolerance = params.gate.tolerance_numeric if params else 0.0
    return check_reproduction(
        committed, new, stale, changed_files(root), tolerance, metrics
    )


def _changed_data(root: Path) -> list[str]:
    """Return a line for each output or tracked table with another content."""
    recorded = recorded_hashes(root)
    return find_changed(recorded, recorded, root)
