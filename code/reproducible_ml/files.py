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
