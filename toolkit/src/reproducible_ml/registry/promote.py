"""`rml promote` and `rml rollback`: which version is in a stage.

A stage is never taken away from a version: `dvc artifacts get` would not notice. It is
given to another version instead, by a new tag.
"""

import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from reproducible_ml.core.errors import UserError, first_line, one_line
from reproducible_ml.registry.tags import (
    Registry,
    Version,
    artifact_path,
    check_stage,
    find_version,
    read_registry,
)
from reproducible_ml.registry.write import (
    push,
    refuse_unfetched,
    say_pushed,
    unknown_identity,
    write_assignment,
)
from reproducible_ml.versioning.dvc import default_remote
from reproducible_ml.versioning.git import Revision
from reproducible_ml.versioning.lock import LOCK, locked_outputs
from reproducible_ml.versioning.tombstone import read_tombstones


def promote(root: Path, name: str, stage: str, *, pushed: bool) -> None:
    """Put a version into a stage.

    Args:
        root: Of the repository.
        name: The version, `latest`, or a stage that it is in.
        stage: Its new stage.
        pushed: Push the tags as well.

    Raises:
        UserError: There is no such version, or nobody could get its model.
    """
    check_stage(stage)
    registry = _read(root, pushed=pushed)
    version = find_version(registry, name)
    if _is_in(registry, version, stage):
        sys.stdout.write(f"{version.name} is in {stage} already.\n")
        tags = [version.tag, registry.stages[stage].tag]
        if pushed:
            push(root, tags, new=None)
        say_pushed(root, tags, pushed=pushed)
        return
    _assign(root, registry, version, stage, f"Promote {version.name}", pushed=pushed)


def rollback(root: Path, stage: str, *, pushed: bool) -> None:
    """Put the version into a stage that was in it before.

    Args:
        root: Of the repository.
        stage: Its name.
        pushed: Push the tags as well.

    Raises:
        UserError: There was no other version in the stage, or nobody could get its
            model.
    """
    check_stage(stage)
    registry = _read(root, pushed=pushed)
    names = [
        registry.name_of(one.commit)
        for one in registry.assignments
        if one.stage == stage and not one.removes
    ]
    if not names:
        raise UserError(
            f"{stage}: no version was in this stage. There are:"
            f" {', '.join(sorted(registry.stages)) or 'no stages yet'}. Fix: `git fetch"
            " --tags` if others promoted one"
        )
    before = previous(names)
    if before is None:
        raise UserError(
            f"{stage}: no version was there before {names[-1]} (in the order of time:"
            f" {', '.join(names)}). Fix: choose one: rml promote VERSION {stage}"
        )
    version = registry.find(before)
    if version is None:
        raise UserError(
            f"{stage}: before {names[-1]} it was commit {before}, which is no"
            f" registered version. Fix: choose one: rml promote VERSION {stage}"
        )
    _assign(root, registry, version, stage, f"Roll back to {before}", pushed=pushed)


def _read(root: Path, *, pushed: bool) -> Registry:
    """Return the registry, to which a tag can be added.

    Raises:
        UserError: Others pushed tags that are not here, or Git does not know the user.
    """
    registry = read_registry(root)
    if pushed:
        refuse_unfetched(root, registry.artifact)
    if reason := unknown_identity(root):
        raise UserError(reason)
    return registry


def previous(names: Sequence[str]) -> str | None:
    """Return the version before the current one; None if there was none.

    A version that comes back, as after a rollback, takes back all that came after it:
    rolling back twice does not return to the version that was rolled back first.

    Args:
        names: All versions that were in the stage, the oldest first.
    """
    line: list[str] = []
    for name in names:
        if name in line:
            del line[line.index(name) :]
        line.append(name)
    return line[-2] if len(line) > 1 else None


def _is_in(registry: Registry, version: Version, stage: str) -> bool:
    current = registry.stages.get(stage)
    return bool(current and not current.removes and current.commit == version.commit)


def _assign(
    root: Path,
    registry: Registry,
    version: Version,
    stage: str,
    why: str,
    *,
    pushed: bool,
) -> None:
    if lines := lacking(root, registry, version):
        raise UserError("\n".join(lines))
    current = registry.stages.get(stage)
    message = f"{why} to {stage}" if why.startswith("Promote") else f"{why} in {stage}"
    tag = write_assignment(root, registry, version, stage, message)
    instead = ""
    if current and not current.removes:
        instead = f", in place of {registry.name_of(current.commit)}"
    tags = [version.tag, tag]
    if pushed:
        push(root, tags, new=tag)
    sys.stdout.write(f"{version.name} is in {stage} now{instead}: {tag}\n")
    say_pushed(root, tags, pushed=pushed)


def lacking(root: Path, registry: Registry, version: Version) -> list[str]:
    """Return a line if the model of a version is not on the DVC remote.

    Without a remote there is nothing to check.
    """
    remote = default_remote(root)
    path = artifact_path(root, registry.artifact, version.commit)
    if remote is None or path is None:
        return []
    outputs = locked_outputs(Revision(root, version.commit).yaml(LOCK))
    folder = path.rpartition("/")[0]
    wanted = {
        one: md5
        for one, md5 in outputs.items()
        if (folder and one.startswith(f"{folder}/")) or one == path
    }
    try:
        stored = _stored(root, set(wanted.values()))
    except Exception as error:
        # Each kind of storage has its own errors.
        return [
            f"remote {remote}: cannot be read: {first_line(error)}. Fix: check address"
            " and login (.cloud/README.md)"
        ]
    missing = [one for one, md5 in wanted.items() if md5 not in stored]
    if not missing:
        return []
    names = ", ".join(map(one_line, missing))
    if why := read_tombstones(root).why(wanted[one] for one in missing):
        return [
            f"{version.name}: {names}: {why}. Fix: register a version of newer data"
        ]
    return [
        f"{version.name}: {names}: not on the remote {remote}, so nobody else could get"
        f" it. Fix: git switch --detach {version.tag} && dvc checkout && dvc push; then"
        " git switch -"
    ]


def _stored(root: Path, digests: set[str]) -> set[str]:
    """Return which objects the default remote has."""
    from dvc.repo import Repo

    with closing(Repo(str(root))) as repository:
        settings = repository.config["remote"][repository.config["core"]["remote"]]
        if settings.get("version_aware") or settings.get("worktree"):
            return digests  # Its objects have the names of files: not checked.
        storage = repository.cloud.get_remote_odb()
        return {digest for digest in digests if storage.exists(digest)}
