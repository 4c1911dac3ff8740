"""Change several files and folders together, or not at all."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def all_or_nothing(*paths: Path) -> Iterator[None]:
    """Put what is at these paths aside, and bring it back unless the block succeeds.

    The block finds nothing there, and leaves whatever it makes. Until it succeeds the
    old things lie beside, as .NAME.old.tmp; if this process is killed, the next call
    with the same paths brings back what has not been replaced.
    """
    asides = {path: path.with_name(f".{path.name}.old.tmp") for path in paths}
    for path, aside in asides.items():
        if aside.exists() and not path.exists():
            # The last run was killed in between.
            aside.rename(path)
        _remove(aside)
    existing = [path for path in paths if path.exists()]
    try:
        for path in existing:
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
