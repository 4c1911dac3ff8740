"""Write files and folders whole or not at all."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` that takes its place only on success."""
    temporary = path.with_name(f".{path.name}.tmp")
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.old.tmp")
    _remove(temporary)
    try:
        yield temporary
        if path.is_dir():
            # A folder cannot replace another, so the old one goes out of the way first.
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
    """Like `replacing`, and what is yielded is an empty folder."""
    with replacing(path) as temporary:
        temporary.mkdir()
        yield temporary


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)


def write_text(text: str, path: Path) -> None:
    """Write a file whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(value: Any, path: Path, indent: int | None = 2) -> None:
    """Write JSON that is the same for equal values; raise ValueError on NaN."""
    text = json.dumps(
        value, indent=indent, sort_keys=True, allow_nan=False, ensure_ascii=False
    )
    write_text(text + "\n", path)


@contextmanager
def all_or_nothing(*paths: Path, keep: bool = False) -> Iterator[None]:
    """Put what is at these paths aside, and bring it back unless the block succeeds.

    The block finds nothing there, and leaves whatever it makes. Until it succeeds the
    old things lie beside, as .NAME.old.tmp; if this process is killed, the next call
    with the same paths brings back what has not been replaced.

    Args:
        paths: Files and folders.
        keep: The paths are of files, which the block finds there, to edit them.
    """
    asides = {path: path.with_name(f".{path.name}.old.tmp") for path in paths}
    for path, aside in asides.items():
        if aside.exists() and not path.exists():
            # The last run was killed in between.
            aside.rename(path)
        _remove_path(aside)
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
                _remove_path(path)
            if aside.exists():
                aside.rename(path)
        raise
    for aside in asides.values():
        _remove_path(aside)


def _remove_path(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
