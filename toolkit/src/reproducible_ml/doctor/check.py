"""What a check of `rml doctor` is given, and what it returns."""

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from reproducible_ml.core.errors import UserError, first_line
from reproducible_ml.core.inputs import hash_path
from reproducible_ml.core.project import Project
from reproducible_ml.versioning.git import run_git

# Where damaged files are moved to: a wrong byte in a large table is no reason to lose
# all others.
DAMAGED = Path(".dvc/tmp/damaged")

# Of the objects in the cache, as DVC leaves them.
MODE = 0o444


class Problem(NamedTuple):
    """Something that is wrong.

    Attributes:
        text: Where and what it is.
        fix: The command that fixes it, or what else to do.
        cure: Fixes it without losing anything, and returns what it did.
    """

    text: str
    fix: str
    cure: Callable[[], str] | None = None


class NotCheckedError(Exception):
    """A check cannot run here, or has nothing to look at; the message says why."""


class Context:
    """A project, and what several checks want to know of it."""

    def __init__(self, project: Project, *, remote: bool = False) -> None:
        self.project = project
        self.root = project.root.resolve()
        self.remote = remote

    @cached_property
    def tracked(self) -> list[str]:
        """The files that Git tracks."""
        listed = run_git(self.root, "ls-files", "-z")
        if listed is None:
            raise NotCheckedError("this is no Git repository")
        return [os.fsdecode(name) for name in listed.split(b"\0") if name]

    @cached_property
    def repository(self) -> Any:
        """The repository as DVC sees it."""
        from dvc.exceptions import DvcException
        from dvc.repo import Repo

        try:
            return Repo(str(self.root))
        except (DvcException, OSError, ValueError, sqlite3.Error) as error:
            raise NotCheckedError(f"DVC says: {first_line(error)}") from error

    @cached_property
    def stages(self) -> list[Any]:
        """All stages and .dvc files, with their dependencies and outputs."""
        from dvc.exceptions import DvcException

        try:
            return list(self.repository.index.stages)
        except (DvcException, UserError, OSError, ValueError, RecursionError) as error:
            reason = first_line(error)
            raise NotCheckedError(f"files of DVC cannot be read: {reason}") from error

    @cached_property
    def outputs(self) -> list[Any]:
        """The outputs in this folder of which DVC recorded the MD5."""
        return [
            out
            for stage in self.stages
            for out in stage.outs
            if out.protocol == "local" and out.hash_name == "md5" and out.hash_info
        ]

    @cached_property
    def cache(self) -> Path:
        """The folder of DVC's cache."""
        return Path(self.repository.cache.local.path)

    def name(self, path: str | os.PathLike[str]) -> str:
        """Return a path as users know it: relative to the project, if it is in it."""
        found = Path(path)
        inside = found.is_relative_to(self.root)
        return (found.relative_to(self.root) if inside else found).as_posix()

    def object_path(self, digest: str) -> Path:
        """Return where the cache has the object of a hash."""
        return self.cache / digest[:2] / digest[2:]

    def is_intact(self, digest: str) -> bool:
        """Return whether the cache has the object, and it is what its name says."""
        path = self.object_path(digest)
        try:
            return not path.is_dir() and hash_path(path) == digest.removesuffix(".dir")
        except OSError:
            return False

    def set_aside(self, path: Path) -> str:
        """Move a damaged file or folder away, and return where it is now."""
        target = self.root / DAMAGED / self.name(path).lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_dir():
            shutil.rmtree(target)
        target.unlink(missing_ok=True)
        shutil.move(path, target)
        return self.name(target)


def hash_all(
    paths: Sequence[Path], hashing: Callable[[Path], str] = hash_path
) -> Iterator[tuple[Path, str | OSError]]:
    """Yield each path with its hash, or why it cannot be read; show the progress."""

    def run(path: Path) -> str | OSError:
        try:
            return hashing(path)
        except OSError as error:
            return error

    sizes = [_size(path) for path in paths]
    settings: dict[str, Any] = {"unit": "B", "unit_scale": True, "leave": False}
    with (
        ThreadPoolExecutor() as pool,
        tqdm(None, "Hashing", sum(sizes), disable=None, **settings) as bar,
    ):
        for path, size, found in zip(paths, sizes, pool.map(run, paths), strict=True):
            bar.update(size)
            yield path, found


def _size(path: Path) -> int:
    try:
        files = path.rglob("*") if path.is_dir() else [path]
        return sum(file.stat().st_size for file in files if file.is_file())
    except OSError:
        return 0


def listed(names: Sequence[str], most: int = 5) -> str:
    """Return names separated by commas; of many, the first and how many more."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
