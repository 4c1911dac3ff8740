"""Print a proposal: each column, the task, and all warnings."""

import sys
from collections import Counter

from rich.console import Console
from rich.table import Table
from rich.text import Text

from reproducible_ml.adopt.merge import reads_alike
from reproducible_ml.adopt.propose import Proposal
from reproducible_ml.contract.findings import MAX_PRINTED, limit_per_kind
from reproducible_ml.contract.schema import Column, Data
from reproducible_ml.core.project import Project
from reproducible_ml.core.text import printable

# Columns that are shown one by one; of more, kinds are counted.
COLUMNS = 60


def print_proposal(project: Project, proposal: Proposal, name: str) -> None:
    """Print the decision about each column, the task, and all warnings."""
    console = Console(file=sys.stdout, highlight=False, soft_wrap=False)
    columns = proposal.contract.columns
    console.print(_text(f"\n{name}: {proposal.rows} rows, {len(columns)} columns\n"))
    console.print(_table(proposal))
    if len(columns) > COLUMNS:
        kinds = Counter(_kind(name, proposal) for name in columns)
        shown = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
        console.print(
            _text(
                f"\nThese are {COLUMNS} of {len(columns)} columns ({shown});"
                " data/schema.yaml lists all."
            )
        )
    console.print(_text(f"\n{_task(project, proposal)}"))
    for finding in limit_per_kind(proposal.warnings, MAX_PRINTED):
        console.print(_text(f"warning: {finding}"), soft_wrap=True)


def _text(text: str) -> Text:
    """Return text that is printed as it is: rich would take brackets for styles."""
    return Text(printable(text))


def _task(project: Project, proposal: Proposal) -> str:
    """Return a line on the task, the estimator, the metrics and the test rows."""
    params = project.load("params").Params.model_validate(proposal.params)
    by = {
        "hash": "at random, the same at every run",
        "group": f'by "{params.data.group}"',
        "time": f'by "{params.data.time}", from {params.split.cutoff:%Y-%m-%d} on'
        if params.split.cutoff
        else "",
    }
    estimator = params.train.estimator.path.rpartition(".")[2]
    return (
        f"Task: {params.data.task} ({proposal.choice.evidence}); estimator {estimator};"
        f" metrics {', '.join(params.evaluate.metrics)};"
        f" test rows {by.get(params.split.method, params.split.method)}."
    )


def _table(proposal: Proposal) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("column", "holds", "treatment", "why"):
        # Folded, so that no name is cut off in a narrow terminal.
        table.add_column(title, overflow="fold")
    columns = proposal.contract.columns
    for name in _shown(proposal):
        use = _use(name, columns[name], proposal)
        cells = (name, _kind(name, proposal), use, _why(name, proposal))
        table.add_row(*(_text(cell.replace("\n", "\\n")) for cell in cells))
    return table


def _shown(proposal: Proposal) -> list[str]:
    """Return the columns to show: of many, first those with a role or excluded."""
    columns = proposal.contract.columns

    def is_plain(name: str) -> bool:
        use = _use(name, columns[name], proposal)
        return use == columns[name].treatment != "exclude"

    chosen = {*sorted(columns, key=is_plain)[:COLUMNS]}
    return [name for name in columns if name in chosen]


def _use(name: str, column: Column, proposal: Proposal) -> str:
    """Return the column's roles; without any, its treatment."""
    data = Data.model_validate(proposal.params["data"])
    roles = [
        role for role in ("target", "group", "time") if getattr(data, role) == name
    ]
    roles += ["id"] if name in data.id else []
    return ", ".join(roles) or column.treatment


def _kind(name: str, proposal: Proposal) -> str:
    """Return what a column holds, in a word or two."""
    column, found = proposal.contract.columns[name], proposal.inferred[name]
    return found.kind if reads_alike(column, found.column) else column.dtype


def _why(name: str, proposal: Proposal) -> str:
    """Return why a column is read, and treated, as it is."""
    column, found = proposal.contract.columns[name], proposal.inferred[name]
    notes = column.metadata
    reasons = [notes.reason] if notes.treatment == "exclude" and notes.reason else []
    if reads_alike(column, found.column):
        return "; ".join([*reasons, *filter(None, [found.evidence])])
    return "; ".join([*reasons, "read as data/schema.yaml says"])
