"""Copy the files of the template into a new project, under the project's own names."""

import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from hooks.components import COMPONENTS, choose_components, is_left_out
from hooks.git import run_git
from hooks.identity import replacements, swap, wrap_imports
from hooks.lock import Renamed, renew_lock
from hooks.paths import MACHINERY, RESULTS, TOOLKIT, is_within

DEPENDABOT = ".github/dependabot.yml"

# The file that an ecosystem of Dependabot is about, if not every project has it.
NEEDED = {
    "docker": "environments/Dockerfile",
    "npm": "environments/node/package.json",
}

# The packages that DVC needs for a kind of storage. A project gets those that it uses;
# later, `sh environments/lock.sh --keep s3` makes them.
STORAGE = {f"environments/{kind}.txt": kind for kind in ("azure", "gs", "s3", "ssh")}


class GenerationError(Exception):
    """The project cannot be made; the message says why, and how to fix it."""


def copy_template(
    template: Path,
    project: Path,
    identity: Mapping[str, str],
    answers: Mapping[str, str],
) -> None:
    """Write the files of a new project.

    Those that cookiecutter has written before, as README.md, stay as they are.

    Args:
        template: This repository.
        project: The new project's folder.
        identity: The answers that this repository is.
        answers: Those of the new project.

    Raises:
        GenerationError: The files of the template cannot be listed.
    """
    words = replacements(identity, answers)
    copied = {}
    for name in list_files(template):
        if not is_part(name, answers):
            continue
        before = (template / name).read_bytes()
        if is_within(name, TOOLKIT):
            new, after = name, before
        else:
            new, after = swap(name, words), rename(before, name, words)
        if not (project / new).exists():
            copied[new] = Renamed(before, after)
            write(project / new, after, like=template / name)
    if DEPENDABOT in copied:
        path = project / DEPENDABOT
        text = known_updates(path.read_text("utf-8"), copied)
        path.write_text(text, "utf-8", newline="\n")
    choose_license(template, project, answers)
    if "dvc.lock" in copied:
        lock = renew_lock(copied["dvc.lock"].after.decode("utf-8"), copied)
        (project / "dvc.lock").write_text(lock, "utf-8", newline="\n")


def known_updates(text: str, names: Iterable[str]) -> str:
    """Return dependabot.yml without the updates of files that the project lacks.

    Dependabot reports an error for each of them, every week.
    """
    files = set(names)
    head, *updates = re.split(r"(?m)^(?=  - package-ecosystem: )", text)
    return head + "".join(
        update
        for update in updates
        if (needed := NEEDED.get(update.split()[2])) is None or needed in files
    )


def is_part(name: str, answers: Mapping[str, str]) -> bool:
    """Return whether a file of the template becomes a part of the project."""
    if is_within(name, MACHINERY):
        return False
    # These are the results of the sample: another table has none yet.
    if is_within(name, RESULTS) and answers["data_source"] != "sample":
        return False
    chosen = choose_components(answers["components"])
    if name in STORAGE and chosen != set(COMPONENTS):
        return STORAGE[name] in storage_of(answers)
    return not is_left_out(name, chosen)


def storage_of(answers: Mapping[str, str]) -> set[str]:
    """Return the kinds of storage that the project uses from the first day."""
    return {answers["remote"], answers["data_source"].partition("://")[0]}


def list_files(template: Path) -> list[str]:
    """Return the files of the template: what Git tracks; without Git, all files.

    Raises:
        GenerationError: The template is a Git repository, and Git cannot read it.
    """
    if not (template / ".git").exists():
        return sorted(_walk(template))
    try:
        listed = run_git(template, "-c", "safe.directory=*", "ls-files", "-z")
    except (OSError, subprocess.CalledProcessError) as error:
        raise GenerationError(
            f"{template}: Git cannot list its files: {error}. Fix: install Git, or use"
            " a zip of the template."
        ) from error
    names = filter(None, listed.split("\0"))
    return [name for name in names if (template / name).is_file()]


def _walk(template: Path) -> Iterator[str]:
    for path in template.rglob("*"):
        # Left behind by hooks that ran before.
        if path.is_file() and "__pycache__" not in path.parts:
            yield path.relative_to(template).as_posix()


def rename(content: bytes, name: str, words: Mapping[str, str]) -> bytes:
    """Return the content of a file with the names swapped; binary files stay."""
    try:
        text = swap(content.decode("utf-8"), words)
    except UnicodeDecodeError:
        return content
    return (wrap_imports(text) if name.endswith(".py") else text).encode("utf-8")


def write(path: Path, content: bytes, like: Path) -> None:
    """Write a file; it is executable if `like` is, or if it is a script.

    (A zip does not say which files are executable.)
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(0o755 if content.startswith(b"#!") else like.stat().st_mode & 0o777)


def choose_license(template: Path, project: Path, answers: Mapping[str, str]) -> None:
    """Write the license that was chosen, with the author's name."""
    path = template / "hooks" / "licenses" / f"{answers['license']}.txt"
    text = path.read_text("utf-8").replace("AUTHOR", answers["author_name"])
    (project / "LICENSE").write_text(text, "utf-8", newline="\n")
