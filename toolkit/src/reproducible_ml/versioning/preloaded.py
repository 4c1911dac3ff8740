"""Run stages of `rml repro` as copies of a process that has imported their packages.

To import pandas, SciPy and scikit-learn takes a stage up to two seconds. Here one
process imports them, while the first stages run, and each stage is a fork of it. Only
packages of the environment are imported ahead, no file of the repository, whose hash
DVC takes when a stage starts. Results are those of `dvc repro`, which does without.

The process is started by the path of this file, which so imports the standard library
alone.
"""

import gc
import json
import os
import random
import re
import runpy
import shutil
import signal
import socket
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from select import select
from typing import Any

# In this order: what data stages need comes first.
PACKAGES = (
    *("numpy", "pandas", "pyarrow.parquet", "pydantic", "yaml", "tqdm", "psutil"),
    *("pyarrow.csv", "scipy.special", "scipy.stats", "joblib", "ruamel.yaml"),
    *("sklearn.compose", "sklearn.ensemble", "sklearn.pipeline", "sklearn.metrics"),
    *("sklearn.inspection", "sklearn.model_selection", "skops.io"),
)

# A command that a shell would change nothing of.
PLAIN = re.compile(r"python -m [\w.]+( [\w./=:@+-]+)*")

# What DVC sets for each stage; all else is as in this process.
OF_STAGE = ("DVC_ROOT", "DVC_STAGE")

# What the process says before a stage runs; afterwards, its exit code.
STARTED = b"started"

Run = Callable[..., None]


class Preloaded:
    """Runs the commands of stages, as `dvc.stage.run` does."""

    def __init__(self, run: Run) -> None:
        """Prepare.

        Args:
            run: What runs a command in a shell: any that cannot be run here.
        """
        self.run = run
        self.connection: socket.socket | None = None
        self.process: subprocess.Popen[bytes] | None = None
        self.variables: dict[str, str] = {}

    def __call__(self, executable: str | None, command: str, **options: Any) -> None:
        """Run a command.

        Raises:
            StageCmdFailedError: As DVC does.
        """
        from dvc.stage.exceptions import StageCmdFailedError

        code = None
        if _is_plain(command, options):
            code = self._ask(command, options["env"])
        if code is None:
            self.run(executable, command, **options)
        elif code:
            raise StageCmdFailedError(command, code)

    def _ask(self, command: str, variables: dict[str, str]) -> int | None:
        """Return the exit code of a command; None if it was not run."""
        own = {name: variables[name] for name in OF_STAGE if name in variables}
        others = {k: v for k, v in variables.items() if k not in own}
        if self.connection is None:
            self.variables = others
            self.connection, other = socket.socketpair(
                socket.AF_UNIX, socket.SOCK_SEQPACKET
            )
            with other:
                self.process = subprocess.Popen(
                    [sys.executable, __file__, str(other.fileno())],
                    env=others,
                    pass_fds=[other.fileno()],
                )
        if others != self.variables:
            return None
        _, _, module, *arguments = command.split()
        # As DVC: the stage gets Ctrl-C, and tidies up.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            self.connection.send(json.dumps([module, arguments, own]).encode())
            if self.connection.recv(16) != STARTED:
                return None
        except OSError:
            return None
        else:
            return self._code(self.connection)
        finally:
            signal.signal(signal.SIGINT, before)

    def _code(self, connection: socket.socket) -> int:
        with suppress(OSError):
            if answer := connection.recv(16):
                return int(answer)
        # The process was ended from outside, as for want of memory.
        return 128 + signal.SIGKILL

    def close(self) -> None:
        """End the process, which would end by itself after the next import."""
        if self.connection and self.process:
            self.connection.close()
            self.process.terminate()
            self.process.wait()


def _is_plain(command: str, options: dict[str, Any]) -> bool:
    """Return whether a command is this Python's, in this folder, without a shell."""
    python = shutil.which("python", path=options["env"].get("PATH"))
    return (
        PLAIN.fullmatch(command) is not None
        and python is not None
        and Path(python).parent == Path(sys.executable).parent
        and Path(options["cwd"]).resolve() == Path.cwd().resolve()
    )


@contextmanager
def preload() -> Iterator[None]:
    """Let DVC run stages in this way, where the system can."""
    # Elsewhere a fork is not safe: libraries of macOS use threads.
    if sys.platform != "linux":
        yield
        return
    from dvc.stage import run

    preloaded = Preloaded(run._run)
    setattr(run, "_run", preloaded)  # noqa: B010 (DVC has no types)
    try:
        yield
    finally:
        preloaded.close()


def serve(number: int) -> None:
    """Import packages, and run what is asked for, one command after the other.

    Args:
        number: The descriptor of a socket.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if not sys.flags.safe_path:
        sys.path[0] = str(Path.cwd())
    connection = socket.socket(fileno=number)
    left, child = [*PACKAGES], 0
    while True:
        if child:
            ended, status = os.waitpid(child, os.WNOHANG if left else 0)
            if ended:
                child = 0
                code = os.waitstatus_to_exitcode(status)
                connection.send(str(code if code >= 0 else 128 - code).encode())
        elif select([connection], [], [], 0 if left else None)[0]:
            request = connection.recv(1 << 20)
            if not request:
                return
            connection.send(STARTED)
            child = _fork()
            if not child:
                connection.close()
                _run(*json.loads(request))
        if left:
            # What is wrong with a package, the stage says that needs it.
            with suppress(Exception):
                import_module(left.pop(0))


def _fork() -> int:
    # A search for garbage would look through what is shared, and so copy it.
    gc.freeze()
    with warnings.catch_warnings():
        # Threads of BLAS, which itself prepares for a fork.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _run(module: str, arguments: list[str], variables: dict[str, str]) -> None:
    """Run a module as `python -m` does, and exit."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.update(variables)
    # The random numbers of a new process.
    random.seed()
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed()
    sys.modules.pop("__mp_main__", None)  # what multiprocessing calls this file
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    sys.exit()


if __name__ == "__main__":
    serve(int(sys.argv[1]))
