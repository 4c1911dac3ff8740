"""Packages that tests need and the project's own environment lacks."""

import hashlib
import subprocess
import sys
from pathlib import Path

from filelock import FileLock

from .copies import ROOT

UV = Path(sys.executable).with_name("uv")


def environment(name: str, lock: Path) -> Path:
    """Return the folder of programs of an environment that holds this lock alone."""
    folder = _place(name, lock)
    with FileLock(f"{folder}.lock"):
        if not (folder / ".ready").exists():
            _uv("venv", "--quiet", "--clear", folder)
            _install("--python", folder / "bin" / "python", "--requirement", lock)
            (folder / ".ready").touch()
    return folder / "bin"


def packages(*names: str) -> Path:
    """Return a folder for PYTHONPATH with what optional locks add to the environment.

    So `compute.backend: ray` can be tried where nobody installed Ray.
    """
    locks = [ROOT / "environments" / f"{name}.txt" for name in names]
    folder = _place("-".join(names), *locks)
    with FileLock(f"{folder}.lock"):
        if not (folder / ".ready").exists():
            files = [part for lock in locks for part in ("--requirement", lock)]
            _install(
                "--python", sys.executable, "--target", folder, "--no-deps", *files
            )
            (folder / ".ready").touch()
    return folder


def _place(name: str, *locks: Path) -> Path:
    """Return a folder in .venv that is another one after a change of the locks."""
    content = b"".join(lock.read_bytes() for lock in locks)
    return ROOT / ".venv" / f"{name}-{hashlib.sha256(content).hexdigest()[:12]}"


def _install(*arguments: object) -> None:
    _uv("pip", "install", "--quiet", "--require-hashes", *arguments)


def _uv(*arguments: object) -> None:
    done = subprocess.run(
        [UV, *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
