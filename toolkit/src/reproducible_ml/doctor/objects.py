"""Check that objects of DVC's cache and of its remotes are what their names say.

DVC makes those of the cache read-only and never hashes them again.
"""

import hashlib
import json
import re
import shutil
from collections.abc import Callable, Collection, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from reproducible_ml.core.errors import first_line
from reproducible_ml.core.inputs import FOLDER, hash_files, hash_path, md5
from reproducible_ml.doctor.check import (
    MODE,
    Context,
    NotCheckedError,
    Problem,
    hash_all,
)
from reproducible_ml.doctor.files import DIGEST
from reproducible_ml.versioning.tombstone import DELETED, read_tombstones

FIRST = re.compile(r"[0-9a-f]{2}")
REST = re.compile(r"[0-9a-f]{30}(\.dir)?")

FIX = "rml doctor --fix"

# Protocols of remotes whose files cannot be listed.
WEB = ("http", "https")


def find_objects(folder: Path) -> Iterator[Path]:
    """Yield the objects in a folder such as .dvc/cache/files/md5."""
    if folder.is_dir():
        for first in sorted(folder.iterdir()):
            if FIRST.fullmatch(first.name) and first.is_dir():
                yield from (
                    path
                    for path in sorted(first.iterdir())
                    if REST.fullmatch(path.name)
                )


def digest_of(path: Path) -> str:
    """Return the hash that an object has by its name."""
    return path.parent.name + path.name


def find_damaged(
    objects: Collection[Path], hashing: Callable[[Path], str] = hash_path
) -> Iterator[tuple[Path, str]]:
    """Yield the objects whose content is not what their name says, and why."""
    folders = {path for path in objects if path.is_dir()}
    for path in sorted(folders):
        yield path, "is a folder instead of a file"
    for path, found in hash_all([p for p in objects if p not in folders], hashing):
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
        yield Problem(text, FIX, partial(_cure_cache, context, path, copies))


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


def _cure_cache(context: Context, path: Path, copies: dict[str, Path]) -> str:
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


def check_deleted(context: Context) -> Iterator[Problem]:
    """What was deleted on purpose is not in the cache, nor among the data in use."""
    deleted = read_tombstones(context.root).by_hash
    there = [one for one in deleted if context.object_path(one).exists()]
    if there:
        yield Problem(
            f"the cache has {len(there)} objects that {DELETED} says are deleted",
            "rml forget --listed --yes",
        )
    for out in context.outputs:
        if not out.use_cache:
            continue  # Git has it.
        digest = out.hash_info.value
        gone = [digest, *list_folder(context, digest).values()]
        if found := [deleted[one] for one in gone if one in deleted]:
            yield Problem(
                f"{context.name(out.fs_path)}: this version was {found[0].text}",
                "git switch to a commit whose data are there",
            )


def check_remote(context: Context) -> Iterator[Problem]:
    """Objects of the remotes hash to their names."""
    remotes = context.repository.config["remote"]
    if not context.remote:
        raise NotCheckedError("rml doctor --remote does")
    if not remotes:
        raise NotCheckedError("there is no remote")
    for name, settings in remotes.items():
        if settings.get("version_aware") or settings.get("worktree"):
            continue  # Its objects have the names of files.
        try:
            yield from _check_remote(context, name)
        except Exception as error:
            # Each kind of storage has its own errors.
            yield Problem(
                f"remote {name} cannot be read: {first_line(error)}",
                "check network and login (.cloud/README.md)",
            )


def _check_remote(context: Context, name: str) -> Iterator[Problem]:
    storage = context.repository.cloud.get_remote_odb(name)
    if storage.fs.protocol not in WEB and not storage.fs.exists(storage.path):
        yield Problem(
            f"remote {name}: {storage.path} does not exist",
            "attach its disk; or, if nothing was ever pushed to it: dvc push",
        )
        return

    def hashing(path: Path) -> str:
        digest = digest_of(path)
        try:
            with storage.fs.open(storage.oid_to_path(digest), "rb") as file:
                return hashlib.file_digest(file, md5).hexdigest()
        except OSError as error:
            if _is_missing(error):
                return digest.removesuffix(FOLDER)  # It was not pushed: no damage.
            if storage.fs.protocol == "local":
                raise
            raise RuntimeError(first_line(error.__cause__ or error)) from error

    stored = [*_stored(context, storage)]
    objects = [Path(digest[:2], digest[2:]) for digest in stored]
    found = [(digest_of(path), why) for path, why in find_damaged(objects, hashing)]
    if storage.fs.protocol not in WEB:
        damaged = {digest for digest, _ in found}
        deleted = read_tombstones(context.root).by_hash
        lost = _lost(context, {*stored} - damaged, {*stored, *deleted})
        found += [(digest, "is gone, but its folder is there") for digest in lost]
    for digest, why in found:
        text = f"remote {name}: {digest[:2]}/{digest[2:]} {why}"
        yield Problem(text, *_remedy(context, name, storage, digest))


def _lost(context: Context, folders: set[str], stored: set[str]) -> list[str]:
    """Return the files of pushed folders that the remote does not have.

    DVC takes a folder as pushed with all its files, and never pushes these again.
    """
    members = {m for one in folders for m in list_folder(context, one).values()}
    return sorted(members - stored)


def _remedy(
    context: Context, name: str, storage: Any, digest: str
) -> tuple[str, Callable[[], str] | None]:
    if context.is_intact(digest):
        cure = partial(_cure_remote, context, name, storage, digest)
        return f"{FIX} --remote", cure
    return (
        "run `make repro`, or go to a computer that has the data, then run"
        f" `{FIX} --remote`: no intact copy is in the cache here",
        None,
    )


def _is_missing(error: OSError) -> bool:
    """Return whether a file does not exist.

    For a server that cannot be reached, or refuses, the error is the same.
    """
    cause = error.__cause__
    connected = cause is None or isinstance(cause, FileNotFoundError)
    answered = getattr(cause, "status", None) == 404
    return isinstance(error, FileNotFoundError) and (connected or answered)


def _stored(context: Context, storage: Any) -> Iterator[str]:
    """Yield the hashes of a remote's objects; of a web server, those in use."""
    if storage.fs.protocol in WEB:
        yield from sorted(find_copies(context))
    else:
        # Other files are no objects, such as those of a push that was interrupted.
        yield from sorted(filter(DIGEST.fullmatch, storage.all()))


def _cure_remote(context: Context, name: str, storage: Any, digest: str) -> str:
    """Replace an object of the remote.

    `dvc push` would not: it skips what exists, and of a folder also what it pushed
    once, even after the object was deleted.
    """
    path = storage.oid_to_path(digest)
    storage.fs.put_file(str(context.object_path(digest)), path)
    return f"Replaced {digest} on remote {name} by the intact object of the cache."
