"""The environment of the site: its packages are not among those of the project."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from reproducible_ml.core.errors import UserError
from reproducible_ml.core.files import write_text

LOCK = Path("environments/site.txt")
# In the folder that `make clean` removes, and Git ignores.
FOLDER = Path(".venv/site")


def prepare(root: Path) -> Path:
    """Return the Python of the environment, which is made if the lock is another one.

    Args:
        root: Of the repository.

    Raises:
        UserError: There is no lock, or the packages could not be installed.
    """
    lock = root / LOCK
    if not lock.is_file():
        raise UserError(
            f"{LOCK}: there is no such file, so the packages of the site are not known."
            " Fix: `git restore` it, or copy it from a new project with the component"
            " `site`"
        )
    folder = root / FOLDER
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    mark = folder / ".ready"
    known = hashlib.sha256(lock.read_bytes()).hexdigest()
    state = f"{known} {sys.version_info[0]}.{sys.version_info[1]} {folder.resolve()}\n"
    if mark.is_file() and mark.read_text("utf-8") == state and python.exists():
        return python
    sys.stdout.write(f"Installing the packages of {LOCK} into {FOLDER}\n")
    sys.stdout.flush()
    if folder.exists():
        shutil.rmtree(folder)
    required = ["--require-hashes", "--requirement", str(lock)]
    if uv := shutil.which("uv"):
        _run(uv, "venv", "--quiet", "--python", sys.executable, folder)
        _run(uv, "pip", "install", "--quiet", "--python", python, *required)
    else:
        _run(sys.executable, "-m", "venv", folder)
        pip = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        _run(*pip, *required)
    write_text(state, mark)
    return python


def _run(*command: object) -> None:
    done = subprocess.run(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.stderr.write(done.stdout)
        raise UserError(
            f"{LOCK}: its packages could not be installed; the reason is above. Fix:"
            " see Installation in docs/troubleshooting.md"
        )
