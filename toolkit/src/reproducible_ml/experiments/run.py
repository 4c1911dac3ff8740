"""`rml exp`: run the pipeline with other settings, and print what that changes.

It is `dvc exp run` in the working tree, with checks before (settings, untracked files)
and a comparison after it. If a stage fails, the working tree is restored.
"""

import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory

from reproducible_ml.core.errors import UserError, one_line
from reproducible_ml.core.files import parse_params
from reproducible_ml.core.project import Project
from reproducible_ml.report import changes, report
from reproducible_ml.report.gates import check_gates
from reproducible_ml.report.markdown import bullets, show_in_terminal
from reproducible_ml.report.resources import note_locked
from reproducible_ml.report.results import (
    PARAMS,
    Results,
    compare,
    read_results,
    section,
)
from reproducible_ml.report.review import gate_metric, known_metrics
from reproducible_ml.tracking.track import track
from reproducible_ml.versioning.dvc import run_dvc
from reproducible_ml.versioning.git import (
    Revision,
    check_new_name,
    equals_head,
    find_commit,
    find_experiments,
    killed_run,
    run_git,
    same_files,
)
from reproducible_ml.versioning.lock import (
    LOCK,
    compare_locks,
    describe_ignored,
    find_ignored_dependencies,
    locked_dependencies,
    locked_outputs,
)

FORM = "Write key=value with a key of params.yaml, as train.seed=1."

# Files that an error lists.
SHOWN = 10

BY_HAND = f"To go back to the last commit: git restore {PARAMS} {LOCK} reports"


def check_settings(settings: Sequence[str]) -> list[str]:
    """Check the form of settings, and return them for `dvc exp run --set-param`.

    Args:
        settings: Each is a `key=value`, or several, separated by spaces and quoted as
            in a shell.

    Raises:
        UserError: A line for each that is not a setting.
    """
    words = []
    for text in settings:
        try:
            words += shlex.split(text)
        except ValueError as error:
            raise UserError(f"-S {text}: {str(error).lower()}. {FORM}") from error
    if problems := [*filter(None, map(_problem, words))]:
        raise UserError("\n".join(problems))
    return [_allowed_to_add(word) for word in words]


def _problem(word: str) -> str | None:
    """Return why this is not a setting, None if it is one."""
    from dvc.utils.hydra import to_hydra_overrides
    from hydra.errors import HydraException

    key = word.partition("=")[0]
    try:
        [setting] = to_hydra_overrides([word])
    except HydraException:
        quotes = "Characters other than letters, digits and . _ - need quotes:"
        return f"-S {word}: is not a setting. {FORM} {quotes} \"split.salt='a, b'\"."
    if not setting.key_or_group or ":" in key or "${" in word:
        return f"-S {word}: is not a setting. {FORM}"
    if setting.is_sweep_override():
        return (
            f"-S {word}: several values make several experiments. Queue them:"
            f" dvc exp run --queue -S {shlex.quote(word)} && dvc queue start."
            f" (A list is written in brackets: {key}=[a,b])"
        )
    return None


def _allowed_to_add(word: str) -> str:
    """Allow a setting to add its key; the rules of params.yaml check it later."""
    return word if word.startswith("~") else f"++{word.lstrip('+')}"


def drop_old_arguments(project: Project, settings: Sequence[str]) -> list[str]:
    """Return settings that also remove the arguments of an estimator that is replaced.

    DVC merges settings into params.yaml: another class would get arguments that it may
    not know, or understand differently.
    """
    known = parse_params((project.root / PARAMS).read_text("utf-8"))
    old = section(section(known, "train"), "estimator")
    for place, setting in enumerate(settings):
        key, _, value = setting.lstrip("+").partition("=")
        replaced = {
            "train.estimator.path": value.strip("'\"") != old.get("path"),
            "train.estimator": "path" in value,
        }
        if replaced.get(key) and old.get("arguments"):
            return [
                *settings[:place],
                "~train.estimator.arguments",
                *settings[place:],
            ]
    return [*settings]


def planned_params(project: Project, settings: Sequence[str]) -> str:
    """Return the text of params.yaml with these settings.

    Raises:
        UserError: A line for each mistake in params.yaml with these settings.
    """
    with TemporaryDirectory() as folder:
        path = Path(folder) / PARAMS
        shutil.copy(project.root / PARAMS, path)
        _change(path, settings)
        try:
            project.check(path)
        except UserError as error:
            raise UserError(str(error).replace(f"{folder}/", "")) from error
        return path.read_text("utf-8")


def _change(path: Path, settings: Sequence[str]) -> None:
    from dvc.exceptions import DvcException
    from dvc.utils.hydra import apply_overrides

    for setting in settings:
        try:
            apply_overrides(path, [setting])
        except DvcException as error:
            said = str(error.__cause__ or error).partition("\n")[0]
            raise UserError(f"-S {setting.lstrip('+')}: {said}") from error


def check_files(root: Path) -> None:
    """Check that a run would lose no file and no merge.

    Raises:
        UserError: A line for each reason.
    """
    problems = [*_problems(root)]
    if len(problems) > SHOWN:
        problems[SHOWN:] = [f"and {len(problems) - SHOWN} more: see `git status`"]
    if problems:
        raise UserError("\n".join(problems))


def _problems(root: Path) -> Iterator[str]:
    if find_commit(root, "HEAD") is None:
        yield "there is no commit yet: git add --all && git commit"
        return
    if find_commit(root, "MERGE_HEAD"):
        yield "a merge is in progress, and DVC would lose it. Finish it: git commit"
    if back := killed_run(root):
        yield (
            "an experiment was killed: HEAD is detached, and its parameters are in"
            f" params.yaml. Fix: {back}"
        )
    yield from map(describe_ignored, find_ignored_dependencies(root))
    read = locked_dependencies(Revision(root).yaml(LOCK))
    for name in untracked(root):
        needed = {name, *map(str, PurePath(name).parents)} & read
        yield (
            f"{one_line(name)}: is not in Git, so the experiment would not have it."
            f" Fix: git add {shlex.quote(one_line(name))} && git commit"
            f"{'' if needed else '; or add it to .gitignore'}"
        )
    for name in hidden(root):
        yield (
            f"{one_line(name)}: Git ignores its changes, so DVC would undo them. Fix:"
            " git update-index --no-assume-unchanged --no-skip-worktree"
            f" {shlex.quote(one_line(name))}"
        )


def untracked(root: Path) -> list[str]:
    """Return files that Git neither tracks nor ignores and no stage writes."""
    listed = _names(root, "--others", "--exclude-standard")
    written = locked_outputs(Revision(root).yaml(LOCK)).keys()
    return [
        name
        for name in listed
        if not {name, *map(str, PurePath(name).parents)} & written
    ]


def hidden(root: Path) -> list[str]:
    """Return tracked files whose changes Git was set to ignore."""
    lines = _names(root, "-v")
    return [line[2:] for line in lines if line[0].islower() or line[0] == "S"]


def _names(root: Path, *options: str) -> list[str]:
    listed = run_git(root, "ls-files", "-z", *options) or b""
    return [*filter(None, listed.decode("utf-8", "replace").split("\0"))]


def describe_changes(project: Project, base: str) -> Iterator[str]:
    """Yield what changed from a commit to the working tree, in Markdown."""
    root = project.root
    old, new = read_results(Revision(root, base)), read_results(Revision(root))
    yield f"Compared with {report.describe_base(root, base, 'HEAD')}."
    if not compare_locks(old.lock, new.lock):
        yield _unchanged(old, new)
        return
    yield changes.params(old, new)
    yield changes.stages(old, new)
    yield from _metrics(old, new, project)


def _unchanged(old: Results, new: Results) -> str:
    if old.params == new.params:
        return "**Nothing changed**: code, data, parameters and results are the same."
    text = "**No result changed**: no stage reads these parameters."
    return f"{changes.params(old, new)}\n\n{text}"


def _metrics(old: Results, new: Results, project: Project) -> Iterator[str]:
    params = project.params()
    known = known_metrics(project, params.data.task)
    found = compare(old, new, known, params.evaluate.metrics)
    yield report.metrics(old, new, found, known)
    for change in found:
        if change.name == gate_metric(params):
            yield f"{report.describe(change)}."
    gates = check_gates(params.gate, params.evaluate.metrics, new, found, known)
    if failed := [f"{gate.name}: {gate.reason}" for gate in gates if not gate.passed]:
        yield f"**These gates would fail in a pull request:**\n\n{bullets(failed)}"


def take_snapshot(root: Path) -> str:
    """Return a commit of all tracked files as they are now."""
    if not run_git(root, "diff", "--name-only", "HEAD"):
        return "HEAD"
    # It is on no branch, and changes no file.
    if made := run_git(root, "stash", "create"):
        return made.decode().strip()
    raise UserError("Git cannot store a copy of your files: `git stash create` fails")


def restore_snapshot(root: Path, snapshot: str, planned: str) -> str:
    """Undo what a run changed, if that is safe, and return what was done.

    Args:
        root: Of the repository.
        snapshot: Commit of the files before the run.
        planned: Text of params.yaml during the run.
    """
    before = Revision(root, snapshot)
    if Revision(root).text(PARAMS) not in (planned, before.text(PARAMS)):
        return f"{PARAMS} was edited during the run, so nothing was restored. {BY_HAND}"
    # Modified and deleted files, but no new ones.
    compared = ["diff", "--name-only", "-z", "--diff-filter=MD", snapshot, "--"]
    found = run_git(
        root, *compared, PARAMS, LOCK, *sorted(locked_outputs(before.yaml(LOCK)))
    )
    changed = [*filter(None, (found or b"").decode().split("\0"))]
    if changed:
        run_git(root, "restore", f"--source={snapshot}", "--worktree", "--", *changed)
    try:
        run_dvc("checkout", "--allow-missing", "--quiet", cwd=root)
    except UserError as error:
        return f"{PARAMS} and reports are restored, data and model are not: {error}"
    return f"{PARAMS}, results and data are restored."


def run(project: Project, settings: Sequence[str], name: str | None) -> str | None:
    """Run an experiment in the working tree, and return its name.

    Raises:
        UserError: A check before it failed, or a stage.
        KeyboardInterrupt: It was stopped by Ctrl-C.
    """
    root = project.root
    planned = planned_params(project, settings)
    check_files(root)
    if name is not None:
        check_new_name(root, name)
    before = find_experiments(root)
    files = take_snapshot(root)
    start = time.time()
    failed, stopped = run_dvc_shown(root, _arguments(settings, name))
    if stopped:
        sys.stderr.write(f"Stopped. {restore_snapshot(root, files, planned)}\n")
        raise KeyboardInterrupt
    if failed:
        undone = restore_snapshot(root, files, planned)
        raise UserError(f"the run failed, see above. {undone}")
    note_locked(root, start)
    return next(iter(dict(find_experiments(root).items() - before.items())), None)


def _arguments(settings: Sequence[str], name: str | None) -> list[str]:
    given = [f"--set-param={setting}" for setting in settings]
    return [*given, *([f"--name={name}"] if name else [])]


def run_dvc_shown(root: Path, arguments: Sequence[str]) -> tuple[bool, bool]:
    """Run `dvc exp run`, and return whether it failed and whether it was stopped."""
    command = [sys.executable, "-P", "-m", "dvc", "exp", "run", *arguments]
    stopped = False
    with subprocess.Popen(command, cwd=root) as process:
        while process.returncode is None:
            try:
                process.wait()
            except KeyboardInterrupt:
                # DVC got it as well, and needs a moment to clean up.
                stopped = True
    return process.returncode != 0, stopped


def what_next(root: Path, name: str | None) -> str:
    """Return what to do next."""
    if name is None:
        return "All experiments: rml exps\n"
    if equals_head(root, name):
        remove = f"dvc exp remove {shlex.quote(name)}"
        return f"Experiment: {name}, the same as HEAD. To remove it: {remove}\n"
    same = same_files(root, name)
    also = f" They equal those of {', '.join(same)}." if same else ""
    return (
        f"Experiment: {name}. Its results are in the working tree.{also}\n"
        f"A branch of it: rml branch {shlex.quote(name)}. All experiments: rml exps."
        " Back to the last commit: git restore . && dvc checkout\n"
    )


def experiment(project: Project, settings: Sequence[str], name: str | None) -> None:
    """Run an experiment, and print what it changes.

    Args:
        project: The repository.
        settings: Parameters to change, as `key=value`.
        name: Of the experiment; None: DVC invents one.
    """
    root = project.root
    wanted = drop_old_arguments(project, check_settings(settings))
    made = run(project, wanted, name)
    parts = describe_changes(project, find_commit(root, "HEAD") or "HEAD")
    show_in_terminal("\n\n".join(parts), what_next(root, made))
    if project.params().tracking != "none":
        track(project, [made] if made else [])
