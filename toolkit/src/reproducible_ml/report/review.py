"""Review of a change: results at the base and now, reproduction and gates."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from reproducible_ml.core.errors import UserError
from reproducible_ml.core.project import Project
from reproducible_ml.modeling.metrics.metric import Metrics
from reproducible_ml.report.compare import Change, compare
from reproducible_ml.report.gates import GateResult, check_gates, remote_status
from reproducible_ml.report.markdown import MESSAGE, code
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
        """Whether the results were reproduced and no gate failed."""
        return self.reproduction.holds and not self.failed

    @property
    def failed(self) -> list[GateResult]:
        """The gates that are not met."""
        return [gate for gate in self.gates if gate.passed is False]


def make_review(project: Project, base: str | None, *, offline: bool) -> Review:
    """Compare the working tree with a commit.

    Args:
        project: The repository.
        base: The hash of the commit; None if there is none before.
        offline: Do not contact the remote storage.
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
    """Check that the results in the working tree are the committed ones."""
    try:
        stale = find_outdated(root, data=True)
    except UserError as error:
        stale = [("dvc.yaml", str(error))]
    committed = read_results(Revision(root, "HEAD"))
    tolerance = params.gate.tolerance_numeric if params else 0.0
    return check_reproduction(
        committed, new, stale, changed_files(root), tolerance, metrics
    )
