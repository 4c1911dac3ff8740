"""All that is known of a change: what it is compared with, whether it came back."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from reproducible_ml.core.errors import UserError
from reproducible_ml.core.project import Project
from reproducible_ml.modeling.metrics.metric import Metrics
from reproducible_ml.report.compare import Change, compare
from reproducible_ml.report.gates import GateResult, check_gates, remote_status
from reproducible_ml.report.markdown import code
from reproducible_ml.report.reproduction import Reproduction, check_reproduction
from reproducible_ml.report.results import (
    NO_RESULTS,
    PARAMS,
    Results,
    read_results,
    section,
)
from reproducible_ml.versioning.git import Revision, changed_files
from reproducible_ml.versioning.lock import find_outdated

# Characters of an error that are shown.
MESSAGE = 300


def known_metrics(project: Project, task: str) -> Metrics:
    """Return the project's metrics of a task, and those of single classes."""
    # scikit-learn takes a second to import.
    from reproducible_ml.modeling.metrics.multiclass import PER_CLASS

    known: Metrics = project.metrics(task)
    return {**PER_CLASS, **known} if task == "multiclass" else known


def gate_metric(params: Any) -> str:
    """Return the metric that a change must not make worse."""
    return str(params.gate.metric or params.evaluate.metrics[0])


class Review(NamedTuple):
    """Base and working tree, and what was found about them.

    Attributes:
        base: Files at the base, None if there is no commit before.
        head: Files in the working tree.
        old: Results at the base.
        new: Results in the working tree.
        metric: The metric that groups of rows are shown by.
        metrics: What is known of each metric by name.
        changes: How each metric changed.
        reproduction: Whether the results came back.
        gates: All other conditions.
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

    @property
    def passed(self) -> bool:
        """Whether nothing stands against the change."""
        return self.reproduction.holds and not self.failed

    @property
    def failed(self) -> list[GateResult]:
        """The conditions that do not hold."""
        return [gate for gate in self.gates if gate.passed is False]


def make_review(project: Project, base: str | None, *, offline: bool) -> Review:
    """Compare the working tree with a commit.

    Args:
        project: The repository.
        base: The hash of the commit; None if there is none before.
        offline: Do not ask the remote storage.
    """
    root = project.root
    before, head = Revision(root, base) if base else None, Revision(root)
    old, new = read_results(before) if before else NO_RESULTS, read_results(head)
    metrics = known_metrics(project, section(new.params, "data").get("task", "binary"))
    gates = []
    try:
        params = project.params()
    except (UserError, OSError) as error:
        params = None
        words = str(error).replace(f"{root}/", "")
        gates.append(GateResult(f"{PARAMS} can be read", False, code(words, MESSAGE)))
    found = compare(old, new, metrics, params.evaluate.metrics if params else ())
    if params:
        gates += check_gates(params.gate, params.evaluate.metrics, new, found, metrics)
    remote = remote_status(root, offline=offline)
    return Review(
        before,
        head,
        old,
        new,
        gate_metric(params) if params else "",
        metrics,
        found,
        _check_reproduction(root, new, params, metrics),
        [*gates, *([remote] if remote else [])],
    )


def _check_reproduction(
    root: Path, new: Results, params: Any, metrics: Metrics
) -> Reproduction:
    """Say whether the working tree holds what is committed."""
    try:
        stale = find_outdated(root, data=True)
    except UserError as error:
        stale = [("dvc.yaml", str(error))]
    committed = read_results(Revision(root, "HEAD"))
    tolerance = params.gate.tolerance_numeric if params else 0.0
    return check_reproduction(
        committed, new, stale, changed_files(root), tolerance, metrics
    )
