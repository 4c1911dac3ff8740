"""All that is known of a change: what it is compared with, whether it came back."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from reproducible_ml.errors import UserError
from reproducible_ml.models.metrics import Metrics
from reproducible_ml.params import Params, load_params
from reproducible_ml.review.compare import Change, compare
from reproducible_ml.review.gates import Gate, judge_metrics
from reproducible_ml.review.lock import problems
from reproducible_ml.review.markdown import code
from reproducible_ml.review.pushed import judge_remote
from reproducible_ml.review.results import (
    NOTHING,
    PARAMS,
    Results,
    read_results,
    section,
)
from reproducible_ml.review.revisions import Revision, changed_files
from reproducible_ml.review.truth import Truth, judge

# Characters of an error that are shown.
MESSAGE = 300


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
        truth: Whether the results came back.
        gates: All other conditions.
    """

    base: Revision | None
    head: Revision
    old: Results
    new: Results
    metric: str
    metrics: Metrics
    changes: Sequence[Change]
    truth: Truth
    gates: Sequence[Gate]

    @property
    def passed(self) -> bool:
        """Whether nothing stands against the change."""
        return self.truth.holds and not self.failed

    @property
    def failed(self) -> list[Gate]:
        """The conditions that do not hold."""
        return [gate for gate in self.gates if gate.passed is False]


def make_review(root: Path, base: str | None, *, offline: bool) -> Review:
    """Compare the working tree with a commit.

    Args:
        root: Of the repository.
        base: The hash of the commit; None if there is none before.
        offline: Do not ask the remote storage.
    """
    before, head = Revision(root, base) if base else None, Revision(root)
    old, new = read_results(before) if before else NOTHING, read_results(head)
    metrics = known_metrics(section(new.params, "data").get("task", "binary"))
    gates = []
    try:
        params: Params | None = load_params(root / PARAMS)
    except (UserError, OSError) as error:
        params = None
        words = str(error).replace(f"{root}/", "")
        gates.append(Gate(f"{PARAMS} can be read", False, code(words, MESSAGE)))
    found = compare(old, new, metrics, params.evaluate.metrics if params else ())
    if params:
        gates += judge_metrics(params, new, found, metrics)
    remote = judge_remote(root, offline=offline)
    return Review(
        before,
        head,
        old,
        new,
        params.gate_metric if params else "",
        metrics,
        found,
        _judge_truth(root, new, params, metrics),
        [*gates, *([remote] if remote else [])],
    )


def _judge_truth(
    root: Path, new: Results, params: Params | None, metrics: Metrics
) -> Truth:
    """Say whether the working tree holds what is committed."""
    try:
        stale = problems(root, data=True)
    except UserError as error:
        stale = [("dvc.yaml", str(error))]
    committed = read_results(Revision(root, "HEAD"))
    tolerance = params.gate.tolerance_numeric if params else 0.0
    return judge(committed, new, stale, changed_files(root), tolerance, metrics)


def known_metrics(task: str) -> Metrics:
    """Return what is known of each metric of a task."""
    # scikit-learn takes a second to import.
    from reproducible_ml.models import binary, multiclass, regression

    known: dict[str, Metrics] = {
        "binary": binary.METRICS,
        "multiclass": {**multiclass.METRICS, **multiclass.PER_CLASS},
        "regression": regression.METRICS,
    }
    return known.get(task, {})
