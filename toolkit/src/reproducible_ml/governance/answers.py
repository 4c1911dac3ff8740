"""What pages share: answers of people with their gaps, figures, a heading."""

from collections.abc import Sequence
from pathlib import Path

from reproducible_ml.card import sections
from reproducible_ml.card.markdown import code, plain, prose, table
from reproducible_ml.core.params import Section
from reproducible_ml.governance.repository import Repository

WRITTEN = (
    "<!-- Written by `rml governance`: edit the .yaml files beside it, not this page."
    " -->"
)


class Gaps:
    """What nobody has said, or what is missing, in the order it was met."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def add(self, where: str, what: str) -> str:
        """Note a gap, and return how a page shows it."""
        self.lines.append(f"{where}: {what}")
        return f"**Gap**: {what}."

    def listed(self) -> str:
        """Return all of them as a list, or that there are none."""
        if not self.lines:
            return "No gaps."
        return "\n".join(f"- {line}" for line in self.lines)


def answer(form: Section, name: str, path: Path, where: str, gaps: Gaps) -> str:
    """Return what people said, as paragraphs; if nothing, a gap."""
    if said := prose(getattr(form, name)):
        return said
    return gaps.add(where, f"{code(name)} in {code(path.name)} is empty")


def short(form: Section, name: str) -> str:
    """Return what people said on one line; nothing if they said nothing."""
    return plain(" ".join(getattr(form, name)))


def bullets(lines: Sequence[str]) -> str:
    """Return lines as a list; nothing if there are none."""
    return "\n".join(f"- {line}" for line in lines if line)


def figures(repository: Repository, gaps: Gaps, where: str) -> str:
    """Return the metrics with intervals and baseline; a gap before a first run."""
    if repository.facts is None:
        return no_figures(repository, gaps, where)
    return sections.metrics(repository.facts, repository.directions)


def no_figures(repository: Repository, gaps: Gaps, where: str) -> str:
    """Return which reports are missing, as a gap."""
    missing = ", ".join(code(name) for name in repository.missing_reports)
    return gaps.add(where, f"no figures: {missing} missing; run `make repro`")


def row_counts(repository: Repository, gaps: Gaps, where: str) -> str:
    """Return how many rows there were, and what became of them."""
    if repository.facts is None:
        return no_figures(repository, gaps, where)
    return sections.rows(repository.facts)


def costs(repository: Repository) -> str:
    """Return what errors cost, and how many the test rows had; nothing if unknown."""
    parts = []
    positive = code(repository.data.positive)
    if repository.costs:
        false_positive, false_negative = repository.costs
        parts.append(
            "Costs in params.yaml (`train.threshold`):"
            f" {sections.number(false_positive)} for a false alarm,"
            f" {sections.number(false_negative)} for a row of {positive} that is not"
            " found."
        )
    if repository.errors:
        rows, alarms, missed = repository.errors
        parts.append(
            f"Of {rows:,} test rows: {alarms:,} false alarms, and {missed:,} of"
            f" {positive} not found."
        )
        if repository.costs and rows:
            mean = (alarms * repository.costs[0] + missed * repository.costs[1]) / rows
            parts.append(f"That is a mean cost of {sections.number(mean)} for a row.")
    return " ".join(parts)


def predicts(repository: Repository) -> str:
    """Return a sentence on the task."""
    data = repository.data
    target = code(data.target)
    if data.task == "binary":
        return f"The probability that {target} is {code(data.positive)}."
    if data.task == "multiclass":
        count = len(repository.contract.columns[data.target].isin or ())
        return f"Which of {count} classes {target} is."
    return f"{target}, a number."


def importances(repository: Repository, most: int = 10) -> str:
    """Return the columns that matter most; nothing if that was not measured."""
    cells = [
        [code(name), sections.number(mean), sections.number(deviation)]
        for name, mean, deviation in repository.importances[:most]
    ]
    if not cells:
        return ""
    return table(["column", "loss of score if shuffled", "standard deviation"], cells)
