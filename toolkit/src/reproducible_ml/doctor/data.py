"""Data in the working tree are those that dvc.lock and .dvc files record."""

import os
import re
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from reproducible_ml.core.inputs import FOLDER, changed_files
from reproducible_ml.doctor.check import (
    Context,
    NotCheckedError,
    Problem,
    hash_all,
    listed,
)
from reproducible_ml.doctor.leftovers import working
from reproducible_ml.doctor.objects import FIX, find_copies, list_folder
from reproducible_ml.versioning.dvc import run_dvc
from reproducible_ml.versioning.git import run_git
from reproducible_ml.versioning.tombstone import read_tombstones

RAW = "data/raw/"

# What a shell, Make, YAML, URLs or DVC's configuration take for more than a character.
UNSAFE = re.compile(r"""[\s:;#$%&|<>*?!"'`\\(){}\[\]~^]|(?:^|/)-""")


def check_data(context: Context) -> Iterator[Problem]:
    """Outputs and raw tables are what dvc.lock and .dvc files say."""
    if working(context.root):
        raise NotCheckedError("a command works in this project")
    outputs = {Path(out.fs_path): out for out in context.outputs}
    broken = {path: _broken_links(path) for path in outputs}
    for links in broken.values():
        for link in links:
            text = f"{context.name(link)}: is a link to an object that is gone"
            yield Problem(text, FIX, partial(_unlink, context, link))
    there = [path for path in outputs if path.exists() and not broken[path]]
    if not there and not any(broken.values()):
        raise NotCheckedError("no data are here (`make repro` or `dvc pull`)")
    for path, found in hash_all(there):
        expected = outputs[path].hash_info.value
        if isinstance(found, OSError):
            yield Problem(
                f"{context.name(path)}: cannot be read: {found.strerror}",
                f"look at {context.name(found.filename or path)}",
            )
        elif found != expected:
            yield from _changed(context, outputs[path], path)


def _broken_links(path: Path) -> list[Path]:
    if path.is_dir():
        return [link for link in path.rglob("*") if link.is_symlink() and _gone(link)]
    return [path] if path.is_symlink() and _gone(path) else []


def _gone(link: Path) -> bool:
    return not link.exists()


def _unlink(context: Context, link: Path) -> str:
    link.unlink()
    return f"Removed {context.name(link)}. `dvc pull` or `make repro` brings it back."


def _changed(context: Context, out: Any, path: Path) -> Iterator[Problem]:
    """Yield the problem of an output that is not what was recorded."""
    names = changed_files(path, out.hash_info.value, context.root)
    if path.is_dir() and not names:
        return  # What .dvcignore names was all.
    files = [path / name for name in names] if path.is_dir() else [path]
    names, gone = _without_deleted(context, out.hash_info.value, names)
    if gone:
        return  # The check of deleted data says so.
    some = f" ({listed(names)})" if names and names != ["."] else ""
    if not out.stage.is_data_source:
        # Of missing files, as of those of a new clone, there is nothing to say.
        if any(map(os.path.lexists, files)):
            text = f"{context.name(path)}{some}: is not what dvc.lock records"
            yield _wrong_output(context, out, files, text)
        return
    record = context.name(out.stage.path)
    text = f"{context.name(path)}{some}: is not what {record} records"
    yield _wrong_raw_data(context, out, files, text)


def _without_deleted(
    context: Context, digest: str, names: list[str]
) -> tuple[list[str], bool]:
    """Return the changed files that were not deleted on purpose; whether none is left.

    Args:
        context: The project.
        digest: Of the file or folder, as it was recorded.
        names: Of the changed files in it; empty for a file.
    """
    deleted = read_tombstones(context.root).by_hash
    if digest in deleted:
        return [], True
    files = list_folder(context, digest)
    left = [name for name in names if files.get(name) not in deleted]
    return left, bool(names) and not left


def _wrong_output(
    context: Context, out: Any, files: Sequence[Path], text: str
) -> Problem:
    restore = _restorer(context, out, files)
    if restore is None and out.changed_checksum():
        # DVC sees it as well.
        return Problem(text, "make repro")
    return Problem(text, FIX, partial(_replace, context, files, restore, "make repro"))


def _wrong_raw_data(
    context: Context, out: Any, files: Sequence[Path], text: str
) -> Problem:
    path = Path(out.fs_path)
    if out.changed_checksum():
        return Problem(f"{text}; it was edited", _edited(context, out, path))
    restore = _restorer(context, out, files)
    source = _source(context, out)
    if restore is None and not source:
        return Problem(
            f"{text}; it was not edited, it is damaged",
            "restore it from a backup: there is no other copy here, and no remote. To"
            f" take it as it is: touch {context.name(path)} && make repro",
        )
    if restore is None:
        # All of it: `dvc repro` takes a folder that lacks a file for a new version.
        files = [path]
    return Problem(text, FIX, partial(_replace, context, files, restore, source))


def _edited(context: Context, out: Any, path: Path) -> str:
    keep = "make repro"
    if out.stage.deps:
        keep = f"dvc commit --force {context.name(out.stage.path)} && make repro"
    lose = f"dvc checkout --force {context.name(path)}"
    stored = context.is_intact(out.hash_info.value)
    return f"to keep the edit: {keep}; to lose it: {lose if stored else 'dvc pull -f'}"


def _source(context: Context, out: Any) -> str:
    """Return the command that may bring tracked data back, or nothing."""
    if context.repository.config["remote"]:
        return "dvc pull"
    for dep in out.stage.deps:
        if dep.protocol != "local" or Path(dep.fs_path).exists():
            return f"dvc update {context.name(out.stage.path)}"
    return ""


def _restorer(context: Context, out: Any, files: Sequence[Path]) -> list[str] | None:
    """Return the command that brings the recorded content back, if it is here."""
    path = Path(out.fs_path)
    name = context.name(path)
    if not out.use_cache:
        return ["git", "restore", "--", name] if _same_in_git(context, out) else None
    wanted = find_copies(context) if out.hash_info.value.endswith(FOLDER) else {}
    by_path = {copy: digest for digest, copy in wanted.items()}
    by_path[path] = out.hash_info.value
    needed = [by_path.get(file) for file in [path, *files]]
    # A file that was not recorded is only moved away.
    intact = all(context.is_intact(digest) for digest in needed if digest)
    return ["dvc", "checkout", "--force", name] if intact else None


def _same_in_git(context: Context, out: Any) -> bool:
    """Return whether the index of Git has a report as dvc.lock records it."""
    import hashlib

    content = run_git(context.root, "show", f":./{context.name(out.fs_path)}")
    if content is None:
        return False
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return bool(found == out.hash_info.value)


def _replace(
    context: Context, files: Sequence[Path], restore: list[str] | None, source: str
) -> str:
    """Move damaged files away and restore them, or leave that to another command."""
    moved = [context.set_aside(file) for file in files if os.path.lexists(file)]
    names = listed([context.name(file) for file in files])
    aside = f" What was there is in {listed(moved, 1)}." if moved else ""
    if restore is None:
        return f"Moved {names} away. To bring it back: {source}.{aside}"
    if restore[0] == "dvc":
        run_dvc(*restore[1:], cwd=context.root)
    else:
        run_git(context.root, *restore[1:])
    return f"Restored {names}.{aside}"


def check_raw(context: Context) -> Iterator[Problem]:
    """Raw data of stages are outputs of a stage, or tracked by a .dvc file in Git."""
    owners = {
        context.name(out.fs_path): stage
        for stage in context.stages
        for out in stage.outs
    }
    tracked = {*context.tracked}
    for name, recorded in _raw_dependencies(context).items():
        owner = next((owners[o] for o in owners if _overlap(o, name)), None)
        if owner is None:
            known = name in tracked or any(t.startswith(f"{name}/") for t in tracked)
            if not known:
                yield Problem(
                    f"{name}: a stage reads it, but neither DVC nor Git tracks it, so"
                    " no other clone will have it",
                    f"dvc add {name}, then commit {name}.dvc",
                )
            continue
        pointer = context.name(owner.path)
        if owner.is_data_source and pointer not in tracked:
            yield Problem(
                f"{pointer}: Git does not track it, so no other clone will have the"
                f" table {name}",
                f"git add {pointer}, then commit it",
            )
        hashes = {context.name(o.fs_path): o.hash_info.value for o in owner.outs}
        if recorded and hashes.get(name) and hashes[name] != recorded:
            yield Problem(
                f"{name}: dvc.lock was made with another version than {pointer} has",
                "make repro, then commit dvc.lock and reports/",
            )


def _raw_dependencies(context: Context) -> dict[str, str | None]:
    """Return the recorded hash of everything in data/raw/ that a stage reads."""
    return {
        context.name(dep.fs_path): dep.hash_info.value if dep.hash_info else None
        for stage in context.stages
        for dep in stage.deps
        if dep.protocol == "local" and context.name(dep.fs_path).startswith(RAW)
    }


def _overlap(one: str, other: str) -> bool:
    return one == other or f"{other}/".startswith(f"{one}/")


def check_names(context: Context) -> Iterator[Problem]:
    """Names of data need no quotes anywhere."""
    names = {
        context.name(item.fs_path)
        for stage in context.stages
        for item in [*stage.deps, *stage.outs]
        if item.protocol == "local" and Path(item.fs_path).is_relative_to(context.root)
    }
    raw = context.root / RAW
    names |= {f"{RAW}{path.name}" for path in (raw.iterdir() if raw.is_dir() else ())}
    for name in sorted(names):
        if unsafe := UNSAFE.findall(name):
            shown = " ".join(dict.fromkeys(repr(one) for one in unsafe))
            yield Problem(
                f"{name!r}: has characters that commands and YAML read as syntax:"
                f" {shown}",
                "rename it: letters, digits, dots, dashes and underscores",
            )
