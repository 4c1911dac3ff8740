"""Whether something has been done for the files as they are now: hashes of contents.

Modification times are not used: clocks may be wrong, and Git sets new times.
"""

import hashlib
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from reproducible_ml.core.dependencies import read_stages
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.files import write_text


def content_hash(files: Iterable[Path]) -> str:
    """Return a hash of the names and contents of files, in the order given."""
    digest = hashlib.sha256()
    for file in files:
        content = file.read_bytes() if file.is_file() else b""
        digest.update(f"{file}\0{len(content)}\0".encode("utf-8", "surrogateescape"))
        digest.update(content)
    return digest.hexdigest()


class Stamp:
    """A file that stores a hash, for instance that of the last successful run."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def matches(self, current: str) -> bool:
        """Return whether the stored hash is this one."""
        return self.path.is_file() and self.path.read_text("utf-8").strip() == current

    def save(self, current: str) -> None:
        """Store a hash."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_text(f"{current}\n", self.path)


def repository_files(root: Path) -> list[Path]:
    """Return the files that Git tracks or would track, sorted by name.

    Raises:
        UserError: The folder is not a Git repository.
    """
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=root, capture_output=True, check=False)
    if done.returncode:
        raise UserError(f"{root}: is not a Git repository. Fix: run `git init`.")
    names = done.stdout.decode("utf-8", "surrogateescape").split("\0")
    return [root / name for name in sorted({*names} - {""})]


def run_once(root: Path, name: str, command: Sequence[str], *, force: bool) -> int:
    """Run a command, unless it has succeeded on the same files; return its exit code.

    Args:
        root: Root of the repository.
        name: Name of the command, under which its last success is stored.
        command: Program and arguments.
        force: Whether to run it even if it has succeeded.
    """
    stamp, before = _stamp(root, name), _state(root)
    if not force and stamp.matches(before):
        sys.stdout.write(
            f"`make {name}` has succeeded on these files. To run it again: FORCE=1\n"
        )
        return 0
    code = subprocess.run(command, cwd=root, check=False).returncode
    if code == 0:
        # The hash from before: a file changed meanwhile may not have been tested.
        stamp.save(before)
    return code


def has_passed(root: Path, name: str) -> bool | None:
    """Return whether `run_once` succeeded on the files as they are now.

    None if it never succeeded here.
    """
    stamp = _stamp(root, name)
    return stamp.matches(_state(root)) if stamp.path.is_file() else None


def _stamp(root: Path, name: str) -> Stamp:
    return Stamp(root / ".venv" / f".{name}")


def _state(root: Path) -> str:
    # Tests of the tables that a run makes are skipped until it was run.
    stages = read_stages(root).values()
    made = sum((root / path).exists() for each in stages for path in each.outputs)
    return f"{content_hash(repository_files(root))}, {made} outputs"
