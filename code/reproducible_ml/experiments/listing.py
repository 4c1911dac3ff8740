"""List the experiments on the last commit, the best first.

Shown are the parameters and metrics that differ. Those that wait in the queue, are
running or failed come last.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from reproducible_ml.errors import told_errors
from reproducible_ml.experiments.names import find_experiments
from reproducible_ml.experiments.rows import (
    COMMIT,
    FOLDER,
    Row,
    best_first,
    differing,
    read_rows,
)
from reproducible_ml.models.summary import show
from reproducible_ml.params import load_params
from reproducible_ml.review.lock import find_root
from reproducible_ml.review.markdown import plain, short
from reproducible_ml.review.results import PARAMS
from reproducible_ml.review.review import known_metrics
from reproducible_ml.review.revisions import find_commit
from reproducible_ml.review.terminal import print_whatever_it_is, show_in_terminal

NONE = """\
There is no experiment on the last commit. Make one:

    make exp S='train.seed=1'

S holds parameters of params.yaml; docs/experiments.md shows the whole way.
"""


def draw(rows: Sequence[Row], metric: str, known: dict[str, bool]) -> Table:
    """Return a table of rows.

    Args:
        rows: In the order in which they are shown.
        metric: The one that is always shown, and first.
        known: Whether greater is better, for each metric where that is known.
    """
    judged = [row.metrics for row in rows if row.metrics]
    metrics = [*dict.fromkeys([metric, *(differing(judged) if judged else ())])]
    params = differing([row.params for row in rows if row.params] or [{}])
    table = Table(header_style="bold", box=None, pad_edge=False)
    table.add_column("experiment", overflow="fold")
    table.add_column("state", overflow="fold")
    for name in metrics:
        arrow = {True: " ↑", False: " ↓", None: ""}[known.get(name)]
        table.add_column(_title(f"{name}{arrow}"), justify="right", overflow="fold")
    for name in short_names(params):
        table.add_column(_title(name), justify="right", overflow="fold")
    for row in rows:
        table.add_row(*_cells(row, metrics, params))
    return table


def _title(name: str) -> Text:
    """Return a name that is broken where it may be, so that columns stay narrow."""
    return Text("_\n").join(inert(part) for part in name.split("_"))


def _cells(row: Row, metrics: Sequence[str], params: Sequence[str]) -> list[Text]:
    values = [show(row.metrics.get(name)) for name in metrics]
    settings = [_value(row.params[key]) if key in row.params else "-" for key in params]
    return [inert(cell) for cell in (row.name, row.state, *values, *settings)]


def inert(text: str) -> Text:
    """Return text in which nothing is a command, to rich or to a terminal."""
    return Text(plain(text))


def _value(value: Any) -> str:
    as_it_is = isinstance(value, str) and value
    return short(value if as_it_is else json.dumps(value, default=str), 40)


def short_names(keys: Sequence[str]) -> list[str]:
    """Return the last part of each dotted key, or all of it where others share that."""
    last = [key.rpartition(".")[2] for key in keys]
    return [
        name if last.count(name) == 1 else key
        for key, name in zip(keys, last, strict=True)
    ]


def others(root: Path) -> str:
    """Return a line on the experiments that are based on other commits."""
    head = find_commit(root, "HEAD")
    count = len(find_experiments(root)) - len(find_experiments(root, head))
    if count < 1:
        return ""
    return f"{count} more on other commits: dvc exp show --all-commits\n"


def main() -> None:
    """Print the table, or what to type if there is nothing to show."""
    argparse.ArgumentParser(prog="make exps", description=__doc__).parse_args()
    print_whatever_it_is()
    with told_errors():
        root = find_root()
        params = load_params(root / PARAMS)
        metrics = known_metrics(params.data.task)
        known = {name: metrics[name].greater_is_better for name in metrics}
        rows = read_rows(root)
        if {row.state for row in rows} <= {FOLDER, COMMIT}:
            sys.stdout.write(NONE + others(root))
            return
        metric = params.gate_metric
        ordered = best_first(rows, metric, known.get(metric, True))
        ending = f"Best {plain(metric)} first. To propose one: make branch EXP=name\n"
        if any(row.state == "failed" for row in rows):
            ending += "Why one failed: dvc queue logs NAME\n"
        show_in_terminal(draw(ordered, metric, known), ending + others(root))


if __name__ == "__main__":
    main()
