"""`rml retrain`: train again on new data, on a branch of its own.

Everything happens in a clone, so that the user's working tree stays as it is. The
result is a branch that a person, or a gate, accepts; the default branch is never
changed.
"""

import hashlib
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from reproducible_ml.adopt.configure import PIPELINE, has_sample, set_params
from reproducible_ml.core.errors import UserError, one_line
from reproducible_ml.core.files import PARAMS, parse_params, write_text
from reproducible_ml.core.project import Project
from reproducible_ml.monitoring.retraining.new_data import (
    NewData,
    Refusal,
    get_new_data,
)
from reproducible_ml.monitoring.retraining.newest_rows import (
    is_by_time,
    move_test_window,
)
from reproducible_ml.monitoring.retraining.report import (
    VALIDATED,
    Facts,
    Outcome,
    State,
)
from reproducible_ml.monitoring.retraining.workspace import (
    Ran,
    Workspace,
    git,
    open_workspace,
)
from reproducible_ml.registry.write import git_remote
from reproducible_ml.report.markdown import (
    MESSAGE,
    bullets,
    code,
    fence,
    show_in_terminal,
)
from reproducible_ml.versioning.dvc import default_remote
from reproducible_ml.versioning.git import Revision, find_commit, run_git

# 3 as of `rml monitor`: something is wrong; 4: a person has to decide.
CODES: dict[State, int] = {"passed": 0, "nothing": 0, "unclear": 4, "refused": 3}

# Git ignores it.
FOLDER = Path("monitoring")
OUTCOME, REPORT = FOLDER / "retrain.json", FOLDER / "retrain.md"

PREFIX = "retrain/"

STAGE_BEFORE_SPLIT = "validate"

MODULE = "reproducible_ml.monitoring.retraining.report"


def retrain(
    project: Project,
    given: Path | None,
    wanted: str | None,
    *,
    accept: bool,
    pushed: bool,
) -> int:
    """Train on new data, print what came of it, and return the exit code of `CODES`.

    Args:
        project: Whose root is the current folder.
        given: A new version of the raw table, or a file for its folder; None for what
            imports and recorded sources give.
        wanted: Branch, tag or commit to begin with; None for the default branch.
        accept: Change an edited contract without asking.
        pushed: Push the outputs to the remote of DVC, and the branch to that of Git.

    Raises:
        UserError: It cannot begin, or the data cannot be had.
    """
    root = project.root
    for path in (OUTCOME, REPORT):
        path.unlink(missing_ok=True)
    _check_identity(root)
    base = find_start(root, wanted)
    with open_workspace(root, base) as workspace:
        outcome, report = _retrain(workspace, base, given, accept=accept)
        if outcome.branch:
            _bring_home(workspace, outcome.branch, pushed=pushed)
    FOLDER.mkdir(exist_ok=True)
    write_text(report, REPORT)
    write_text(f"{outcome.model_dump_json(indent=2)}\n", OUTCOME)
    _show(root, outcome, report, pushed=pushed)
    return CODES[outcome.state]


def find_start(root: Path, wanted: str | None) -> str:
    """Return the commit to begin with: by default the newest of the default branch.

    With a remote of Git, that is the one there, after it was fetched.

    Raises:
        UserError: There is no such commit.
    """
    names = [wanted] if wanted else ["main"]
    if not wanted and run_git(root, "remote"):
        remote = git_remote(root)
        if run_git(root, "fetch", "--quiet", remote) is None:
            sys.stderr.write(
                f"warning: {remote} cannot be reached; its branches are taken as they"
                " were last seen\n"
            )
        names = [f"{remote}/HEAD", f"{remote}/main", *names]
    for name in names:
        if found := find_commit(root, name):
            sys.stderr.write(f"Retraining begins with {name} ({found[:10]})\n")
            return found
    raise UserError(
        f"--base {one_line(wanted)}: no such branch, tag or commit here. See `git log"
        " --all`"
        if wanted
        else "there is no branch `main`. Fix: name the default branch with --base"
    )


def _check_identity(root: Path) -> None:
    if run_git(root, "var", "GIT_COMMITTER_IDENT") is None:
        raise UserError(
            "Git does not know who commits. Fix: git config user.name NAME && git"
            " config user.email ADDRESS"
        )


def _retrain(
    workspace: Workspace, base: str, given: Path | None, *, accept: bool
) -> tuple[Outcome, str]:
    """Train in the clone; return what came of it, and the report in Markdown."""
    try:
        data = get_new_data(workspace, given, accept=accept)
    except Refusal as error:
        return _refused(base, "The new data were not accepted", str(error).splitlines())
    if not data.changed:
        return _nothing(base, _unchanged(workspace, data))
    branch = branch_name(base, data)
    if known := _find_branch(workspace.root, branch):
        return _nothing(
            base, f"{known} was made from the same commit and the same data"
        )
    revision = Revision(workspace.folder, base)
    lines = [
        f"{code(name)} is new: {code(md5[:8])}" for name, md5 in data.changed.items()
    ]
    lines += [f"from {code(source, MESSAGE)}" for source in data.sources]
    if is_by_time(workspace.folder):
        ran = workspace.dvc("repro", STAGE_BEFORE_SPLIT)
        if ran.code:
            return _failed(base, ran)
        moved = move_test_window(
            revision, workspace.folder, workspace.folder / VALIDATED
        )
        if moved:
            lines.append(
                f"the test rows begin with {moved.now} instead of {moved.before}: the"
                f" newest {moved.share:.0%} of the rows, as before"
            )
    if _forget_updates(workspace.folder):
        lines.append("a new model is trained on all rows: `train.updates` was emptied")
    ran = workspace.rml("repro")
    if ran.code:
        return _failed(base, ran)
    workspace.git("add", "--all")
    workspace.git("commit", "--quiet", "--no-verify", "--message", "Retrain")
    return _compare(workspace, base, branch, Facts(lines=lines))


def _forget_updates(folder: Path) -> bool:
    """Let a model that was updated be trained anew; return whether it was updated."""
    params = parse_params((folder / PARAMS).read_text("utf-8"))
    if not params["train"].get("updates"):
        return False
    params["train"]["updates"] = []
    set_params(folder / PARAMS, params)
    return True


def _compare(
    workspace: Workspace, base: str, branch: str, facts: Facts
) -> tuple[Outcome, str]:
    """Compare the new model with that of the base; name the commit if it is kept."""
    place = workspace.folder.parent
    known, outcome, report = (
        place / name for name in ("facts.json", "outcome.json", "report.md")
    )
    write_text(facts.model_dump_json(), known)
    ran = workspace.python(MODULE, base, str(known), str(outcome), str(report))
    if ran.code:
        raise UserError(f"the new model cannot be compared: {' '.join(ran.reasons)}")
    found = Outcome.model_validate_json(outcome.read_text("utf-8"))
    if found.state in ("passed", "unclear"):
        found.branch = branch
        body = "\n".join(f"- {line}".replace("`", "") for line in found.reasons)
        message = f"{found.title}\n\n{body}"
        workspace.git("commit", "--quiet", "--no-verify", "--amend", "-m", message)
        workspace.git("branch", branch)
    return found, report.read_text("utf-8")


def branch_name(base: str, data: NewData) -> str:
    """Return the name of a branch: the day, and a hash of the commit and the data.

    The same data on the same commit are found again by the end of it.
    """
    content = json.dumps([base, sorted(data.changed.items())])
    digest = hashlib.sha256(content.encode()).hexdigest()[:8]
    return f"{PREFIX}{datetime.now(UTC):%Y-%m-%d}-{digest}"


def _find_branch(root: Path, branch: str) -> str | None:
    """Return the name of a branch, here or on a remote, of this commit and data."""
    ending = branch.rpartition("-")[2]
    refs = ("refs/heads", "refs/remotes")
    listed = run_git(root, "for-each-ref", "--format=%(refname:short)", *refs) or b""
    for name in listed.decode("utf-8", "replace").split():
        if PREFIX in name and name.endswith(f"-{ending}"):
            return name
    return None


def _unchanged(workspace: Workspace, data: NewData) -> str:
    if data.sources:
        return f"the data are the same as before ({', '.join(data.sources)})"
    if has_sample(workspace.folder / PIPELINE):
        return (
            "the project is still about its sample, which never changes. Your own"
            " table: rml data SOURCE --target COLUMN"
        )
    return (
        "no source of the data is known here: neither an import nor a query, nor a path"
        " in this clone. Name a new version: rml retrain --data PATH"
    )


def _nothing(base: str, reason: str) -> tuple[Outcome, str]:
    found = Outcome(state="nothing", reasons=[reason], title="Nothing new", base=base)
    return found, f"**Nothing new**: {code(reason, 2 * MESSAGE)}.\n"


def _failed(base: str, ran: Ran) -> tuple[Outcome, str]:
    return _refused(base, "The pipeline failed on the new data", ran.reasons)


def _refused(base: str, summary: str, reasons: list[str]) -> tuple[Outcome, str]:
    found = Outcome(state="refused", reasons=reasons, title=summary, base=base)
    return found, f"**{summary}.**\n\n{fence(chr(10).join(reasons))}\n"


def _bring_home(workspace: Workspace, branch: str, *, pushed: bool) -> None:
    """Give the repository the branch; push data and model first, then the branch."""
    refs = f"refs/heads/{branch}:refs/heads/{branch}"
    git(workspace.root, "fetch", "--quiet", str(workspace.folder), refs)
    if not pushed:
        return
    if default_remote(workspace.folder):
        ran = workspace.dvc("push")
        if ran.code:
            raise UserError(
                f"{branch} was made, but `dvc push` failed: {' '.join(ran.reasons)}."
                f" Fix: git switch {branch} && dvc push && git push"
            )
    git(workspace.root, "push", "--quiet", git_remote(workspace.root), branch)


def _show(root: Path, outcome: Outcome, report: str, *, pushed: bool) -> None:
    show_in_terminal(
        report.partition("### Plots")[0], "".join(_next(root, outcome, pushed))
    )


def _next(root: Path, outcome: Outcome, pushed: bool) -> Iterator[str]:
    """Yield what can be done now, a line each."""
    if outcome.state == "refused":
        yield "Not passed: no branch was made, and nothing was changed.\n"
    if outcome.branch is None:
        return
    if outcome.state == "unclear":
        yield "A person has to decide:\n"
    for line in (
        bullets(outcome.reasons).splitlines() if outcome.state == "unclear" else ()
    ):
        yield f"{line}\n"
    yield f"Branch {outcome.branch}; report: {REPORT}\n"
    if not pushed and run_git(root, "remote"):
        dvc = "dvc push && " if default_remote(root) else ""
        yield (
            f"To propose it: git switch {outcome.branch} && {dvc}git push"
            f" --set-upstream {git_remote(root)} {outcome.branch}\n"
        )
