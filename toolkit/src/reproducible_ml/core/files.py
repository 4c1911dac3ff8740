"""Write files and folders atomically: completely or not at all."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path that replaces `path` if the block succeeds."""
    temporary = path.with_name(f".{path.name}.tmp")
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.old.tmp")
    _remove(temporary)
    try:
        yield temporary
        if path.is_dir():
            # A folder cannot replace another one, so the old one is moved away first.
            os.replace(path, aside)  # noqa: PTH105
        os.replace(temporary, path)  # noqa: PTH105 (the atomic call, by its name)
    except OSError as error:
        if error.errno and error.filename is None:
            error.filename = str(path)
        raise
    finally:
        _remove(temporary)
        _remove(aside)


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Yield an empty temporary folder that replaces `path` if the block succeeds."""
    with replacing(path) as temporary:
        temporary.mkdir()
        yield temporary


def write_text(text: str, path: Path) -> None:
    """Write text to a file atomically, as UTF-8 with the line ends of Unix."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(value: Any, path: Path, indent: int | None = 2) -> None:
    """Write JSON to a file atomically, with sorted keys.

    Raises:
        ValueError: The value contains NaN or infinity, which JSON does not have.
    """
    text = json.dumps(
        value, indent=indent, sort_keys=True, allow_nan=False, ensure_ascii=False
    )
    write_text(text + "\n", path)


@contextmanager
def all_or_nothing(*paths: Path, keep: bool = False) -> Iterator[None]:
    """Move files or folders away, and restore all of them unless the block succeeds.

    In the block the paths do not exist; what it creates there stays if it succeeds.
    Until then the old ones are kept beside them, as .NAME.kept.tmp. If this process is
    killed, the next call with the same paths restores what was not replaced.

    Args:
        paths: Files and folders.
        keep: Copy the paths, which must be files, instead of moving them, so that the
            block can edit them.
    """
    # Not the name that `replacing` uses, which may be called in the block.
    asides = {path: path.with_name(f".{path.name}.kept.tmp") for path in paths}
    for path, aside in asides.items():
        if aside.exists() and not path.exists():
            # The previous run was killed in between.
            aside.rename(path)
        _remove(aside)
    existing = [path for path in paths if path.exists()]
    try:
        for path in existing:
            if keep:
                shutil.copy2(path, asides[path])
            else:
                path.rename(asides[path])
        yield
    except BaseException:
        for path, aside in asides.items():
            if aside.exists() or path not in existing:
                _remove(path)
            if aside.exists():
                aside.rename(path)
        raise
    for aside in asides.values():
        _remove(aside)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
