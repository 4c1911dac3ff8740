"""Run DVC, and find the processes and settings that its commands depend on.

An error is DVC's own message in one line.
"""

import gc
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from reproducible_ml.core.errors import UserError, first_line
from reproducible_ml.core.files import load_yaml
from reproducible_ml.versioning.fork_server import end_with_parent
from reproducible_ml.versioning.parsing import parse_once
from reproducible_ml.versioning.preloaded import CAN_FORK, preloading
from reproducible_ml.versioning.repro import read_gate

# What DVC says of dvc.lock, .dvc files, its lock of files or objects that are damaged.
DAMAGED = re.compile(
    r"validation failed|possible merge conflicts|unable to read: |RWLock-file"
    r"|is corrupted"
)

# What DVC prints after each run.
ADVICE = "Use `dvc push` to send your updates to remote storage."


class DvcError(UserError):
    """A DVC command failed; the message is DVC's own."""


def run_dvc(*arguments: str, cwd: Path, shown: bool = False) -> str:
    """Run a command and return its output.

    Args:
        arguments: What follows `dvc` on the command line.
        cwd: Folder to run in.
        shown: Let DVC show progress and errors if there is a terminal.

    Raises:
        DvcError: The command failed.
    """
    done = subprocess.run(
        [sys.executable, "-P", "-m", "dvc", *arguments],
        cwd=cwd,
        env=os.environ | {"DVC_NO_ANALYTICS": "1"},
        stdout=subprocess.PIPE,
        stderr=None if shown and sys.stderr.isatty() else subprocess.PIPE,
        encoding="utf-8",
        check=False,
    )
    if done.returncode:
        said = _said(done.stderr or "ERROR: see above")
        raise DvcError(f"`dvc {arguments[0]}` says: {said}")
    return done.stdout


def _said(printed: str) -> str:
    """Return DVC's error in a line; of a damaged file of DVC, with the way out."""
    lines = [line for line in printed.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR: ")]
    # Of files that it cannot read, DVC prints the error, then the lines in question.
    said = errors[-1].removeprefix("ERROR: ") if errors else " ".join(lines[:2])
    said = said.rstrip(".:")
    return f"{said}. Fix: rml doctor" if DAMAGED.search(said) else said


def running_commands(root: Path) -> list[str]:
    """Return the DVC commands that work in a repository now, by other processes.

    DVC notes in `.dvc/tmp/rwlock` which process reads or writes a file.
    """
    try:
        found = json.loads((root / ".dvc/tmp/rwlock").read_bytes())
        writers, readers = found.get("write", {}), found.get("read", {})
        holders = [
            *writers.values(),
            *(one for each in readers.values() for one in each),
        ]
        commands = {int(one["pid"]): str(one["cmd"]) for one in holders}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return []
    return [
        f"{command} (process {pid})"
        for pid, command in commands.items()
        if pid != os.getpid() and psutil.pid_exists(pid)
    ]


def default_remote(root: Path) -> str | None:
    """Return the name of the remote that `dvc push` uses, if there is one.

    Raises:
        UserError: The settings of DVC cannot be read.
    """
    from dvc.config import Config, ConfigError

    try:
        config = Config(dvc_dir=str(root / ".dvc"), validate=False)
    except ConfigError as error:
        raise UserError(
            f"the settings of DVC cannot be read: {first_line(error)} Fix: run `rml"
            " doctor`, which names the file and what to do"
        ) from error
    name: str | None = config.get("core", {}).get("remote")
    return name


def cached_file(root: Path, md5: str) -> Path | None:
    """Return a file of the cache by its hash in dvc.lock, or None if it is not there.

    Args:
        root: Of the repository.
        md5: As DVC writes it; empty if it is not known.
    """
    from dvc.config import Config, ConfigError

    folder = root / ".dvc/cache"
    with suppress(ConfigError):
        known = Config(dvc_dir=str(root / ".dvc"), validate=False)
        folder = Path(known.get("cache", {}).get("dir", folder))
    path = folder / "files/md5" / md5[:2] / md5[2:]
    return path if md5 and path.is_file() else None


def missing_objects(root: Path, md5: str) -> list[str]:
    """Return the hashes of data that the cache lacks: of a folder, those of its files.

    Args:
        root: Of the repository.
        md5: Of a file or folder, as DVC writes it; empty if it is not known.
    """
    stored = cached_file(root, md5)
    if stored is None:
        return [md5] if md5 else []
    if not md5.endswith(".dir"):
        return []
    try:
        files = [str(one["md5"]) for one in json.loads(stored.read_bytes())]
    except (ValueError, TypeError, KeyError):
        return []
    return [one for one in files if cached_file(root, one) is None]


def find_lost_folders(root: Path) -> list[str]:
    """Return the folders of data that are neither in the cache nor on the remote.

    `dvc status --cloud` passes over them: it does not know which files they had.

    Raises:
        UserError: The remote cannot be read.
    """
    from dvc.repo import Repo

    found = []
    try:
        with closing(Repo(str(root))) as repository:
            for out in repository.index.outs:
                digest = out.hash_info
                if not out.use_cache or not digest or not digest.isdir:
                    continue
                if out.stage.is_repo_import or out.cache.exists(digest.value):
                    continue
                remote = repository.cloud.get_remote(out.remote, "status")
                if remote.fs.version_aware or remote.worktree:
                    continue  # Its objects have the names of files.
                if not remote.odb.exists(digest.value):
                    found.append(os.path.relpath(out.fs_path, repository.root_dir))
    except Exception as error:
        # Each kind of storage has its own errors.
        raise UserError(first_line(error)) from error
    return found


def read_pointer(pointer: Path) -> dict[str, Any]:
    """Return the content of a .dvc file; empty if it does not exist.

    Raises:
        UserError: It is damaged.
    """
    import yaml

    if not pointer.exists():
        return {}
    try:
        content = load_yaml(pointer.read_bytes())
    except (yaml.YAMLError, ValueError):
        content = None
    if not isinstance(content, dict):
        raise UserError(
            f"{pointer}: is damaged: it is no mapping of YAML. Fix: git restore"
            f" {pointer}"
        )
    return content


def is_unchanged(pointer: Path) -> bool:
    """Return whether the data of a .dvc file are there and unchanged."""
    if not pointer.exists():
        return False
    status = run_dvc("status", "--json", pointer.name, cwd=pointer.parent)
    return bool(json.loads(status) == {})


def look_up(url: str, name: str, folder: Path) -> Path:
    """Write a .dvc file that identifies the current version of a URL, as by its ETag.

    Args:
        url: Anything DVC can read.
        name: The data's, without the suffix .dvc.
        folder: An empty folder; becomes a DVC repository of its own.

    Raises:
        UserError: It does not exist, cannot be reached, or needs a package or a login.
    """
    scheme = url.partition("://")[0]
    if scheme not in ("http", "https") and find_spec(f"dvc_{scheme}") is None:
        raise UserError(f"{url}: DVC needs a package for {scheme}. {_package(scheme)}")
    try:
        run_dvc("init", "--no-scm", cwd=folder)
        run_dvc("import-url", "--no-download", url, name, cwd=folder)
    except DvcError as error:
        raise UserError(f"{url}: {_reason(url, str(error))}") from error
    return folder / f"{name}.dvc"


def _package(scheme: str) -> str:
    """Return how to get DVC's package for a kind of storage."""
    if Path(f"environments/{scheme}.txt").exists():
        return f"Run `make setup STORAGE={scheme}`, then this again."
    return (
        f"In the dependencies of pyproject.toml, add [{scheme}] to dvc, then run"
        " `make lock && make setup`."
    )


def _reason(url: str, said: str) -> str:
    """Return why a URL cannot be read, and what to do."""
    if url.startswith("http") and "does not exist" in said:
        return _answer(url)
    if "does not exist" in said:
        return (
            "does not exist, or your login cannot see it. Check the address and the"
            " credentials (.cloud/README.md)."
        )
    # DVC writes "import failed - REASON".
    return (
        f"{said.rpartition(' - ')[2].rstrip('.')}. See .cloud/README.md on logging in."
    )


def _answer(url: str) -> str:
    """Ask the server itself: DVC reports every refusal as "does not exist"."""
    import urllib.error
    import urllib.request

    try:
        request = urllib.request.Request(url, method="HEAD")
        with urllib.request.urlopen(request, timeout=30):
            return "the server sends no file. Download it and give its path."
    except urllib.error.HTTPError as error:
        login = " If it needs a login, download the file and give its path."
        fix = login if error.code in (401, 403) else ""
        return f"the server says {error.code} {error.reason}. Check the address.{fix}"
    except OSError as error:
        reason = getattr(error, "reason", error)
        return f"cannot be reached: {reason}. Check the address and the network."


class Running(NamedTuple):
    """A process, its command and its working directory."""

    process: psutil.Process
    command: Sequence[str]
    folder: Path

    @property
    def is_worker(self) -> bool:
        """Whether it is a worker of the queue, or runs an experiment of it."""
        return "queue-worker" in self.command or "exec-run" in self.command

    @property
    def is_temporary_run(self) -> bool:
        """Whether it is a `dvc exp run --temp`."""
        return {"exp", "run", "--temp"} <= {*self.command}


def find_processes(root: Path) -> list[Running]:
    """Return the processes that work in a repository."""
    # The kernel reports paths without symbolic links.
    here = root.resolve()
    return [found for found in _all() if found.folder.is_relative_to(here)]


def _all() -> Iterator[Running]:
    for process in psutil.process_iter():
        try:
            command, folder = process.cmdline(), process.cwd()
        except psutil.Error:
            continue
        if command and folder:
            yield Running(process, command, Path(folder))


def main() -> int:
    """Run `dvc` with the arguments of the process; return its exit code.

    Unlike DVC itself, it does not advise to push where there is no remote, it parses
    the same text once, and stages are run as `preloaded` does. See `repro` for what it
    may wait for.
    """
    gate, arguments = read_gate(sys.argv[1:])
    if CAN_FORK:
        end_with_parent()
    handler = signal.getsignal(signal.SIGINT)
    if gate is not None:
        # After Ctrl-C, the process that started this one closes the gate.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    with preloading(ahead=gate is not None) as preloaded:
        run = _prepare()
        preloaded.install()
        if gate is not None:
            if not os.read(gate, 1):
                return 0
            signal.signal(signal.SIGINT, handler)
        code = int(run(arguments))
    # The process ends.
    gc.freeze()
    return code


def _prepare() -> Any:
    """Import DVC, and change what is said above; return what runs a command."""
    # To search for garbage in what is imported takes a tenth of a run without work.
    gc.disable()
    import dvc.repo  # noqa: F401 (most of the imports)
    from dvc.cli import main as run
    from dvc.ui import ui

    gc.freeze()
    gc.enable()

    write = ui.write

    def write_unless_advice(*objects: Any, **options: Any) -> None:
        if objects != (ADVICE,):
            write(*objects, **options)

    parse_once()
    # Without a remote there is nowhere to push to. DVC has no setting for it.
    if default_remote(Path()) is None:
        ui.write = write_unless_advice
    return run


if __name__ == "__main__":
    sys.exit(main())
