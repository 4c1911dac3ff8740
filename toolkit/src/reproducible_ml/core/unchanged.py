"""Whether files are the same as at an earlier time, by their content.

Dates say nothing: a clock may be wrong, and Git sets them anew.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

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
