"""DVC's cache and remotes as folders of objects, whatever kind of storage they are."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

from reproducible_ml.core.errors import UserError, first_line

# Places of objects, of DVC 3 and of DVC 2, and of entries of the run cache.
OBJECT = re.compile(r"(?:files/md5/)?([0-9a-f]{2})/([0-9a-f]{30}(?:\.dir)?)")
RUN = re.compile(r"runs/[0-9a-f]{2}/[0-9a-f]{64}/[0-9a-f]{64}")

FOLDER = ".dir"


class Storage(NamedTuple):
    """The cache, or a remote.

    Attributes:
        name: In words.
        fs: Its file system.
        objects: The paths of each object, by hash.
        runs: The paths of the entries of the run cache.
        database: DVC's own view of it.
    """

    name: str
    fs: Any
    objects: dict[str, list[str]]
    runs: list[str]
    database: Any

    def read(self, path: str) -> bytes:
        """Return the content of a file."""
        with self.open(path) as file:
            return file.read()

    def open(self, path: str) -> IO[bytes]:
        """Return a file, open to be read."""
        file: IO[bytes] = self.fs.open(path, "rb")
        return file

    def size(self, digest: str) -> int:
        """Return the bytes of an object."""
        return sum(
            int(self.fs.size(path) or 0) for path in self.objects.get(digest, ())
        )

    def remove(self, paths: list[str]) -> None:
        """Delete files, and let DVC forget that they are there."""
        for path in paths:
            if self.fs.protocol == "local":
                Path(path).chmod(0o644)  # DVC makes them read-only
            self.fs.remove(path)
        from dvc_data.hashfile.db import get_index

        get_index(self.database).clear()


def open_storages(repository: Any) -> list[Storage]:
    """Return the cache and all remotes of a repository, the cache first.

    Raises:
        UserError: A remote cannot be reached, or keeps files by other names.
    """
    cache = repository.cache
    found = [_list("cache", cache.legacy.fs, cache.legacy.path, cache.local)]
    for name, settings in repository.config["remote"].items():
        if settings.get("version_aware") or settings.get("worktree"):
            raise UserError(
                f"remote {name}: keeps versions of files in the storage itself"
                " (version_aware). Fix: delete the versions there by hand, remove the"
                " remote from .dvc/config, and run this again"
            )
        try:
            legacy = repository.cloud.get_remote_odb(name, hash_name="md5-dos2unix")
            database = repository.cloud.get_remote_odb(name)
            # An empty folder may as well be a disk that is not attached.
            if not legacy.fs.exists(legacy.path):
                raise FileNotFoundError(f"{legacy.path} does not exist")
            found.append(_list(f"remote {name}", legacy.fs, legacy.path, database))
        except Exception as error:
            # Each kind of storage has its own errors.
            raise UserError(
                f"remote {name}: cannot be read: {first_line(error)}. Nothing was"
                " deleted. Fix: check address and login (.cloud/README.md); if nothing"
                f" was ever pushed to it: dvc remote remove {name}"
            ) from error
    return found


def _list(name: str, fs: Any, root: str, database: Any) -> Storage:
    objects: dict[str, list[str]] = {}
    runs = []
    for path, inside in _walk(fs, root):
        if known := OBJECT.fullmatch(inside):
            objects.setdefault(known[1] + known[2], []).append(path)
        elif RUN.fullmatch(inside):
            runs.append(path)
    return Storage(name, fs, objects, sorted(runs), database)


def _walk(fs: Any, root: str) -> Iterator[tuple[str, str]]:
    if fs.exists(root):
        for path in fs.find(root):
            yield path, fs.as_posix(fs.relpath(path, root))
