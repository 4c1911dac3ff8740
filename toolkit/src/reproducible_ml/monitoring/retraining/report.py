"""Say what retraining does, and whether its gate is passed: run in the clone.

The gate is that of `rml report`: the new model is not worse than the old one by more
than noise, on the same newest rows, and no floor is missed. Where the models cannot be
compared, a person decides.
"""

import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import BaseModel

from reproducible_ml.contract.findings import Finding, warning_lines
from reproducible_ml.contract.schema import Data, load_contract
from reproducible_ml.core.errors import report_errors
from reproducible_ml.core.files import write_text
from reproducible_ml.core.params import Compute, load_section
from reproducible_ml.core.project import CONTRACT, Project, find_project
from reproducible_ml.quality.distributions import recount
from reproducible_ml.quality.drift import compare, is_same_table
from reproducible_ml.report.gates import AGAINST_BASE, GateResult
from reproducible_ml.report.markdown import MESSAGE, bullets, code
from reproducible_ml.report.report import (
    describe,
    describe_base,
    fit_comment,
    pictures,
    sections,
)
from reproducible_ml.report.review import Review, make_review
from reproducible_ml.versioning.git import Revision

PROFILE = "reports/profile.json"
VALIDATED = Path("data/interim/validated")

# Fewer rows give no interval that is worth its name.
FEWEST = 30

# `passed`: the gate holds. `unclear`: a person has to decide. `refused`: it does not
# hold, or the data were not accepted. `nothing`: there are no new data.
State = Literal["passed", "unclear", "refused", "nothing"]


class Outcome(BaseModel):
    """What became of retraining.

    Attributes:
        state: As of `State`.
        reasons: Why.
        title: Of a pull request or an issue, in a line.
        branch: Of the new model; None if there is none.
        base: Hash of the commit that the branch begins with.
    """

    state: State
    reasons: list[str]
    title: str = ""
    branch: str | None = None
    base: str = ""


class Facts(BaseModel):
    """What retraining did before the report: a line each, in Markdown."""

    lines: list[str]


def drift_lines(project: Project, base: Revision) -> list[str]:
    """Return how the raw table differs from that of the base, a line for each finding.

    Args:
        project: After `dvc repro`; its root is the current folder.
        base: The commit to compare with.
    """
    old, new = (side.json(PROFILE) for side in (base, Revision(project.root)))
    if not isinstance(old, dict) or not isinstance(new, dict) or old == new:
        return []
    data, compute = load_section(Data), load_section(Compute)
    if not is_same_table(old, new, data.target):
        return ["The columns are others, so the distributions cannot be compared."]
    contract = load_contract(Path(CONTRACT), data)
    counted = recount(VALIDATED, old, contract, data, compute)
    found = warning_lines(compare(old, new, counted, Path("data/raw")))
    # The advice of `validate` to commit is followed by the branch.
    return [_words(line) if isinstance(line, Finding) else line for line in found]


def _words(finding: Finding) -> str:
    where = f'column "{finding.column}": ' if finding.column else ""
    return f"{where}{finding.problem}"


def decide(review: Review) -> tuple[State, list[str]]:
    """Return whether the gate of retraining is passed, and why.

    Where the old model cannot be scored on the new rows, the reports of both only say
    how different the rows are, so that the gate against the base does not count.
    """
    doubts = [*_doubts(review)]
    failed = [
        gate
        for gate in review.failed
        if not (doubts and gate.name.endswith(AGAINST_BASE))
    ]
    if not review.reproduction.holds:
        found = review.reproduction
        return "refused", [found.summary, *found.reasons]
    if failed:
        return "refused", [f"{gate.name}: {gate.reason}" for gate in failed]
    if doubts:
        return "unclear", doubts
    return "passed", [_reason(gate) for gate in review.gates if gate.passed]


def _reason(gate: GateResult) -> str:
    return f"{gate.name}: {gate.reason}"


def _doubts(review: Review) -> Iterator[str]:
    """Yield why a person has to decide."""
    if review.obstacle:
        yield (
            "the old and the new model cannot be compared on the same rows:"
            f" {code(review.obstacle, MESSAGE)}"
        )
    rows = review.same_rows.rows if review.same_rows else None
    if rows is None and review.new.bootstrap:
        rows = review.new.bootstrap.rows
    if rows is not None and rows < FEWEST:
        yield f"{rows} rows are too few to tell a difference from chance"


def compose(
    project: Project, review: Review, base: str, facts: Facts, state: State
) -> Iterator[str]:
    """Yield the sections of the report, the verdict first."""
    words = {
        "passed": "The new model is not worse than the old one by more than noise.",
        "unclear": "A person has to decide whether the new model is used.",
        "refused": "The new model did not pass.",
    }
    yield f"**{words[state]}**"
    yield bullets(decide(review)[1])
    yield "### New data"
    yield bullets(facts.lines)
    found = drift_lines(project, Revision(project.root, base))
    yield (
        "Drift since the base:\n\n"
        + bullets([code(line, 2 * MESSAGE) for line in found])
        if found
        else "No column drifted since the base by more than chance, and so much that it"
        " matters."
    )
    yield "### Report"
    yield from sections(review, describe_base(project.root, base, None))


def title(review: Review, state: State) -> str:
    """Return what retraining did to the main metric, in a line without markup."""
    main = [change for change in review.changes if change.name == review.metric]
    what = "; ".join(describe(change).replace("`", "") for change in main)
    words = {"unclear": "Retrain, to be decided", "refused": "Retraining did not pass"}
    return f"{words.get(state, 'Retrain')}: {what}"


def main(base: str, facts: Path, outcome: Path, report: Path) -> None:
    """Write OUTCOME and REPORT for the model of the last commit, compared with BASE.

    Args:
        base: Hash of a commit.
        facts: JSON of `Facts`.
        outcome: Where to write the JSON of `Outcome`.
        report: Where to write the Markdown.
    """
    project = find_project()
    known = Facts.model_validate_json(facts.read_text("utf-8"))
    # What is not pushed yet is no reason: it is pushed only if the gate is passed.
    review = make_review(project, base, offline=False, asked=True, stored=False)
    state, reasons = decide(review)
    found = Outcome(state=state, reasons=reasons, title=title(review, state), base=base)
    words = [*compose(project, review, base, known, state)]
    write_text(fit_comment([*words, *pictures(review)]), report)
    write_text(f"{found.model_dump_json(indent=2)}\n", outcome)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    with report_errors():
        main(sys.argv[1], *map(Path, sys.argv[2:]))
