"""Show people what was decided about their table, and why."""

import sys
from collections import Counter

from rich.console import Console
from rich.table import Table
from rich.text import Text

from reproducible_ml.datasets.adoption.merge import reads_alike
from reproducible_ml.datasets.adoption.propose import Proposal
from reproducible_ml.datasets.findings import SHOWN, listed
from reproducible_ml.datasets.schema import Column
from reproducible_ml.params import Data, Params

# Columns that are shown one by one; of more, kinds are counted.
COLUMNS = 60


def show(proposal: Proposal, name: str) -> None:
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
    console.print(_text(f"\n{_task(proposal)}"))
    for finding in listed(proposal.warnings, SHOWN):
        console.print(_text(f"warning: {finding}"), soft_wrap=True)


def printable(text: str) -> str:
    """Return text in which nothing but a new line commands a terminal."""
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)


def _text(text: str) -> Text:
    """Return text that is shown as it is: brackets in it are no styles."""
    return Text(printable(text))


def _task(proposal: Proposal) -> str:
    """Return what is learned, how the test rows are chosen, and how it is judged."""
    params = Params.model_validate(proposal.params)
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
        f" test rows {by[params.split.method]}."
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
    """Return the columns to show: of many, those with a role or left out come first."""
    columns = proposal.contract.columns

    def is_plain(name: str) -> bool:
        use = _use(name, columns[name], proposal)
        return use == columns[name].treatment != "exclude"

    chosen = {*sorted(columns, key=is_plain)[:COLUMNS]}
    return [name for name in columns if name in chosen]


def _use(name: str, column: Column, proposal: Proposal) -> str:
    """Return the column's role, or else what the model sees of it."""
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
    column, found = proposal.contract.columns[name], proposal.inferred[name]
    notes = column.metadata
    said = [notes.reason] if notes.treatment == "exclude" and notes.reason else []
    if reads_alike(column, found.column):
        return "; ".join([*said, *filter(None, [found.evidence])])
    return "; ".join([*said, "read as data/schema.yaml says"])
