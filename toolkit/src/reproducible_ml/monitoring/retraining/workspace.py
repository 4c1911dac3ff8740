"""A clone of the repository in which a model is trained, beside the user's own files.

The working tree of the user is neither read nor changed. The clone shares the objects
of Git and the cache of DVC, so that what it makes is there for the repository as well.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from reproducible_ml.core.errors import UserError, one_line
from reproducible_ml.versioning.git import is_shallow, run_git

# In the folder of DVC's own temporary files, which Git ignores. On the disk of the
# cache, so that DVC can link files instead of copying them.
PLACE = Path(".dvc/tmp/rml")

# Variables by which a hook of Git would send commands to another repository.
OF_GIT = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")


class Ran(NamedTuple):
    """A command that ended: its exit code and the lines that it printed."""

    code: int
    lines: list[str]

    @property
    def reasons(self) -> list[str]:
        """Why it failed: the lines that say so, else the last ones."""
        errors = [
            line.removeprefix("error: ").removeprefix("ERROR: ")
            for line in self.lines
            if line.startswith(("error: ", "ERROR: "))
        ]
        # What DVC says of a stage is only that it failed; the stage said why before.
        own = [line for line in errors if not line.startswith("failed to reproduce")]
        return own or errors or self.lines[-3:] or ["no reason was given"]


class Workspace:
    """A clone of a repository at a commit.

    Attributes:
        root: Of the user's repository.
        folder: Of the clone.
    """

    def __init__(self, root: Path, folder: Path) -> None:
        self.root = root
        self.folder = folder

    def git(self, *arguments: str) -> str:
        """Run a Git command in the clone, and return what it prints.

        Raises:
            UserError: It fails.
        """
        return git(self.folder, *arguments)

    def rml(self, *arguments: str) -> Ran:
        """Run `rml` with the code of the clone."""
        return self.python("reproducible_ml.cli", *arguments)

    def dvc(self, *arguments: str) -> Ran:
        """Run `dvc` in the clone."""
        return self.python("dvc", *arguments)

    def python(self, module: str, *arguments: str) -> Ran:
        """Run a module with the code of the clone; what it prints is shown as well."""
        code = [str(self.folder / "code"), str(self.folder / "toolkit/src")]
        own = str(Path(sys.executable).parent)
        variables = {name: v for name, v in os.environ.items() if name not in OF_GIT}
        variables |= {
            "PYTHONPATH": os.pathsep.join(code),
            "PATH": os.pathsep.join([own, os.environ.get("PATH", os.defpath)]),
            "DVC_NO_ANALYTICS": "1",
        }
        command = [sys.executable, "-m", module, *arguments]
        return run_shown(command, self.folder, variables)


def run_shown(command: Sequence[str], cwd: Path, variables: dict[str, str]) -> Ran:
    """Run a command; what it prints goes to the standard error, and is returned."""
    lines = []
    with subprocess.Popen(
        command,
        cwd=cwd,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line.rstrip())
            sys.stderr.write(line)
            sys.stderr.flush()
    return Ran(process.returncode, [line for line in lines if line])


def git(root: Path, *arguments: str) -> str:
    """Run a Git command and return what it prints.

    Raises:
        UserError: It fails; the message is Git's own.
    """
    done = subprocess.run(
        ["git", "-C", str(root), *arguments],
        env={name: v for name, v in os.environ.items() if name not in OF_GIT},
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        said = one_line(lines[-1]) if lines else "no reason was given"
        raise UserError(f"`git {arguments[0]}` says: {said}")
    return done.stdout.strip()


@contextmanager
def open_workspace(root: Path, commit: str) -> Iterator[Workspace]:
    """Clone a repository at a commit, and remove the clone in the end.

    Args:
        root: Of the repository.
        commit: Its hash.

    Raises:
        UserError: The repository has only its last commits, or Git fails.
    """
    if is_shallow(root):
        raise UserError(
            "this clone has only the last commits. Fix: `git fetch --unshallow`, or"
            " fetch-depth: 0 in a workflow"
        )
    (root / PLACE).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        prefix="retrain-", dir=root / PLACE, ignore_cleanup_errors=True
    ) as temporary:
        # The name of the folder is that of the repository: it may be in messages.
        folder = Path(temporary).resolve() / root.resolve().name
        # Without its tags: a version that is registered here is none of the clone.
        clone = ("clone", "--quiet", "--shared", "--no-checkout", "--no-tags")
        git(root, *clone, str(root.resolve()), str(folder))
        git(folder, "checkout", "--quiet", "--detach", commit)
        for name in ("user.name", "user.email"):
            if known := (run_git(root, "config", name) or b"").decode().strip():
                git(folder, "config", name, known)
        _share_settings(root, folder)
        yield Workspace(root, folder)


def _share_settings(root: Path, folder: Path) -> None:
    """Let DVC use the cache of the repository, and its remotes with their logins."""
    from dvc.config import Config

    own = root / ".dvc/config.local"
    if own.is_file():
        (folder / ".dvc/config.local").write_bytes(own.read_bytes())
    # Read here, paths are absolute; as written, they would be those of the clone.
    known = Config(dvc_dir=str(root.resolve() / ".dvc"), validate=False)
    shared = Config(dvc_dir=str(folder / ".dvc"), validate=False)
    cache = known.get("cache", {}).get("dir", str(root.resolve() / ".dvc/cache"))
    with shared.edit("local", validate=False) as section:
        section.setdefault("cache", {})["dir"] = str(cache)
        for name, remote in known.get("remote", {}).items():
            if "://" not in str(remote.get("url", "://")):
                own_remote = section.setdefault("remote", {}).setdefault(name, {})
                own_remote["url"] = str(remote["url"])
