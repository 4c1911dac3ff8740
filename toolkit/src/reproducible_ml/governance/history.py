"""What all commits, and the run cache, recorded of data: which came of which."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import yaml

from reproducible_ml.core.files import load_yaml
from reproducible_ml.governance.storages import FOLDER, Storage
from reproducible_ml.versioning.git import run_git
from reproducible_ml.versioning.lock import LOCK

POINTER = ".dvc"


class Record(NamedTuple):
    """Outputs, and the hashes that they were made of.

    Attributes:
        read: Hashes of what a stage read; none for a table that DVC only tracks.
        written: Hash of each output, with its path.
        source: The file that says so: a blob of Git, or an entry of the run cache.
        paths: Hash and path of what it read.
    """

    read: frozenset[str]
    written: tuple[tuple[str, str], ...]
    source: str
    paths: tuple[tuple[str, str], ...] = ()


class History(NamedTuple):
    """All records.

    Attributes:
        records: Of every commit, and of the run cache.
        current: Those of the working tree.
        commits: Which commits have a source.
    """

    records: list[Record]
    current: list[Record]
    commits: dict[str, list[str]]

    def paths(self, folders: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
        """Return a path that each hash was recorded for, the newest one.

        Args:
            folders: The files of each folder.
        """
        found: dict[str, str] = {}
        for record in [*self.current, *self.records]:
            for digest, path in record.written:
                found.setdefault(digest, path)
                for name, member in folders.get(digest, {}).items():
                    found.setdefault(member, f"{path}/{name}")
        return found


def read_history(root: Path, storages: Iterable[Storage]) -> History:
    """Return what was recorded in a repository and in its run caches."""
    commits: dict[str, list[str]] = {}
    records: list[Record] = []
    listed = run_git(root, "rev-list", "--all", "--reflog") or b""
    prefix = (run_git(root, "rev-parse", "--show-prefix") or b"").decode().strip()
    parsed: dict[str, list[Record]] = {}
    for commit in listed.decode().split():
        together = []
        for blob, name in _files(root, commit, prefix):
            new = blob not in commits
            commits.setdefault(blob, []).append(commit)
            if new:
                content = run_git(root, "cat-file", "blob", blob) or b""
                parsed[blob] = parse(content, name, blob)
            together.append((new, parsed[blob]))
        every = [record for _, found in together for record in found]
        for new, found in together:
            records += [with_parts(record, every) for record in found if new]
    for storage in storages:
        for run in storage.runs:
            records += parse(storage.read(run), LOCK, f"{storage.name} {run}")
    current = [
        record
        for path in sorted(root.rglob("*"))
        if _records_data(path.name)
        and path.is_file()
        and not {".venv", ".git", ".dvc"} & {*path.relative_to(root).parts}
        for record in parse(
            path.read_bytes(), path.relative_to(root).as_posix(), "the working tree"
        )
    ]
    current = [with_parts(record, current) for record in current]
    return History(records, current, commits)


def _records_data(name: str) -> bool:
    return PurePosixPath(name).name == LOCK or name.endswith(POINTER)


def with_parts(record: Record, every: Iterable[Record]) -> Record:
    """Return a record that also read the outputs in a folder that it read.

    The hash of such a folder is that of no output; nor is that of a folder in one.
    """
    parts = {
        digest
        for other in every
        for digest, path in other.written
        for hash_, read in record.paths
        if _in(path, read) or (hash_.endswith(FOLDER) and _in(read, path))
    }
    return record._replace(read=record.read | parts) if parts else record


def _in(path: str, folder: str) -> bool:
    return path.startswith(f"{folder}/")


def _files(root: Path, commit: str, prefix: str) -> Iterator[tuple[str, str]]:
    """Yield hash and name of the files of a commit that record data."""
    listed = run_git(root, "ls-tree", "-r", "-z", "--full-tree", commit) or b""
    for line in listed.decode("utf-8", "surrogateescape").split("\0"):
        meta, _, name = line.partition("\t")
        inside = name.startswith(prefix) and name[len(prefix) :]
        if inside and _records_data(inside):
            yield meta.split()[2], inside


def parse(content: bytes, name: str, source: str) -> list[Record]:
    """Return the records of a dvc.lock, a .dvc file or an entry of the run cache."""
    try:
        found = load_yaml(content)
    except (yaml.YAMLError, ValueError):
        return []
    if not isinstance(found, dict):
        return []
    stages = found.get("stages")
    every = [*stages.values()] if isinstance(stages, dict) else [found]
    folder = PurePosixPath(name).parent
    if name.endswith(POINTER) and "cmd" not in found:
        # What it names as dependency is where an import came from.
        every = [{"outs": found.get("outs")}]
    return [
        Record(
            frozenset(_hash(one) for one in _items(stage, "deps")) - {""},
            tuple(
                (_hash(one), (folder / str(one.get("path"))).as_posix())
                for one in _items(stage, "outs")
                if _hash(one)
            ),
            source,
            tuple(
                (_hash(one), (folder / str(one.get("path"))).as_posix())
                for one in _items(stage, "deps")
            ),
        )
        for stage in every
        if isinstance(stage, dict)
    ]


def _items(stage: Mapping[str, Any], kind: str) -> list[dict[str, Any]]:
    found = stage.get(kind)
    return (
        [one for one in found if isinstance(one, dict)]
        if isinstance(found, list)
        else []
    )


def _hash(item: Mapping[str, Any]) -> str:
    return str(item.get("md5") or "")


def members(storages: Iterable[Storage]) -> dict[str, dict[str, str]]:
    """Return the files of each folder that a storage has: their hashes by path."""
    found: dict[str, dict[str, str]] = {}
    for storage in storages:
        for digest, paths in storage.objects.items():
            if digest.endswith(FOLDER) and digest not in found:
                try:
                    listing = json.loads(storage.read(paths[0]))
                    found[digest] = {
                        str(one["relpath"]): str(one["md5"]) for one in listing
                    }
                except (ValueError, TypeError, KeyError, OSError):
                    continue
    return found
