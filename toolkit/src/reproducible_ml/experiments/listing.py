"""`rml exps` and `rml branch`: list the experiments, and propose one as a branch."""

import json
import math
import re
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rich.table import Table
from rich.text import Text

from reproducible_ml.core.errors import UserError, one_line
from reproducible_ml.core.project import Project
from reproducible_ml.modeling.drawing.summary import format_number
from reproducible_ml.report.markdown import short, show_in_terminal
from reproducible_ml.report.results import METRICS, PARAMS, number, read_results
from reproducible_ml.report.review import gate_metric, known_metrics
from reproducible_ml.versioning.dvc import default_remote, run_dvc
from reproducible_ml.versioning.git import (
    Revision,
    find_commit,
    find_experiments,
    run_git,
)
from reproducible_ml.versioning.lock import LOCK, changed_keys, flatten

# States of rows that are not experiments.
FOLDER = "this folder"

COMMIT = "last commit"

NONE = """\
There is no experiment on the last commit. Run one:

    rml exp -S train.seed=1

docs/experiments.md shows the whole way, from settings to a pull request.
"""

# Names of experiments that an error lists.
SHOWN = 20

# Characters of the first line of a commit, which becomes the title of a pull request.
TITLE = 72


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


def make_branch(root: Path, name: str) -> str:
    """Make a branch of an experiment, unless it exists; return the branch's name.

    Raises:
        UserError: There is no such experiment, or another branch of that name.
    """
    known = find_experiments(root)
    if name not in known:
        raise UserError(f"{_unknown(name)} {_list([*known])}")
    branch = f"exp/{name}"
    if there := find_commit(root, f"refs/heads/{branch}"):
        if _tree(root, there) == _tree(root, known[name]):
            return branch
        current = (run_git(root, "branch", "--show-current") or b"").decode().strip()
        away = "git switch main && " if current == branch else ""
        quoted = shlex.quote(branch)
        raise UserError(
            f"{branch}: there is another branch of this name. To look at it: git switch"
            f" {quoted}. To remove it: {away}git branch --delete --force {quoted}"
        )
    if find_commit(root, "refs/heads/exp"):
        raise UserError(
            f"{branch}: Git cannot make it while there is a branch `exp`. Rename that:"
            " git branch --move exp other-name"
        )
    run_dvc("exp", "branch", name, branch, cwd=root)
    _describe(root, branch, name)
    return branch


def _tree(root: Path, commit: str) -> bytes | None:
    return run_git(root, "rev-parse", f"{commit}^{{tree}}")


def _describe(root: Path, branch: str, name: str) -> None:
    """Replace DVC's message of the branch's commit by one that names the change."""
    base = find_commit(root, f"{branch}^")
    if base is None:
        return
    message = describe_experiment(root, name, base, branch)
    command = ["commit-tree", f"{branch}^{{tree}}", "-p", base, "-m", message]
    # Without a name and an address, Git cannot commit: DVC's own message stays.
    if made := run_git(root, *command):
        run_git(root, "update-ref", f"refs/heads/{branch}", made.decode().strip())


def describe_experiment(root: Path, name: str, base: str, commit: str) -> str:
    """Return a commit message: the parameters that changed, then the metrics.

    Args:
        root: Of the repository.
        name: Of the experiment.
        base: The commit that it started from.
        commit: Its own.
    """
    old, new = (read_results(Revision(root, each)) for each in (base, commit))
    before, after = dict(flatten(old.params)), dict(flatten(new.params))
    params = changed_keys(before, after)
    lines = [
        f"{key}: {_shown(before.get(key))} -> {_shown(after.get(key))}"
        for key in params
    ]
    metrics = [
        f"{key}: {format_number(number(old.metrics.get(key)))} ->"
        f" {format_number(number(new.metrics.get(key)))}"
        for key in changed_keys(old.metrics, new.metrics)
    ]
    # Another estimator removes the arguments of the old one.
    values = [key for key in params if key in after] or params
    if len(values) == 1:
        title = f"Set {values[0]} to {_shown(after.get(values[0]))}"
    elif params:
        title = f"Set {', '.join(params)}"
    else:
        title = f"Experiment {name}"
    if len(title) > TITLE:
        title = f"Set {len(params)} parameters: {', '.join(params)}"
        title = title if len(title) <= TITLE else f"{title[: TITLE - 1]}…"
    parts = ["\n".join(part) for part in (lines, metrics) if part]
    return "\n\n".join([one_line(title), f"Experiment {one_line(name)}.", *parts])


def _shown(value: object) -> str:
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text.strip('"') if isinstance(value, str) and value else text


def _unknown(name: str) -> str:
    return f"{one_line(name)}: no such experiment." if name else "Which experiment?"


def _list(names: list[str]) -> str:
    if not names:
        return "There are none yet: rml exp -S train.seed=1"
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"There are: {', '.join(map(one_line, names[:SHOWN]))}{more}"


def what_next(root: Path, branch: str) -> Iterator[str]:
    """Yield the commands for a pull request, each with a comment."""
    here, there = Revision(root).text(LOCK), Revision(root, branch).text(LOCK)
    quoted = shlex.quote(branch)
    clean = not run_git(root, "diff", "--name-only", "HEAD")
    away = "" if clean else "git stash && "
    look = f"{away}git switch {quoted} && dvc checkout"
    if default_remote(root):
        # `dvc push` pushes what dvc.lock in the working tree names.
        push = "dvc push" if here == there else f"{look} && dvc push"
        yield f"{push}   # data and model"
    else:
        yield f"{look}   # data stay on this computer: there is no DVC remote"
    remotes = (run_git(root, "remote") or b"").decode().split()
    if not remotes:
        yield "git remote add origin ADDRESS   # there is no Git remote yet"
    remote = "origin" if "origin" in remotes or not remotes else remotes[0]
    yield f"git push --set-upstream {remote} {quoted}   # code, parameters, results"
    yield f"gh pr create --head {quoted} --fill   # or in a browser:"
    yield f"# {_page(root, remote, branch)}"


def _page(root: Path, remote: str, branch: str) -> str:
    """Return the address of GitHub's form for a pull request."""
    address = (run_git(root, "remote", "get-url", remote) or b"").decode().strip()
    found = re.search(r"github\.com[:/](.+?)/?(?:\.git)?$", address)
    project = (
        f"https://github.com/{found[1]}" if found else "https://github.com/OWNER/NAME"
    )
    return f"{project}/compare/{branch}?expand=1"


def branch(root: Path, name: str) -> None:
    """Make a branch of an experiment, and print what to type next."""
    before = find_commit(root, f"refs/heads/exp/{name}")
    made = make_branch(root, name)
    lines = "\n".join(f"    {one_line(line)}" for line in what_next(root, made))
    verb = "There already is" if before else "Made"
    title = (run_git(root, "log", "-1", "--format=%s", made) or b"").decode().strip()
    sys.stdout.write(
        f"{verb} the branch {one_line(made)} ({one_line(title)}). Next:\n\n{lines}\n"
    )
