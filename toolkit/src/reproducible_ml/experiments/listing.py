"""`rml exps`: list the experiments, the best first."""

import json
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rich.table import Table
from rich.text import Text

from reproducible_ml.core.errors import one_line
from reproducible_ml.core.project import Project
from reproducible_ml.modeling.drawing.summary import format_number
from reproducible_ml.report.markdown import short, show_in_terminal
from reproducible_ml.report.results import METRICS, PARAMS, number
from reproducible_ml.report.review import gate_metric, known_metrics
from reproducible_ml.versioning.dvc import run_dvc
from reproducible_ml.versioning.git import (
    find_commit,
    find_experiments,
)
from reproducible_ml.versioning.lock import flatten

# States of rows that are not experiments.
FOLDER = "this folder"

COMMIT = "last commit"

NONE = """\
There is no experiment on the last commit. Run one:

    rml exp -S train.seed=1

docs/experiments.md shows the whole way, from settings to a pull request.
"""


class Row(NamedTuple):
    """An experiment, the last commit, or what is in the folder.

    Attributes:
        name: Of the experiment or branch.
        state: As "queued" or "last commit"; empty for an experiment that ended.
        params: All parameters by dotted key.
        metrics: All metrics; empty before the end.
    """

    name: str
    state: str
    params: dict[str, Any]
    metrics: dict[str, float | None]


def read_rows(root: Path) -> list[Row]:
    """Return the working tree if it differs, the last commit, and its experiments."""
    shown = json.loads(run_dvc("exp", "show", "--json", cwd=root) or "[]")
    rows = [*_rows(shown)]
    if len(rows) > 1 and rows[0][2:] == rows[1][2:]:
        del rows[0]
    return rows


def _rows(shown: Sequence[dict[str, Any]]) -> Iterator[Row]:
    for revision in shown:
        if revision["rev"] == "workspace":
            yield _row(revision, "workspace", FOLDER)
        else:
            yield _row(revision, revision["name"] or revision["rev"][:7], COMMIT)
        for experiment in revision["experiments"] or ():
            last = experiment["revs"][0]
            name = experiment["name"] or last["name"] or last["rev"][:7]
            executor = experiment["executor"] or {}
            yield _row(last, name, executor.get("state") or "")


def _row(revision: dict[str, Any], name: str, state: str) -> Row:
    data = revision["data"] or {}
    params, metrics = (
        dict(flatten((data.get(kind, {}).get(path) or {}).get("data") or {}))
        for kind, path in (("params", PARAMS), ("metrics", METRICS))
    )
    state = "" if state == "success" else state
    if state in ("queued", "running", "failed"):
        # DVC shows the metrics of the commit that it is based on.
        metrics = {}
    if not (params or revision["data"]):
        state = f"{state} cannot be read".strip()
    return Row(name, state, params, {key: number(metrics[key]) for key in metrics})


def best_first(rows: Sequence[Row], metric: str, greater_is_better: bool) -> list[Row]:
    """Sort by a metric; those without it come last, in the order they had."""
    sign = -1 if greater_is_better else 1

    def place(row: Row) -> float:
        value = row.metrics.get(metric)
        return math.inf if value is None else sign * value

    return sorted(rows, key=place)


def differing(found: Sequence[dict[str, Any]]) -> list[str]:
    """Return the keys whose values are not the same in all."""
    keys = dict.fromkeys(key for values in found for key in values)
    missing = object()
    return [
        key
        for key in keys
        if any(
            values.get(key, missing) != found[0].get(key, missing) for values in found
        )
    ]


def draw(rows: Sequence[Row], metric: str, known: dict[str, bool]) -> Table:
    """Return a table of rows.

    Args:
        rows: In the order in which they are shown.
        metric: The metric that is always shown, and first.
        known: Whether greater is better, by metric.
    """
    measured = [row.metrics for row in rows if row.metrics]
    metrics = [*dict.fromkeys([metric, *(differing(measured) if measured else ())])]
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
    """Return a name; in a terminal in lines, so that columns stay narrow."""
    if not sys.stdout.isatty():
        return inert(name)
    return Text("_\n").join(inert(part) for part in name.split("_"))


def _cells(row: Row, metrics: Sequence[str], params: Sequence[str]) -> list[Text]:
    values = [format_number(row.metrics.get(name)) for name in metrics]
    settings = [_value(row.params[key]) if key in row.params else "-" for key in params]
    return [inert(cell) for cell in (row.name, row.state, *values, *settings)]


def inert(text: str) -> Text:
    """Return text without markup or terminal commands."""
    return Text(one_line(text))


def _value(value: Any) -> str:
    as_it_is = isinstance(value, str) and value
    return short(value if as_it_is else json.dumps(value, default=str), 40)


def short_names(keys: Sequence[str]) -> list[str]:
    """Return the last part of each dotted key, or the key where that is not unique."""
    last = [key.rpartition(".")[2] for key in keys]
    return [
        name if last.count(name) == 1 else key
        for key, name in zip(keys, last, strict=True)
    ]


def others(root: Path) -> str:
    """Return a line on experiments that are based on other commits."""
    head = find_commit(root, "HEAD")
    count = len(find_experiments(root)) - len(find_experiments(root, head))
    if count < 1:
        return ""
    return f"{count} more on other commits: dvc exp show --all-commits\n"


def list_experiments(project: Project) -> None:
    """Print a table of experiments, or how to run one."""
    root, params = project.root, project.params()
    metrics = known_metrics(project, params.data.task)
    known = {name: metrics[name].greater_is_better for name in metrics}
    rows = read_rows(root)
    if {row.state for row in rows} <= {FOLDER, COMMIT}:
        sys.stdout.write(NONE + others(root))
        return
    metric = gate_metric(params)
    ordered = best_first(rows, metric, known.get(metric, True))
    ending = f"Best {one_line(metric)} first. A branch of one: rml branch NAME\n"
    if any(row.state == "failed" for row in rows):
        ending += "Why one failed: dvc queue logs NAME\n"
    show_in_terminal(draw(ordered, metric, known), ending + others(root))
