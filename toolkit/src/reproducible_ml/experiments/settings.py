"""Checks before an experiment runs: its settings, and files that it would lose.

Settings, as in `rml exp -S train.seed=1 -S split.test_size=0.3`, are applied to a copy
of params.yaml, so that mistakes are found before anything runs.
"""

import shlex
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory

from reproducible_ml.core.errors import UserError
from reproducible_ml.core.project import Project
from reproducible_ml.core.text import one_line
from reproducible_ml.report.results import PARAMS
from reproducible_ml.versioning.git import Revision, find_commit, run_git
from reproducible_ml.versioning.lock import LOCK, locked_outputs

FORM = "Write key=value with a key of params.yaml, as train.seed=1."

# Files that an error lists.
SHOWN = 10


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
    for name in untracked(root):
        yield (
            f"{one_line(name)}: is not in Git, so the experiment would not have it."
            f" Fix: git add {shlex.quote(one_line(name))} && git commit; or add it to"
            " .gitignore"
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
