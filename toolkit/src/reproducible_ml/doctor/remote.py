"""Objects of DVC's remotes are what their names say."""

import hashlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from reproducible_ml.core.errors import first_line
from reproducible_ml.core.inputs import FOLDER, md5
from reproducible_ml.doctor.cache import (
    FIX,
    digest_of,
    find_copies,
    find_damaged,
    list_folder,
)
from reproducible_ml.doctor.check import Context, NotCheckedError, Problem
from reproducible_ml.doctor.files import DIGEST

# Their files cannot be listed.
WEB = ("http", "https")


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
        lost = _lost(context, {*stored} - damaged, {*stored})
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
