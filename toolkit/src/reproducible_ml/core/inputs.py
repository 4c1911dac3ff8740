"""Check that a stage reads what the stage before it wrote.

DVC hashes a file once, and trusts its date and size from then on; of the objects in its
cache, it trusts even the content. A flipped bit on the disk would go into the results,
and everything would be "up to date".
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from reproducible_ml.core.errors import UserError
from reproducible_ml.core.files import PARAMS, load_yaml
from reproducible_ml.core.params import Compute, load_section

LOCK = Path("dvc.lock")

# What follows the hash of a folder in dvc.lock.
FOLDER = ".dir"

FIX = (
    "The disk or the cache of DVC is damaged, or it was edited by hand. Fix: run"
    " `rml doctor --fix`, then `make repro`"
)


def recorded_hashes(root: Path) -> dict[str, tuple[str, str]]:
    """Return hash and origin of all data that a stage wrote or a .dvc file tracks.

    Args:
        root: Folder of dvc.lock.
    """
    found: dict[str, tuple[str, str]] = {}
    if (root / LOCK).is_file():
        for name, stage in (_read_yaml(root / LOCK).get("stages") or {}).items():
            for path, value in _hashes(stage).items():
                found[path] = value, f"stage {name} wrote"
    for pointer in sorted((root / "data").glob("**/*.dvc")):
        folder = pointer.parent.relative_to(root)
        for path, value in _hashes(_read_yaml(pointer)).items():
            origin = f"{pointer.relative_to(root).as_posix()} tracks"
            found[(folder / path).as_posix()] = value, origin
    return found


def find_changed(
    paths: Iterable[str], recorded: Mapping[str, tuple[str, str]], root: Path
) -> list[str]:
    """Return a line for each of the paths that is not what was recorded.

    A path that does not exist is none of them.

    Args:
        paths: Relative to `root`.
        recorded: Hash and origin of each.
        root: Of the repository.
    """
    known = [path for path in paths if path in recorded and (root / path).exists()]
    lines = []
    for path in known:
        expected, origin = recorded[path]
        if hash_path(root / path) == expected:
            continue
        changed = changed_files(root / path, expected, root)
        if changed or not expected.endswith(FOLDER):
            shown = "".join(f" ({name})" for name in changed[:1])
            lines.append(f"{path}{shown}: is not what {origin}. {FIX}")
    return lines


def check_inputs(paths: Iterable[str], root: Path) -> None:
    """Check that files and folders hold what was recorded of them.

    `compute.check_inputs: false` in params.yaml turns this off.

    Args:
        paths: Relative to `root`; those of which nothing was recorded are left out.
        root: Of the repository.

    Raises:
        UserError: A line for each that does not.
    """
    if (root / PARAMS).is_file() and not load_section(
        Compute, root / PARAMS
    ).check_inputs:
        return
    if problems := find_changed(paths, recorded_hashes(root), root):
        raise UserError("\n".join(problems))


def hash_path(path: Path) -> str:
    """Return the MD5 of a file or folder as DVC 3 writes it to dvc.lock."""
    if not path.is_dir():
        return _hash_file(path)
    return _hash_listing(hash_files(path, _files(path)))


def hash_files(folder: Path, files: Iterable[Path]) -> dict[str, str]:
    """Return the MD5 of files by their path in a folder."""
    names = sorted(files)
    with ThreadPoolExecutor() as pool:
        hashes = pool.map(_hash_file, names)
        return {
            file.relative_to(folder).as_posix(): value
            for file, value in zip(names, hashes, strict=True)
        }


def changed_files(path: Path, expected: str, root: Path) -> list[str]:
    """Return the files of a folder that changed, by the rules of .dvcignore.

    Without an intact listing of the folder in the cache, the folder itself is returned.
    """
    if not path.is_dir():
        return []
    from dvc.fs import LocalFileSystem
    from dvc.repo import Repo

    repository = Repo(str(root))
    walk = repository.dvcignore.walk(LocalFileSystem(), str(path))
    files = [Path(folder, name) for folder, _, names in walk for name in names]
    found = hash_files(path, files)
    if _hash_listing(found) == expected:
        return []
    listing = Path(repository.cache.local.oid_to_path(expected))
    content = listing.read_bytes() if listing.is_file() else b""
    if hashlib.md5(content, usedforsecurity=False).hexdigest() + FOLDER != expected:
        return ["."]
    was = {one["relpath"]: one["md5"] for one in json.loads(content)}
    return sorted(n for n in was.keys() | found.keys() if was.get(n) != found.get(n))


def _hash_file(path: Path) -> str:
    state = state_of(path)
    with path.open("rb") as file:
        found = hashlib.file_digest(file, md5).hexdigest()
    _known[path.absolute()] = state, found
    return found


def known_hash(path: Path) -> str:
    """Return the MD5 of a file, which this process computes once.

    It is computed again if the file was written to.
    """
    state, found = _known.get(path.absolute(), (None, ""))
    return found if state == state_of(path) else _hash_file(path)


def state_of(path: Path) -> tuple[int, ...]:
    """Return numbers that change when a file is written to."""
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


_known: dict[Path, tuple[tuple[int, ...], str]] = {}


def md5() -> Any:
    """Return a hash that is not meant to keep anything safe."""
    return hashlib.md5(usedforsecurity=False)


def _hash_listing(hashes: Mapping[str, str]) -> str:
    listing = [{"md5": hashes[n], "relpath": n} for n in sorted(hashes)]
    content = json.dumps(listing, sort_keys=True).encode()
    return hashlib.md5(content, usedforsecurity=False).hexdigest() + FOLDER


def _files(folder: Path) -> list[Path]:
    """Return the files of a folder, but unfinished ones."""
    return [
        path
        for path in folder.rglob("*")
        if path.is_file() and not (path.name[0] == "." and path.suffix == ".tmp")
    ]


def _hashes(stage: Mapping[str, Any]) -> dict[str, str]:
    """Return the hashes of outputs; those of DVC 2 are of other line endings."""
    return {
        str(out["path"]): str(out["md5"])
        for out in stage.get("outs") or ()
        if isinstance(out, dict) and out.get("hash") == "md5" and "md5" in out
    }


def _read_yaml(path: Path) -> dict[str, Any]:
    import yaml

    try:
        content = load_yaml(path.read_bytes())
    except yaml.YAMLError as error:
        raise UserError(
            f"{path.name}: is not valid YAML. Fix: git restore {path.name}, or take one"
            " side of a merge, then `make repro`"
        ) from error
    return content if isinstance(content, dict) else {}
