"""Write the tags of versions and stages with GTO, and push them.

A tag is written as a whole or not at all. If it was to be pushed and was not, it is
removed again, so that no computer believes in a stage that others do not see.
"""

import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from reproducible_ml.core.errors import UserError, first_line, one_line
from reproducible_ml.registry.tags import Assignment, Registry, Version
from reproducible_ml.versioning.git import run_git

# Seconds that a command waits so that its tag is the latest. Tags have whole seconds.
PATIENCE = 5

# Tags that are listed in a line.
SHOWN = 5


@contextmanager
def _gto_errors() -> Iterator[None]:
    """Turn errors of GTO and Git into those of a user."""
    from gto.exceptions import GTOException
    from scmrepo.exceptions import SCMError

    try:
        yield
    except (GTOException, SCMError) as error:
        # Those of GTO have their text in an attribute.
        said = getattr(error, "message", None) or first_line(error)
        raise UserError(f"GTO says: {one_line(str(said)).rstrip('.')}") from error


def write_version(
    root: Path, registry: Registry, version: str, commit: str, message: str
) -> str:
    """Register a version, and return the name of its tag.

    Args:
        root: Of the repository.
        registry: The versions there are.
        version: Its name, which is free.
        commit: Its hash.
        message: Of the tag.
    """
    from gto import api

    with _gto_errors():
        api.register(
            str(root), registry.artifact, commit, version=version, message=message
        )
    return f"{registry.artifact}@{version}"


def write_assignment(
    root: Path, registry: Registry, version: Version, stage: str, message: str
) -> str:
    """Assign a stage to a version, and return the name of the tag.

    Args:
        root: Of the repository.
        registry: The versions and stages there are.
        version: Which shall be in the stage.
        stage: Its name.
        message: Of the tag.

    Raises:
        UserError: The tag would not count, as another one is from the future.
    """
    from gto import api

    if before := registry.stages.get(stage):
        wait_until_later(before)
    with _gto_errors():
        # Without force, GTO refuses a version that ever was in the stage.
        event: Any = api.assign(
            str(root),
            registry.artifact,
            stage,
            version=version.name,
            message=message,
            force=True,
        )
    return str(event.tag)


def wait_until_later(before: Assignment) -> None:
    """Wait until a new tag would be later than another, as the latest one counts.

    Raises:
        UserError: The other one is from the future: a clock is or was wrong.
    """
    ahead = before.created.timestamp() + 1 - time.time()
    if ahead > PATIENCE:
        then, now = (
            f"{moment:%Y-%m-%d %H:%M:%S} UTC"
            for moment in (before.created, datetime.now(UTC))
        )
        tag = shlex.quote(before.tag)
        raise UserError(
            f"{before.stage}: its latest tag {tag} is from {then}, but the clock of"
            f" this computer says {now}. The latest tag counts, so a new one would not."
            " Fix: set the clock; if that of the tag was wrong, remove the tag: git"
            f" push --delete origin {tag} && git tag --delete {tag}"
        )
    if ahead > 0:
        time.sleep(ahead)


def unknown_identity(root: Path) -> str | None:
    """Return that Git does not know who writes a tag; None if it does."""
    if run_git(root, "var", "GIT_COMMITTER_IDENT") is not None:
        return None
    return (
        "Git: does not know who you are, which a tag records. Fix: git config"
        " user.name NAME && git config user.email ADDRESS"
    )


def refuse_unfetched(root: Path, artifact: str) -> None:
    """Refuse to write tags that are pushed while others lie on the remote unread.

    They may say that the commit has a version, or that a version or stage is another
    one: then GTO would refuse all of them.

    Raises:
        UserError: There are such tags, or the remote cannot be read.
    """
    remote = git_remote(root)
    command = ["git", "-C", str(root), "ls-remote", "--tags", "--refs", remote]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(
            f"git ls-remote {shlex.quote(remote)}: {_said(done.stderr)}. Fix:"
            f" {_check_remote(remote)}"
        )
    here = _tag_objects(root)
    lines = [line.partition("\trefs/tags/") for line in done.stdout.splitlines()]
    there = {
        name: digest
        for digest, _, name in lines
        if name.startswith((f"{artifact}@", f"{artifact}#"))
    }
    unread = [name for name, digest in there.items() if here.get(name) != digest]
    if not unread:
        return
    force = " --force" if any(name in here for name in unread) else ""
    more = f" and {len(unread) - SHOWN} more" if len(unread) > SHOWN else ""
    names = ", ".join(map(one_line, unread[:SHOWN]))
    raise UserError(
        f"{one_line(remote)}: has tags that were not fetched: {names}{more}. Fix: `git"
        f" fetch --tags{force} {shlex.quote(remote)}`, then this again"
    )


def _tag_objects(root: Path) -> dict[str, str]:
    """Return the hash of each tag here, by its name."""
    form = "--format=%(objectname) %(refname:strip=2)"
    listed = run_git(root, "for-each-ref", form, "refs/tags") or b""
    lines = listed.decode("utf-8", "replace").splitlines()
    return {name: digest for digest, _, name in (line.partition(" ") for line in lines)}


def _check_remote(remote: str) -> str:
    address = f"git remote get-url {shlex.quote(remote)}"
    return f"check address ({address}) and login"


def push_command(root: Path, tags: Sequence[str]) -> str:
    """Return the command that pushes tags, ready to be typed in a shell."""
    return shlex.join(["git", "push", git_remote(root), *tags])


def git_remote(root: Path) -> str:
    """Return the name of the Git remote: origin, or the first one."""
    names = (run_git(root, "remote") or b"").decode().split()
    return "origin" if "origin" in names or not names else names[0]


def push(root: Path, tags: Sequence[str], new: str | None) -> None:
    """Push tags, all or none of them.

    Args:
        root: Of the repository.
        tags: Their names.
        new: The one that was just written, which is removed if the push fails.

    Raises:
        UserError: Git refuses.
    """
    refs = [f"refs/tags/{tag}" for tag in tags]
    command = ["git", "-C", str(root), "push", "--atomic", git_remote(root), *refs]
    done = None
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    finally:
        # As well on Ctrl-C. If the push arrived, `git fetch --tags` brings it back.
        if new and (done is None or done.returncode):
            run_git(root, "tag", "--delete", new)
    if done.returncode:
        said = _said(done.stderr)
        kept = " The new tag was removed again." if new else ""
        fix = _check_remote(git_remote(root))
        if "[rejected]" in said:
            fix = "`git fetch --tags`, which brings what others did, then this again"
        elif "[remote rejected]" in said:
            fix = "ask who may push these tags: a rule of the repository protects them"
        raise UserError(f"{push_command(root, tags)}: {said}.{kept} Fix: {fix}")


def say_pushed(root: Path, tags: Sequence[str], *, pushed: bool) -> None:
    """Print that tags were pushed, or how to do it."""
    sys.stdout.write(
        f"Pushed {' and '.join(tags)}.\n"
        if pushed
        else f"Others see it after: {push_command(root, tags)}\n"
    )


def _said(printed: str) -> str:
    """Return the line in which Git says why it refuses a push."""
    lines = [" ".join(one_line(line).split()) for line in printed.splitlines()]
    for sign in ("rejected]", "fatal:", "error:", ""):
        # Of tags that are pushed together, one is to blame.
        for line in lines:
            if sign in line and line and "(atomic push failed)" not in line:
                return line.removeprefix("! ")
    return "no reason was given"
