"""Objects of DVC's cache are what their names say.

DVC makes them read-only and never hashes them again.
"""

import hashlib
import json
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from reproducible_ml.core.inputs import FOLDER, hash_files, hash_path
from reproducible_ml.doctor.check import (
    MODE,
    Context,
    NotCheckedError,
    Problem,
    hash_all,
)

FIRST = re.compile(r"[0-9a-f]{2}")
REST = re.compile(r"[0-9a-f]{30}(\.dir)?")

FIX = "rml doctor --fix"


def find_objects(folder: Path) -> Iterator[Path]:
    """Yield the objects in a folder such as .dvc/cache/files/md5."""
    if folder.is_dir():
        for first in sorted(folder.iterdir()):
            if FIRST.fullmatch(first.name) and first.is_dir():
                yield from (
                    path
                    for path in sorted(first.iterdir())
                    if REST.fullmatch(path.name) and not path.is_dir()
                )


def digest_of(path: Path) -> str:
    """Return the hash that an object has by its name."""
    return path.parent.name + path.name


def find_damaged(
    objects: Iterable[Path], hashing: Callable[[Path], str] = hash_path
) -> Iterator[tuple[Path, str]]:
    """Yield the objects whose content is not what their name says, and why."""
    for path, found in hash_all([*objects], hashing):
        if isinstance(found, OSError):
            yield path, f"cannot be read: {found.strerror}"
        elif found != digest_of(path).removesuffix(FOLDER):
            yield path, "is damaged: its content is not what its name says"


def check_cache(context: Context) -> Iterator[Problem]:
    """Objects of the cache hash to their names, those of DVC 2 as well."""
    objects = [*find_objects(context.cache)]
    # DVC 2 kept them two folders higher, and hashed text with the line ends of Unix.
    older = [*find_objects(context.cache.parent.parent)]
    if not objects and not older:
        raise NotCheckedError("the cache is empty")
    found = [*find_damaged(objects), *find_damaged(older, _hash_as_dvc_2)]
    copies = find_copies(context) if found else {}
    for path, why in found:
        text = f"{context.name(path)} {why}"
        yield Problem(text, FIX, partial(_cure, context, path, copies))


def _hash_as_dvc_2(path: Path) -> str:
    from dvc_data.hashfile.hash import file_md5

    digest: str = file_md5(str(path), name="md5-dos2unix")
    return digest


def find_copies(context: Context) -> dict[str, Path]:
    """Return the files and folders here that objects are copies of, by hash."""
    copies: dict[str, Path] = {}
    try:
        outputs = context.outputs
    except NotCheckedError:
        return {}
    for out in outputs:
        path, digest = Path(out.fs_path), out.hash_info.value
        copies[digest] = path
        for name, member in list_folder(context, digest).items():
            copies[member] = path / name
    return copies


def list_folder(context: Context, digest: str) -> dict[str, str]:
    """Return the hashes of the files in a folder, if the cache has its listing."""
    if not digest.endswith(FOLDER) or not context.is_intact(digest):
        return {}
    listing = json.loads(context.object_path(digest).read_bytes())
    return {one["relpath"]: one["md5"] for one in listing}


def _cure(context: Context, path: Path, copies: dict[str, Path]) -> str:
    """Write the object anew from an intact copy, or move it away."""
    digest = digest_of(path)
    content = _intact(copies.get(digest), digest)
    shown = context.set_aside(path)
    if content is None:
        return (
            f"Moved {context.name(path)} to {shown}. What was made of it comes back by"
            " `dvc pull` or `make repro`."
        )
    temporary = path.with_name(f".{path.name}.tmp")
    if isinstance(content, bytes):
        temporary.write_bytes(content)
    else:
        shutil.copyfile(content, temporary)
    temporary.chmod(MODE)
    temporary.replace(path)
    return f"Wrote {context.name(path)} anew from {context.name(copies[digest])}."


def _intact(copy: Path | None, digest: str) -> Path | bytes | None:
    """Return the file, or the listing of the folder, that has this hash."""
    if copy is None or not copy.exists() or hash_path(copy) != digest:
        return None
    if not copy.is_dir():
        return copy
    hashes = hash_files(copy, [file for file in copy.rglob("*") if file.is_file()])
    entries = [{"md5": hashes[name], "relpath": name} for name in sorted(hashes)]
    content = json.dumps(entries, sort_keys=True).encode()
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return content if f"{found}{FOLDER}" == digest else None
