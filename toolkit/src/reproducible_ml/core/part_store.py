"""Keep finished parts of tables, so that a new file costs no more than its own size.

What a stage makes of a file or of a part depends on its content, on the code, the
parameters and other files that the stage depends on, and on the installed packages. The
store has it under a hash of all these; so nothing in it is ever out of date. It is no
output: it may be deleted at any time, and results are the same without it.

Everything is hashed again when it is taken. What is damaged is computed instead.
"""

import hashlib
import json
import logging
import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from reproducible_ml.core import inputs
from reproducible_ml.core.dependencies import TOOLKIT, StageDependencies
from reproducible_ml.core.files import PARAMS, parse_params
from reproducible_ml.core.hashing import environment, feed, hash_file, hash_value
from reproducible_ml.core.params import Compute, load_section

logger = logging.getLogger(__name__)

# Below .dvc/tmp, as Git and DVC ignore it there, and every clone has its own.
STORE = Path(".dvc/tmp/rml/parts")

# Gigabytes instead of `compute.keep_parts`.
VARIABLE = "RML_KEEP_PARTS"

# Part of each key: increase it if the same code may find entries of another form.
FORM = 1

# A copy that shares its blocks with the original until one of them is written to.
FICLONE = 0x40049409

GIGABYTE = 1_000_000_000

# Of an entry, for itself and for each of its files.
ENTRY_BYTES = 150

# Room that is left on the disk, in bytes.
RESERVE = GIGABYTE

# Library code on which the values of a part depend that the library itself keeps.
LIBRARY = ("contract", "core", "quality", "reading")


class DamagedError(Exception):
    """Something in the store is not what was put there."""


class Entry(NamedTuple):
    """What is kept under a key.

    Attributes:
        facts: JSON that was kept.
        objects: SHA-256 and MD5 of each file that was kept.
    """

    facts: Any
    objects: list[tuple[str, str]]


class PartStore:
    """Parts, and values of parts, by a hash of all that they depend on.

    Attributes:
        taken: Number of parts that were taken.
        made: Number of parts that were computed.
    """

    def __init__(
        self,
        folder: Path,
        limit: float,
        stage: StageDependencies,
        may_keep: Callable[[], bool] = lambda: True,
    ) -> None:
        """Make a store that is used by one stage.

        Args:
            folder: Of the store.
            limit: Its largest size in bytes.
            stage: What the stage depends on, relative to the current folder.
            may_keep: Whether the stage used nothing else until now.
        """
        self.folder, self.limit, self.stage = folder, limit, stage
        self._entries, self._objects = folder / "entries", folder / "objects"
        self.may_keep = may_keep
        self.taken = self.made = 0
        self.began = time.time() - 1
        # Why no more parts are kept; empty if they are.
        self.stopped = ""
        self._size: int | None = None
        self._bases: dict[Path | None, str] = {}
        self._lock = threading.Lock()
        self._code: dict[Path, tuple[int, ...]] = {}
        self._ids: dict[Path, tuple[tuple[int, ...], str]] = {}

    def key(self, kind: str, table: Path | None, *facts: Any) -> str:
        """Return the key of a result.

        Args:
            kind: What it is.
            table: The dependency of the stage that it is computed from; `facts` say
                from which part of it. None: library code makes it from a part alone.
            facts: All that it depends on besides that of the stage.
        """
        return hash_value([FORM, kind, self._basis(table), *facts])

    def id_of(self, file: Path) -> str:
        """Return the MD5 of a file, which is not hashed twice in a process."""
        if (known := self._ids.get(file)) and known[0] == inputs.state_of(file):
            return known[1]
        return inputs.known_hash(file)

    def dependency_of(self, file: Path) -> Path:
        """Return the dependency of the stage that a file is in, or is."""
        around = (path for path in self.stage.paths if file.is_relative_to(path))
        return next(around, file)

    def facts(self, key: str) -> Any:
        """Return the facts that are kept under a key, without its files, or None."""
        entry = self._read(key)
        return entry and entry.facts

    def take(self, key: str, targets: Sequence[Path] = ()) -> Any:
        """Return the facts that are kept under a key, and write its files.

        Args:
            key: As `key` returns it.
            targets: Where the files go.

        Returns:
            None if nothing is there, or not all of it is intact.
        """
        entry = self._read(key)
        if entry is None or len(entry.objects) != len(targets):
            return None
        try:
            for (name, md5), target in zip(entry.objects, targets, strict=True):
                self._give(name, target)
                self._ids[target] = inputs.state_of(target), md5
        except (OSError, DamagedError):
            for target in targets:
                target.unlink(missing_ok=True)
            self._drop(key)
            return None
        with self._lock:
            self.taken += len(targets)
        return entry.facts

    def take_all(self, jobs: Sequence[tuple[str, Sequence[Path]]]) -> list[Any]:
        """Return `take(*job)` for each job; hashing and copying run in threads."""
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return list(pool.map(lambda job: self.take(*job), jobs))

    def content(self, key: str) -> tuple[Any, bytes] | None:
        """Return the facts and the bytes that are kept under a key."""
        entry = self._read(key)
        if entry is None or len(entry.objects) != 1:
            return None
        try:
            file = self._object(entry.objects[0][0])
            content = file.read_bytes()
            if hashlib.sha256(content).hexdigest() != file.name:
                raise DamagedError(file)
        except (OSError, DamagedError):
            self._drop(key)
            return None
        _touch(file)
        return entry.facts, content

    def array(self, key: str) -> np.ndarray[Any, Any] | None:
        """Return the numbers that are kept under a key; they stay on the disk."""
        entry = self._read(key)
        if entry is None or len(entry.objects) != 1:
            return None
        file = self._object(entry.objects[0][0])
        try:
            if hash_file(file).hexdigest() != file.name:
                raise DamagedError(file)
            _touch(file)
            if not file.stat().st_size:
                return np.array([], dtype=entry.facts)
            return np.memmap(file, dtype=entry.facts, mode="r")
        except (OSError, DamagedError):
            self._drop(key)
            return None

    def put_array(self, key: str, numbers: np.ndarray[Any, Any]) -> None:
        """Keep numbers under a key."""
        self.put(key, numbers.dtype.str, contents=[numbers.tobytes()])

    def put(
        self,
        key: str,
        facts: Any,
        files: Sequence[Path] = (),
        contents: Sequence[bytes] = (),
    ) -> None:
        """Keep facts and files under a key.

        Nothing is kept if there is no room, or if the result may depend on anything
        that is no part of the key: then a later run could not know that it changed.

        Args:
            key: As `key` returns it.
            facts: JSON.
            files: Parts of a table; they are copied.
            contents: Other content, likewise.
        """
        self.made += len(files)
        if not self.may_keep() or not self._is_same_code():
            return
        size = sum(file.stat().st_size for file in files) + sum(map(len, contents))
        size += len(json.dumps(facts)) + ENTRY_BYTES * (1 + len(files) + len(contents))
        try:
            if not self._has_room(size):
                return
            objects = [self._add(file) for file in files]
            objects += [self._add(content) for content in contents]
            text = json.dumps([facts, objects], sort_keys=True, allow_nan=False)
            digest = hashlib.sha256(text.encode()).hexdigest()
            _write(f"{digest}\n{text}\n".encode(), self._entry(key))
        except OSError as error:
            # As where the disk is full: the run goes on without.
            self.stopped = error.strerror or str(error)

    def close(self) -> None:
        """Say how many parts were taken and computed."""
        if self.taken or self.made:
            stopped = f"; no more are kept: {self.stopped}" if self.stopped else ""
            logger.info(
                "parts: %d taken from %s, %d computed%s",
                self.taken,
                self.folder,
                self.made,
                stopped,
            )

    def _basis(self, table: Path | None) -> str:
        """Return the hash of what everything that is made of a table depends on."""
        if table not in self._bases:
            if table is None:
                paths = [TOOLKIT / name for name in LIBRARY]
                parameters = None
            else:
                paths = [path for path in self.stage.paths if path != table]
                parameters = _parameters(self.stage.params)
            content = {}
            for file in sorted(file for path in paths for file in _files(path)):
                state = inputs.state_of(file)
                content[_name(file)] = inputs.known_hash(file)
                self._code[file] = state
            self._bases[table] = hash_value([environment(), parameters, content])
        return self._bases[table]

    def _is_same_code(self) -> bool:
        """Return whether no file of the keys was edited while the stage runs."""
        try:
            return all(inputs.state_of(f) == then for f, then in self._code.items())
        except OSError:
            return False

    def _entry(self, key: str) -> Path:
        return self._entries / key

    def _object(self, name: str) -> Path:
        return self._objects / name

    def _read(self, key: str) -> Entry | None:
        try:
            digest, text, _ = self._entry(key).read_text("utf-8").split("\n")
            if hashlib.sha256(text.encode()).hexdigest() != digest:
                raise DamagedError(key)
            facts, objects = json.loads(text)
            _touch(self._entry(key))
            return Entry(facts, [(name, md5) for name, md5 in objects])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, DamagedError):
            self._drop(key)
            return None

    def _drop(self, key: str) -> None:
        """Remove an entry that is damaged, and its files that are so."""
        with suppress(OSError, ValueError):
            _, text, *_ = self._entry(key).read_text("utf-8").split("\n")
            for name, _ in json.loads(text)[1]:
                file = self._object(str(name))
                with suppress(FileNotFoundError):
                    if hash_file(file).hexdigest() != file.name:
                        file.unlink()
        with suppress(OSError):
            self._entry(key).unlink(missing_ok=True)

    def _give(self, name: str, target: Path) -> None:
        """Write a file that is kept, and check what was written."""
        file = self._object(name)
        digest = hashlib.sha256()
        with file.open("rb") as source, target.open("xb+") as copy:
            if _shares_blocks(source.fileno(), copy.fileno()):
                feed(copy, digest)
            else:
                feed(source, digest, copy)
        if digest.hexdigest() != name:
            raise DamagedError(name)
        _touch(file)

    def _add(self, content: Path | bytes) -> tuple[str, str]:
        """Copy a file, or write bytes, to the store; return SHA-256 and MD5."""
        digest = hashlib.sha256()
        if isinstance(content, bytes):
            digest.update(content)
            name = digest.hexdigest()
            if not self._object(name).exists():
                _write(content, self._object(name))
            return name, ""
        md5 = inputs.md5()
        temporary = self._object(f".{secrets.token_hex(8)}.tmp")
        temporary.parent.mkdir(parents=True, exist_ok=True)
        state = inputs.state_of(content)
        try:
            with content.open("rb") as source, temporary.open("xb+") as copy:
                if _shares_blocks(source.fileno(), copy.fileno()):
                    feed(copy, digest, hashes=[md5])
                else:
                    feed(source, digest, copy, [md5])
            temporary.replace(self._object(digest.hexdigest()))
        finally:
            temporary.unlink(missing_ok=True)
        self._ids[content] = state, md5.hexdigest()
        return digest.hexdigest(), md5.hexdigest()

    def moved(self, file: Path, target: Path) -> None:
        """Move a part, and know it by its new name."""
        known = self._ids.pop(file, None)
        file.rename(target)
        if known:
            self._ids[target] = inputs.state_of(target), known[1]

    def _has_room(self, size: int) -> bool:
        """Return whether so many bytes fit, after the oldest entries were removed."""
        if self.stopped:
            return False
        if self._size is None:
            self._size = sum(size for _, size, _ in self._stored())
        self.folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self.folder).free
        if self._size + size > self.limit:
            self._size = self._prune(self.limit - size)
        if self._size + size > self.limit:
            self.stopped = "the store is full: see compute.keep_parts"
        elif free < RESERVE + 2 * size:
            self.stopped = "the disk is nearly full"
        self._size += size
        return not self.stopped

    def _prune(self, limit: float) -> int:
        """Remove what was not used for longest; return the size of what is left.

        What this run used stays: it would remove what it needs next.
        """
        found = sorted(self._stored())
        size = sum(each for _, each, _ in found)
        for used, each, file in found:
            if size <= limit or used >= self.began:
                break
            with suppress(OSError):
                file.unlink()
                size -= each
        return size

    def _stored(self) -> Iterator[tuple[float, int, Path]]:
        """Yield the last use, the size and the path of each file."""
        for folder in (self._entries, self._objects):
            with suppress(FileNotFoundError):
                for one in os.scandir(folder):
                    with suppress(FileNotFoundError):
                        stat = one.stat()
                        yield stat.st_mtime, stat.st_size, Path(one.path)


_current: PartStore | None = None


def current_store(parts: int) -> PartStore | None:
    """Return the store of the stage that runs; None if it has none.

    Args:
        parts: Files or parts of the table. If there is one, nothing is kept: what is
            new is all of it.
    """
    return _current if parts > 1 else None


@contextmanager
def keeping_parts(
    stage: StageDependencies | None, may_keep: Callable[[], bool]
) -> Iterator[None]:
    """Let a stage use the store of the repository in the current folder.

    Args:
        stage: What it depends on; None if dvc.yaml does not say so.
        may_keep: Whether the stage used nothing else until now.
    """
    global _current
    limit = kept_bytes()
    if stage is None or not limit or not Path(".dvc").is_dir():
        yield
        return
    _current = store = PartStore(STORE, limit, stage, may_keep)
    try:
        yield
    finally:
        _current = None
        store.close()


def kept_bytes() -> float:
    """Return the largest size of the store; 0 if none is to be used.

    In CI there is none: what it reproduces is computed.
    """
    given = os.environ.get(VARIABLE)
    if given is not None:
        try:
            return max(0.0, float(given)) * GIGABYTE
        except ValueError:
            return 0.0
    if os.environ.get("CI") or not PARAMS.is_file():
        return 0.0
    return load_section(Compute).keep_parts * GIGABYTE


def _parameters(names: Sequence[str]) -> dict[str, Any]:
    """Return the values of parameters by their names in dvc.yaml."""
    found = parse_params(PARAMS.read_text("utf-8")) or {}
    values = {}
    for name in names:
        value = found
        for step in name.split("."):
            value = value.get(step) if isinstance(value, dict) else None
        values[name] = value
    return values


def _files(path: Path) -> list[Path]:
    """Return a file, or the files of a folder, as far as DVC hashes them."""
    if path.is_file():
        return [path]
    return [
        file
        for file in path.rglob("*")
        if "__pycache__" not in file.parts and not file.is_dir()
    ]


def _name(file: Path) -> str:
    """Return a name that is the same in every clone."""
    inside = file.is_relative_to(TOOLKIT)
    return (file.relative_to(TOOLKIT) if inside else file).as_posix()


def _touch(file: Path) -> None:
    with suppress(OSError):
        os.utime(file)


def _write(content: bytes, path: Path) -> None:
    """Write a file at once; several processes may write the same."""
    temporary = path.with_name(f".{secrets.token_hex(8)}.tmp")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _shares_blocks(source: int, copy: int) -> bool:
    """Let a copy share its blocks with the original, where the file system can."""
    try:
        from fcntl import ioctl

        ioctl(copy, FICLONE, source)
    except (ImportError, OSError):
        return False
    return True
