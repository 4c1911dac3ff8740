"""Nothing is left of commands that were killed."""

import json
import os
import re
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from reproducible_ml.doctor.check import Context, NotCheckedError, Problem, listed
from reproducible_ml.versioning.dvc import Running, find_processes
from reproducible_ml.versioning.git import killed_run, run_git

RWLOCK = ".dvc/tmp/rwlock"

EXPERIMENTS = ".dvc/tmp/exps"

# Folders in which nothing of this project is written halfway.
ELSEWHERE = {".git", ".venv", "node_modules", "__pycache__"}

# What a living command writes is younger (seconds).
YOUNG = 60


def working(root: Path) -> list[Running]:
    """Return the commands of DVC and of this toolkit that run here, but this one."""
    own = {os.getpid(), *(one.pid for one in psutil.Process().parents())}
    return [
        one
        for one in find_processes(root)
        if one.process.pid not in own and _is_ours(one.command)
    ]


def _is_ours(command: Sequence[str]) -> bool:
    return any(
        Path(part).name in ("dvc", "rml") or part.startswith("reproducible_ml")
        for part in command[:4]
    )


def check_rwlock(context: Context) -> Iterator[Problem]:
    """DVC's lock of files is valid, and held by living processes alone."""
    path = context.root / RWLOCK
    if not path.is_file():
        return
    entries = _read(path)
    if entries is None:
        if not working(context.root):
            text = f"{RWLOCK}: is empty or damaged, so that every DVC command fails"
            yield Problem(text, f"rm {RWLOCK}", partial(_remove, context, [path]))
        return
    dead = [(mode, key, one) for mode, key, one in entries if not _lives(one, path)]
    if dead:
        numbers = listed([*dict.fromkeys(str(one["pid"]) for _, _, one in dead)])
        yield Problem(
            f"{RWLOCK}: is held by processes that no longer run ({numbers})",
            "rml doctor --fix",
            partial(_release, context, path),
        )
    for number in dict.fromkeys(one["pid"] for _, _, one in entries if _stopped(one)):
        yield Problem(
            f"{RWLOCK}: is held by process {number}, which is stopped (Ctrl-Z), so that"
            " other commands fail",
            f"in its terminal: fg. Or: kill {number}; kill -CONT {number}",
        )


def _stopped(entry: dict[str, Any]) -> bool:
    try:
        return bool(psutil.Process(entry["pid"]).status() == psutil.STATUS_STOPPED)
    except psutil.Error:
        return False


def check_blocking_rwlock(context: Context) -> Iterator[Problem]:
    """The same, but only of what DVC does not correct itself.

    It removes the entries of processes whose number no other one has now.
    """
    entries = _read(context.root / RWLOCK)
    if entries is None or any(psutil.pid_exists(one["pid"]) for _, _, one in entries):
        yield from check_rwlock(context)


def _read(path: Path) -> list[tuple[str, str, dict[str, Any]]] | None:
    """Return mode, path and process of each entry; None if DVC could not read it."""
    from dvc.rwlock import SCHEMA
    from voluptuous import Invalid

    for attempt in range(2):
        try:
            content = SCHEMA(json.loads(path.read_bytes()))
        except FileNotFoundError:
            return []
        except (ValueError, Invalid):
            # Perhaps it was being written.
            time.sleep(0 if attempt else 0.3)
            continue
        return [
            (mode, key, one)
            for mode in ("read", "write")
            for key, held in content[mode].items()
            for one in (held if isinstance(held, list) else [held])
            if one
        ]
    return None


def _lives(entry: dict[str, Any], path: Path) -> bool:
    """Return whether a process is the one that made the entry.

    Another one may have got its number since.
    """
    try:
        started = psutil.Process(entry["pid"]).create_time()
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:
        return True
    return bool(started <= path.stat().st_mtime + 1)


def _release(context: Context, path: Path) -> str:
    living = [one for one in _read(path) or () if _lives(one[2], path)]
    if not living:
        return _remove(context, [path])
    content: dict[str, dict[str, Any]] = {"read": {}, "write": {}}
    for mode, key, one in living:
        if mode == "write":
            content[mode][key] = one
        else:
            content[mode].setdefault(key, []).append(one)
    path.write_text(json.dumps(content), "utf-8")
    return f"Removed the entries of dead processes from {RWLOCK}."


def _remove(context: Context, paths: Sequence[Path]) -> str:
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    return f"Removed {listed([context.name(path) for path in paths])}."


def check_hashes(context: Context) -> Iterator[Problem]:
    """The databases in which DVC remembers hashes can be read."""
    folder = _remembered(context)
    broken = [path for path in sorted(folder.rglob("*.db")) if not _is_database(path)]
    if broken:
        yield Problem(
            f"{broken[0]}: is damaged; in it DVC remembers hashes, no more",
            f"rm -r {folder}",
            partial(_remove, context, [folder]),
        )


def _remembered(context: Context) -> Path:
    """Return the folder of the databases, which DVC itself may fail to open."""
    from dvc.config import Config, ConfigError
    from dvc.dirs import site_cache_dir
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        config = Config(str(context.root / ".dvc"))
        with tempfile.TemporaryDirectory() as other:
            changed = {"core": {"site_cache_dir": other}}
            with Repo(str(context.root), config=changed) as repository:
                name = Path(repository.site_cache_dir).name
    except (ConfigError, DvcException, ValueError) as error:
        raise NotCheckedError("DVC cannot read its settings") from error
    return Path(site_cache_dir(config["core"].get("site_cache_dir")), "repo", name)


def _is_database(path: Path) -> bool:
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as database:
            return bool(database.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok")
    except sqlite3.OperationalError:
        return True  # Such as: locked by a process.
    except sqlite3.Error:
        return False


def check_index(context: Context) -> Iterator[Problem]:
    """Git's index is not locked by a process that was killed."""
    printed = run_git(context.root, "rev-parse", "--git-path", "index.lock")
    if printed is None:
        raise NotCheckedError("this is no Git repository")
    path = context.root / os.fsdecode(printed.strip())
    alive = [
        one
        for one in find_processes(context.root)
        if Path(one.command[0]).stem == "git"
    ]
    if _old(iter([path])) and not alive and not working(context.root):
        name = context.name(path)
        text = f"{name}: was left by a killed command, so that Git refuses to commit"
        yield Problem(text, f"rm {name}", partial(_remove, context, [path]))


def check_temporary(context: Context) -> Iterator[Problem]:
    """No temporary files of killed commands are left."""
    found = _old(_temporary(context.root, context.cache))
    if not found or working(context.root):
        return
    kept = {path: original for path in found if (original := _original(path))}
    rest = [path for path in found if path not in kept]
    if rest:
        names = [context.name(path) for path in rest]
        yield Problem(
            f"unfinished files of commands that were killed: {listed(names)}",
            f"rm -r {names[0]}{' ...' if names[1:] else ''}",
            partial(_remove, context, rest),
        )
    for path, original in kept.items():
        name, was = context.name(path), context.name(original)
        text = f"{name}: is {was} as it was before a command that was killed"
        if original.exists():
            yield Problem(text, f"compare them; keep {was}, or: mv {name} {was}")
        else:
            yield Problem(text, f"mv {name} {was}", partial(_back, context, path))


def _temporary(root: Path, cache: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        found = [n for n in [*folders, *names] if n[0] == "." and n.endswith(".tmp")]
        yield from (Path(folder, name) for name in found)
        skipped = {*ELSEWHERE, *found}
        folders[:] = [
            name
            for name in folders
            if name not in skipped and Path(folder, name) != root / EXPERIMENTS
        ]
    if not cache.is_relative_to(root) and cache.is_dir():
        yield from cache.glob("*/.*.tmp")
    # Downloads of `rml data`.
    yield from (
        path
        for path in (root / ".dvc/tmp").glob("tmp*")
        if path.is_dir() and re.fullmatch(r"tmp\w{8}", path.name)
    )


def _old(paths: Iterator[Path]) -> list[Path]:
    before = time.time() - YOUNG
    found = []
    for path in paths:
        try:
            date = path.lstat().st_mtime
        except FileNotFoundError:
            continue
        if date < before:
            found.append(path)
    return sorted(found)


def _original(path: Path) -> Path | None:
    """Return what a file was before a command moved or copied it aside."""
    for end in (".kept.tmp", ".old.tmp"):
        name = path.name[1:].removesuffix(end)
        if path.name.endswith(end) and name:
            original = path.with_name(name)
            # `.old` is moved away when its successor is complete.
            return None if end == ".old.tmp" and original.exists() else original
    return None


def _back(context: Context, path: Path) -> str:
    original = _original(path)
    if original is None or original.exists():
        return f"Left {context.name(path)} as it is."
    path.rename(original)
    return f"Moved {context.name(path)} back to {context.name(original)}."


def check_experiments(context: Context) -> Iterator[Problem]:
    """No copies of the repository are left of experiments that were killed."""
    if (back := killed_run(context.root)) and not working(context.root):
        text = "an experiment was killed: HEAD is detached, and its parameters are here"
        yield Problem(text, back)
    folder = context.root / EXPERIMENTS
    copies = _old(iter([*folder.glob("tmp*"), *folder.glob("standalone/tmp*")]))
    rwlock = folder / "rwlock"
    broken = rwlock.is_file() and _read(rwlock) is None
    alive = [one.folder for one in find_processes(context.root)]
    dead = [
        context.name(copy)
        for copy in copies
        if not any(folder.is_relative_to(copy) for folder in alive)
    ]
    if (dead or broken) and not working(context.root):
        what = [*dead, *([context.name(rwlock)] if broken else [])]
        text = f"left by experiments that were killed: {listed(what)}"
        yield Problem(text, "rml queue-reset")
