"""dvc.lock: what it records, how two of them differ, and whether it is up to date."""

import json
import shlex
import subprocess
import sys
from collections.abc import Container, Iterable, Iterator, Mapping
from pathlib import Path, PurePath
from typing import Any, NamedTuple

from reproducible_ml.core.errors import UserError, one_line
from reproducible_ml.versioning.dvc import run_dvc
from reproducible_ml.versioning.git import Revision, run_git

LOCK = "dvc.lock"

FIX = "Run `make repro`, then commit dvc.lock and reports/."

# States of files that are only in the cache or remote, as in a new clone.
ABSENT = ("deleted", "not in cache")

Lock = Mapping[str, Any]


class Difference(NamedTuple):
    """How a stage of one lock file differs from the same stage in another.

    Attributes:
        stage: Its name.
        inputs: Changed parameters and files from outside the pipeline, and `cmd`.
        upstream: Changed outputs of other stages that it reads.
        outputs: Changed outputs.
        only_in: `old` or `new` if only that side has the stage.
    """

    stage: str
    inputs: tuple[str, ...] = ()
    upstream: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    only_in: str = ""


def locked_stages(lock: Lock) -> dict[str, dict[str, Any]]:
    """Return the stages of a lock file by name."""
    found = lock.get("stages")
    if not isinstance(found, dict):
        return {}
    return {
        str(name): stage for name, stage in found.items() if isinstance(stage, dict)
    }


def locked_hashes(stage: Mapping[str, Any], kind: str) -> dict[str, str]:
    """Return the hash of each of a stage's `deps` or `outs` by path."""
    return {
        str(item["path"]): str(item.get("md5") or item)
        for item in stage.get(kind) or ()
        if isinstance(item, dict) and "path" in item
    }


def locked_outputs(lock: Lock) -> dict[str, str]:
    """Return the hash of each output of all stages by path."""
    found: dict[str, str] = {}
    for stage in locked_stages(lock).values():
        found |= locked_hashes(stage, "outs")
    return found


def locked_dependencies(lock: Lock) -> set[str]:
    """Return the paths that any stage depends on."""
    stages = locked_stages(lock).values()
    return {path for stage in stages for path in locked_hashes(stage, "deps")}


def upstream_stages(lock: Lock, outputs: Iterable[str]) -> set[str]:
    """Return the stages that outputs come from, directly or through others."""
    stages = locked_stages(lock)
    makers = {path: n for n, s in stages.items() for path in locked_hashes(s, "outs")}
    found: set[str] = set()
    waiting = {makers[path] for path in outputs if path in makers}
    while waiting:
        found |= waiting
        read = {path for n in waiting for path in locked_hashes(stages[n], "deps")}
        waiting = {makers[path] for path in read if path in makers} - found
    return found


def compare_locks(old: Lock, new: Lock) -> list[Difference]:
    """Return the stages that differ, in the order of the new lock file."""
    was, now = locked_stages(old), locked_stages(new)
    written = locked_outputs(new).keys()
    found = []
    for name in dict.fromkeys([*now, *was]):
        if name not in now or name not in was:
            side = "new" if name in now else "old"
            found.append(Difference(name, only_in=side))
        elif was[name] != now[name]:
            found.append(_compare(name, was[name], now[name], written))
    return found


def _compare(
    name: str, old: Mapping[str, Any], new: Mapping[str, Any], written: Container[str]
) -> Difference:
    deps = changed_keys(locked_hashes(old, "deps"), locked_hashes(new, "deps"))
    upstream = [path for path in deps if path in written]
    inputs = ["cmd"] if old.get("cmd") != new.get("cmd") else []
    inputs += changed_keys(_params(old), _params(new))
    inputs += [path for path in deps if path not in written]
    outputs = changed_keys(locked_hashes(old, "outs"), locked_hashes(new, "outs"))
    return Difference(name, tuple(inputs), tuple(upstream), tuple(outputs))


def changed_keys(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return the keys whose values differ, or that only one side has."""
    keys = dict.fromkeys([*new, *old])
    return [
        key for key in keys if key not in old or key not in new or old[key] != new[key]
    ]


def _params(stage: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that a stage reads, by dotted key."""
    files = stage.get("params")
    if not isinstance(files, dict):
        return {}
    return {key: value for keys in files.values() for key, value in flatten(keys)}


def flatten(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield dotted key and value of everything in nested mappings."""
    if isinstance(value, dict) and (value or not prefix):
        for key, item in value.items():
            yield from flatten(item, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, value


def find_outdated(root: Path, *, data: bool) -> list[tuple[str, str]]:
    """Return stage and reason for everything in which dvc.lock is not up to date.

    Args:
        root: Of the repository.
        data: Whether the data must be in the working tree as well.

    Raises:
        UserError: DVC cannot read dvc.yaml.
    """
    locked = locked_stages(Revision(root).yaml(LOCK))
    names = run_dvc("stage", "list", "--name-only", cwd=root).split()
    found = [(name, "is not in dvc.lock") for name in names if name not in locked]
    found += _no_longer_declared(root, locked)
    status = json.loads(run_dvc("status", "--json", cwd=root) or "{}")
    reported = [
        (stage, path, state)
        for stage, items in status.items()
        if stage not in dict(found)
        for path, state in _reported(items)
    ]
    ignored = set() if data else ignored_by_git(root, [path for _, path, _ in reported])
    return found + [
        (stage, f"{path} is {state}" if path else state)
        for stage, path, state in reported
        if not (state in ABSENT and path in ignored)
    ]


def _no_longer_declared(
    root: Path, locked: Mapping[str, Mapping[str, Any]]
) -> Iterator[tuple[str, str]]:
    """Yield stage and reason for what was locked, but has gone from dvc.yaml since.

    `dvc status` looks only at what dvc.yaml still declares.
    """
    from dvc.dependency import ParamsDependency
    from dvc.repo import Repo
    from dvc.stage import PipelineStage

    every = [s for s in Repo(str(root)).index.stages if isinstance(s, PipelineStage)]
    stages = {s.name: s for s in every if s.path_in_repo == "dvc.yaml"}
    for name, lock in locked.items():
        if (stage := stages.get(name)) is None:
            yield name, "is in dvc.lock, but no longer a stage of dvc.yaml"
            continue
        keys = [
            key
            for one in stage.deps
            if isinstance(one, ParamsDependency)
            for key in one.params or _locked_keys(lock)
        ]
        declared = {*keys, *(str(one.def_path) for one in [*stage.deps, *stage.outs])}
        was = [*_locked_keys(lock), *locked_hashes(lock, "deps")]
        for path in [*was, *locked_hashes(lock, "outs")]:
            if path not in declared:
                yield name, f"{path} is in dvc.lock, but no longer in dvc.yaml"


def _locked_keys(stage: Mapping[str, Any]) -> list[str]:
    """Return the keys of parameters as dvc.yaml declared them."""
    files = stage.get("params")
    tables = files.values() if isinstance(files, dict) else ()
    return [str(key) for keys in tables if isinstance(keys, dict) for key in keys]


def _reported(items: list[Any]) -> Iterator[tuple[str, str]]:
    """Yield path or parameter, and its state, from the status of a stage."""
    for item in items:
        if isinstance(item, str):
            if item.startswith("changed"):
                yield "", item
            continue
        for paths in item.values():
            for path, state in paths.items():
                if isinstance(state, str):
                    yield path, state
                else:
                    yield from ((key, str(what)) for key, what in state.items())


def ignored_by_git(root: Path, paths: list[str]) -> set[str]:
    """Return those paths that Git ignores."""
    done = subprocess.run(
        ["git", "-C", str(root), "check-ignore", "-z", "--stdin", "--no-index"],
        input="\0".join(paths),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    return set(done.stdout.split("\0"))


def find_ignored_dependencies(root: Path) -> list[str]:
    """Return files that a stage depends on, but that Git ignores and nothing writes.

    A clone of the commit would not have them. Files that DVC tracks, or that it does
    not hash, do not count.
    """
    lock = Revision(root).yaml(LOCK)
    written = locked_outputs(lock).keys()
    read = locked_dependencies(lock) - written
    if not read:
        return []
    options = ("--others", "--ignored", "--exclude-standard", "-z", "--")
    listed = run_git(root, "ls-files", *options, *sorted(read)) or b""
    names = [*filter(None, listed.decode("utf-8", "replace").split("\0"))]
    return [name for name in names if not _is_elsewhere(root, PurePath(name), written)]


def _is_elsewhere(root: Path, path: PurePath, written: Container[str]) -> bool:
    """Return whether a file is an output, tracked by DVC, or not hashed by it."""
    if "__pycache__" in path.parts or path.name.endswith(".tmp"):
        return True
    around = [path, *path.parents[:-1]]
    return any(
        str(each) in written or (root / f"{each}.dvc").is_file() for each in around
    )


def describe_ignored(name: str) -> str:
    """Return what is wrong with an ignored dependency, and how to correct it."""
    name = one_line(name)
    if name.startswith("data/"):
        # `rml data` was killed, or the .dvc file was removed.
        return (
            f"{name}: a stage depends on it, but neither Git nor DVC tracks it, so a"
            f" clone would not have it. Fix: dvc add {shlex.quote(name)}, then commit"
            f" {shlex.quote(f'{name}.dvc')}"
        )
    return (
        f"{name}: a stage depends on it, but Git ignores it, so a clone would not have"
        f" it. Fix: git add --force {shlex.quote(name)}, then commit; or move it to"
        " another folder"
    )


def check_lock(root: Path) -> None:
    """Print that dvc.lock is up to date.

    Raises:
        UserError: A line for each reason why it is not.
    """
    found = find_outdated(root, data=False)
    lines = [f"{one_line(f'{stage}: {reason}')}. {FIX}" for stage, reason in found]
    lines += map(describe_ignored, find_ignored_dependencies(root))
    if lines:
        raise UserError("\n".join(lines))
    sys.stdout.write("dvc.lock is up to date.\n")
