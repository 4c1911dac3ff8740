"""Whether files are the same as at an earlier time, by their content.

Dates say nothing: a clock may be wrong, and Git sets them anew.
"""

import hashlib
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from reproducible_ml.core.errors import UserError
from reproducible_ml.core.files import write_text


def content_hash(files: Iterable[Path]) -> str:
    """Return a hash of the names and contents of files, in their order."""
    digest = hashlib.sha256()
    for file in files:
        content = file.read_bytes() if file.is_file() else b""
        digest.update(f"{file}\0{len(content)}\0".encode("utf-8", "surrogateescape"))
        digest.update(content)
    return digest.hexdigest()


class Stamp:
    """A file that remembers a hash, for instance that of the last successful run."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def matches(self, current: str) -> bool:
        """Return whether the hash is the one that was remembered."""
        return self.path.is_file() and self.path.read_text("utf-8").strip() == current

    def remember(self, current: str) -> None:
        """Remember a hash."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_text(f"{current}\n", self.path)


def repository_files(root: Path) -> list[Path]:
    """Return the files that Git tracks or would track, in order.

    Raises:
        UserError: This is not a Git repository.
    """
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=root, capture_output=True, check=False)
    if done.returncode:
        raise UserError(f"{root}: is not a Git repository. Run `git init`.")
    names = done.stdout.decode("utf-8", "surrogateescape").split("\0")
    return [root / name for name in sorted({*names} - {""})]


def run_once(root: Path, name: str, command: Sequence[str], *, force: bool) -> int:
    """Run a command unless it succeeded on the same files; return its exit code.

    Args:
        root: Of the repository.
        name: Tells commands apart.
        command: Program and arguments.
        force: Run it in any case.
    """
    stamp = Stamp(root / ".venv" / f".{name}")
    before = content_hash(repository_files(root))
    if not force and stamp.matches(before):
        sys.stdout.write(
            f"`make {name}` succeeded on these files before. To run it again: FORCE=1\n"
        )
        return 0
    code = subprocess.run(command, cwd=root, check=False).returncode
    if code == 0:
        # A file that changed meanwhile was perhaps not tested.
        stamp.remember(before)
    return code
