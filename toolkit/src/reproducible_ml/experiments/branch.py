"""`rml branch`: propose an experiment, as a branch with one commit."""

import json
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

from reproducible_ml.core.errors import UserError, one_line
from reproducible_ml.modeling.drawing.summary import format_number
from reproducible_ml.report.results import number, read_results
from reproducible_ml.versioning.dvc import default_remote, run_dvc
from reproducible_ml.versioning.git import (
    Revision,
    find_commit,
    find_experiments,
    run_git,
)
from reproducible_ml.versioning.lock import LOCK, changed_keys, flatten

# Names of experiments that an error lists.
SHOWN = 20

# Characters of the first line of a commit, which becomes the title of a pull request.
TITLE = 72


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
