"""Copy the files of the template into a new project, under the project's own names."""

import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from hooks.git import run_git
from hooks.identity import replacements, swap, wrap_imports
from hooks.lock import renew_lock
from hooks.machinery import is_machinery


class GenerationError(Exception):
    """Says what keeps the project from being made, and how to mend it."""


def copy_template(
    template: Path,
    project: Path,
    identity: Mapping[str, str],
    answers: Mapping[str, str],
) -> None:
    """Write what is missing in a new project.

    Files that cookiecutter has written there already read differently in a project:
    they stay.
    """
    words = replacements(identity, answers)
    changed = []
    for name in list_files(template):
        new = swap(name, words)
        if is_machinery(name) or (project / new).exists():
            continue
        before = (template / name).read_bytes()
        after = rename(before, name, words)
        write(project / new, after, like=template / name)
        if after != before:
            changed.append(new)
    choose_license(template, project, answers)
    renew_lock(project, changed)


def list_files(template: Path) -> list[str]:
    """Return what belongs to the template: all that Git tracks, or all in a zip.

    Raises:
        GenerationError: Git is needed to tell, but is not there.
    """
    if not (template / ".git").exists():
        return sorted(_walk(template))
    try:
        listed = run_git(template, "-c", "safe.directory=*", "ls-files", "-z")
    except (OSError, subprocess.CalledProcessError) as error:
        raise GenerationError(
            f"{template}: Git cannot list its files: {error}. Install Git, or use a zip"
            " of the template."
        ) from error
    names = filter(None, listed.split("\0"))
    return [name for name in names if (template / name).is_file()]


def _walk(template: Path) -> Iterator[str]:
    for path in template.rglob("*"):
        # Left behind by hooks that ran before.
        if path.is_file() and "__pycache__" not in path.parts:
            yield path.relative_to(template).as_posix()


def rename(content: bytes, name: str, words: Mapping[str, str]) -> bytes:
    """Return a file's content with the names swapped; what is no text stays."""
    try:
        text = swap(content.decode("utf-8"), words)
    except UnicodeDecodeError:
        return content
    return (wrap_imports(text) if name.endswith(".py") else text).encode("utf-8")


def write(path: Path, content: bytes, like: Path) -> None:
    """Write a file that can be executed if the other can, or is a script.

    (A zip does not say which files are to be executed.)
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(0o755 if content.startswith(b"#!") else like.stat().st_mode & 0o777)


def choose_license(template: Path, project: Path, answers: Mapping[str, str]) -> None:
    """Write another license than the template's own, if one was chosen."""
    other = template / "hooks" / "licenses" / f"{answers['license']}.txt"
    if other.exists():
        text = other.read_text("utf-8").replace("AUTHOR", answers["author_name"])
        (project / "LICENSE").write_text(text, "utf-8", newline="\n")
