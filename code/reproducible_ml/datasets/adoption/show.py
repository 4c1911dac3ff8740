"""Show people what was decided about their table, and why."""

import sys
from collections import Counter

from rich.console import Console
from rich.table import Table
from rich.text import Text

from reproducible_ml.datasets.adoption.propose import Proposal
from reproducible_ml.datasets.findings import SHOWN, listed
from reproducible_ml.datasets.schema import Column

# Columns that are shown one by one; of more, kinds are counted.
COLUMNS = 60


def show(proposal: Proposal, name: str) -> None:
    """Print the decision about each column, the task, and all warnings."""
    console = Console(file=sys.stdout, highlight=False, soft_wrap=False)
    columns = proposal.contract.columns
    console.print(Text(f"\n{name}: {proposal.rows} rows, {len(columns)} columns\n"))
    console.print(_table(proposal))
    if len(columns) > COLUMNS:
        kinds = Counter(proposal.inferred[name].kind for name in columns)
        shown = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
        console.print(Text(f"All {len(columns)} columns: {shown}.\n"))
    data = proposal.params["data"]
    estimator = proposal.params["train"]["estimator"]["path"].rpartition(".")[2]
    console.print(
        Text(
            f"Task: {data['task']} ({proposal.choice.evidence}); estimator {estimator};"
            f" metrics {', '.join(proposal.params['evaluate']['metrics'])}."
        )
    )
    for finding in listed(proposal.warnings, SHOWN):
        console.print(Text(f"warning: {finding}"), soft_wrap=True)


def _table(proposal: Proposal) -> Table:
    table = Table("column", "holds", "treatment", "why", box=None, pad_edge=False)
    for name, column in list(proposal.contract.columns.items())[:COLUMNS]:
        found = proposal.inferred[name]
        cells = (name, found.kind, _use(name, column, proposal), _why(name, proposal))
        table.add_row(*map(Text, cells))
    return table


def _use(name: str, column: Column, proposal: Proposal) -> str:
    """Return the column's role, or else what the model sees of it."""
    data = proposal.params["data"]
    roles = [role for role in ("target", "group", "time") if data[role] == name]
    roles += ["id"] if name in data["id"] else []
    return ", ".join(roles) or column.treatment


def _why(name: str, proposal: Proposal) -> str:
    evidence = proposal.inferred[name].evidence
    notes = proposal.contract.columns[name].metadata
    if notes.treatment == "exclude" and notes.reason:
        return f"{notes.reason}; {evidence}" if evidence else notes.reason
    return evidence
