"""Where the rows of a person are: in commits, files and logs."""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

from reproducible_ml.core.errors import UserError
from reproducible_ml.core.files import replacing
from reproducible_ml.governance.rows import NotSearchedError, holds, matches
from reproducible_ml.governance.spelling import (
    NUMBER,
    SPECIAL,
    Person,
    pattern,
    spellings,
)
from reproducible_ml.versioning.git import run_git

# Folders of the working tree that are not searched: packages, Git, and what is DVC's.
SKIPPED = (".git", ".venv", ".dvc", "__pycache__")
TEMPORARY = (".dvc", "tmp")


def search_git(root: Path, person: Person) -> list[str]:
    """Return where Git has a value as a word: files with a commit, and messages."""
    found: dict[str, str] = {}
    for value in person.values:
        # As a whole word, in POSIX's extended form.
        number = NUMBER.fullmatch(value)
        words = (
            [pattern(value, cell=False).replace("(?:", "(")]
            if number
            else [SPECIAL.sub(r"\\\1", one) for one in spellings(value)]
        )
        whole = f"(^|[^[:alnum:]_.])({'|'.join(words)})($|[^[:alnum:]_.])"
        every = ("log", "--all", "--reflog", "--format=%x00%h")
        files = run_git(root, *every, "--text", "--name-only", f"-G{whole}") or b""
        for part in files.decode("utf-8", "replace").split("\0")[1:]:
            commit, *names = part.split("\n")
            for name in filter(None, names):
                found.setdefault(name, commit)
        said = run_git(root, *every, "--extended-regexp", f"--grep={whole}") or b""
        for commit in said.decode().replace("\0", " ").split():
            found[f"the message of {commit}"] = commit
    return [f"{name} ({commit})" for name, commit in sorted(found.items())]


def search_files(root: Path, person: Person) -> list[str]:
    """Return the files of the working tree that hold a row, in Git or not."""
    found = []
    # Damaged files, and experiments that ran in a folder of their own.
    for path in sorted(root.rglob("*")):
        inside = path.relative_to(root)
        skipped = {*inside.parts} & {*SKIPPED} and inside.parts[:2] != TEMPORARY
        if skipped or not path.is_file():
            continue
        with suppress(NotSearchedError), path.open("rb") as file:
            if holds(file, person):
                found.append(inside.as_posix())
    return found


def search_logs(folders: Iterable[Path], person: Person) -> dict[Path, int]:
    """Return the number of rows of a person in each file of logs."""
    found = {}
    for folder in folders:
        if not folder.is_dir():
            raise UserError(f"{folder}: is no folder. Fix: give that of the log")
        for path in sorted(folder.rglob("*.parquet")):
            if count := pc.sum(matches(pq.read_table(path), person)).as_py():
                found[path] = int(count)
    return found


def clean_log(path: Path, person: Person) -> None:
    """Remove the rows of a person from a Parquet file; one without others goes."""
    table = pq.read_table(path)
    others = table.filter(pc.invert(matches(table, person)))
    if not others.num_rows:
        path.unlink()
        return
    with replacing(path) as temporary:
        pq.write_table(others, temporary)
