"""Folders can be written, are where they seem to be, and have room."""

import os
import shutil
import stat
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from reproducible_ml.doctor.check import Context, NotCheckedError, Problem

DATA = ("data", "data/raw", "data/interim", "data/processed", "models", "reports")
OTHERS = (".", ".dvc", ".dvc/tmp", ".dvc/cache", ".dvc/cache/files/md5", ".git")

# What a run needs beside the data (bytes).
LEAST = 200_000_000


def check_links(context: Context) -> Iterator[Problem]:
    """Folders of data are no symbolic links: DVC refuses to write through them."""
    folders = {context.root / name for name in DATA}
    try:
        for out in context.outputs:
            folders |= _between(Path(out.fs_path), context.root)
    except NotCheckedError:
        pass  # The files that DVC cannot read are another check.
    for folder in sorted(folders):
        if folder.is_symlink() and not _in_cache(folder, context):
            name = context.name(folder)
            yield Problem(
                f"{name}: is a link to {os.readlink(folder)}, which DVC does not"  # noqa: PTH115
                " follow",
                f"rm {name}, and move the folder here. To keep data on another disk,"
                " move the cache: dvc cache dir --local FOLDER && dvc config --local"
                " cache.type symlink",
            )


def _between(path: Path, root: Path) -> set[Path]:
    """Return a path and its parents in the project."""
    return {one for one in [path, *path.parents] if one.is_relative_to(root)} - {root}


def _in_cache(path: Path, context: Context) -> bool:
    # Or a single file: with links as cache.type, or one that the user links.
    return not path.is_dir() or path.resolve().is_relative_to(context.cache.resolve())


def check_writable(context: Context) -> Iterator[Problem]:
    """Folders that commands write into can be written."""
    for name in dict.fromkeys([*OTHERS, *DATA]):
        folder = context.root / name
        if not folder.is_dir():
            # That of Git is a file in a worktree and in a submodule.
            if folder.exists() and name != ".git":
                yield Problem(
                    f"{name}: is a file, but has to be a folder",
                    f"mv {name} {name}.old",
                )
            continue
        found = folder.stat()
        if not found.st_mode & stat.S_IWUSR and found.st_uid == _user():
            command = f"chmod u+w {name}"
            yield Problem(
                f"{name}: is read-only", command, partial(_allow, folder, command)
            )
        elif not os.access(folder, os.W_OK | os.X_OK):
            yield Problem(
                f"{name}: cannot be written; it belongs to the user {found.st_uid}",
                f'sudo chown -R "$(id -u)" {name}, unless its disk is read-only',
            )


def _user() -> int:
    """Return the number of the user; of Windows that of all files, 0."""
    return os.geteuid() if hasattr(os, "geteuid") else 0


def _allow(folder: Path, command: str) -> str:
    folder.chmod(folder.stat().st_mode | stat.S_IRWXU)
    return f"Ran {command}."


def check_space(context: Context) -> Iterator[Problem]:
    """There is room for the data of one more run, here and in the cache."""
    places = [context.root]
    try:
        size = sum(out.meta.size or 0 for out in context.outputs)
        places += _existing(context.cache)
    except NotCheckedError:
        # A full disk may be why DVC cannot read its files.
        size = 0
    needed = LEAST + 2 * size
    for place in {path.stat().st_dev: path for path in places}.values():
        free = shutil.disk_usage(place).free
        if free < needed:
            yield Problem(
                f"{context.name(place)}: {_shown(free)} are free on this disk, but a"
                f" run needs about {_shown(needed)}",
                "free some; what the cache could do without: dvc gc --workspace"
                " --all-branches --dry",
            )
        if not hasattr(os, "statvfs"):
            continue  # Windows does not count files.
        files = os.statvfs(place)
        if files.f_files and files.f_favail < 1000:
            yield Problem(
                f"{context.name(place)}: this disk has room for {files.f_favail} more"
                " files",
                "remove some, or use another disk",
            )


def _existing(path: Path) -> list[Path]:
    """Return the path or the nearest parent that exists."""
    return [one for one in [path, *path.parents] if one.exists()][:1]


def _shown(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
