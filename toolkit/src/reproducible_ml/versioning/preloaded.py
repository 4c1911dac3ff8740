"""Run stages of `rml repro` as copies of a process that has imported their packages.

To import pandas, SciPy and scikit-learn takes a stage up to two seconds. Here one
process imports them, while the first stages run, and each stage is a fork of it. Only
packages of the environment are imported ahead, no file of the repository, whose hash
DVC takes when a stage starts. Results are those of `dvc repro`, which does without.

The process is started by the path of this file, which so imports the standard library
alone.
"""

import ctypes
import gc
import json
import os
import re
import runpy
import shutil
import signal
import socket
import subprocess
import sys
import types
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

# Code that sets variables, which packages read when they are imported.
SETS_VARIABLES = re.compile(
    rb"environ\s*(\[[^]]+\]\s*=[^=]|\|=|\.(update|setdefault)\()|putenv\("
)

# What DVC sets for each stage; all else is as in this process.
OF_STAGE = ("DVC_ROOT", "DVC_STAGE")

# What a stage says before it runs; afterwards, the process sends its exit code.
STARTED = b"started"

# Of `prctl`: the signal that a process gets when its parent ends.
PARENT_ENDS = 1

Run = Callable[..., None]

# Elsewhere a fork is not safe: libraries of macOS use threads.
CAN_FORK = sys.platform == "linux"


class Preloaded:
    """Runs the commands of stages, as `dvc.stage.run` does."""

    def __init__(self, run: Run | None = None) -> None:
        """Prepare.

        Args:
            run: What runs a command in a shell: any that cannot be run here.
        """
        self.run = run
        self.was_used = False
        self.connection: socket.socket | None = None
        self.process: subprocess.Popen[bytes] | None = None
        self.variables: dict[str, str] = {}
        self.is_running = False

    def install(self) -> None:
        """Let DVC run stages in this way, where the system can."""
        if CAN_FORK:
            from dvc.stage import run

            self.run = run._run
            setattr(run, "_run", self)  # noqa: B010 (DVC has no types)

    def __call__(self, executable: str | None, command: str, **options: Any) -> None:
        """Run a command.

        Raises:
            StageCmdFailedError: As DVC does.
        """
        from dvc.stage.exceptions import StageCmdFailedError

        code = self._ask(command, **options)
        if code is None:
            assert self.run
            self.run(executable, command, **options)
        elif code:
            raise StageCmdFailedError(command, code)

    def _ask(self, command: str, cwd: str, env: dict[str, str], **_: Any) -> int | None:
        """Return the exit code of a command; None if it was not run."""
        own = {name: env[name] for name in OF_STAGE if name in env}
        others = {k: v for k, v in env.items() if k not in own}
        python = shutil.which("python", path=env.get("PATH")) or ""
        is_this = Path(python).parent == Path(sys.executable).parent
        is_here = Path(cwd).resolve() == Path.cwd().resolve()
        if not (PLAIN.fullmatch(command) and is_this and is_here):
            return None
        if not self.was_used and others != self.variables:
            self.start(others)
        self.was_used = True
        if self.connection is None or others != self.variables:
            return None
        handler = signal.getsignal(signal.SIGINT)
        request = [command.split()[2:], own, handler is signal.SIG_IGN]
        try:
            self.connection.send(json.dumps(request).encode())
            if self.connection.recv(16) != STARTED:
                return None
            # As DVC: from now on the stage gets Ctrl-C, and tidies up.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            self.is_running = True
            # Nothing if the process was ended from outside, as for want of memory.
            code = int(self.connection.recv(16) or -signal.SIGKILL)
            self.is_running = False
        except OSError:
            return -signal.SIGKILL if self.is_running else None
        else:
            return code
        finally:
            signal.signal(signal.SIGINT, handler)

    def start(self, variables: dict[str, str]) -> None:
        """Start the process, instead of one with other variables."""
        self.close()
        self.variables = variables
        pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.connection, other = pair
        number = other.fileno()
        command = [sys.executable, __file__, str(number)]
        with blocking_interrupt(), other:
            self.process = subprocess.Popen(command, env=variables, pass_fds=[number])

    def close(self) -> None:
        """End the process, but for a stage that was interrupted and tidies up."""
        if self.connection and self.process:
            self.connection.close()
            if not self.is_running:
                self.process.terminate()
            self.process.wait()


@contextmanager
def preloading(*, ahead: bool) -> Iterator[Preloaded]:
    """Let stages be run in this way where the system can; end the process afterwards.

    Args:
        ahead: Start the process now, before the first stage.
    """
    preloaded = Preloaded()
    try:
        if ahead and CAN_FORK:
            preloaded.start({**os.environ})
        yield preloaded
    finally:
        preloaded.close()


@contextmanager
def blocking_interrupt() -> Iterator[None]:
    """Let Ctrl-C wait until a process was started and is known.

    SIGINT stays blocked in the process until it is ready to handle it.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def end_with_parent() -> None:
    """Get SIGTERM when the process that started this one ends, however it does."""
    ctypes.CDLL(None).prctl(PARENT_ENDS, signal.SIGTERM)


def serve(number: int) -> None:
    """Import packages, and run what is asked for, one command after the other.

    Args:
        number: The descriptor of a socket.
    """
    # Else a stage might write its results when another run has done so.
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    if not sys.flags.safe_path:
        # The folder of this file; nothing is imported from the repository.
        del sys.path[0]
    connection = socket.socket(fileno=number)
    left, child = [*PACKAGES], 0
    while True:
        if child:
            ended, status = os.waitpid(child, os.WNOHANG if left else 0)
            if ended:
                child = 0
                # Who asked may have ended.
                with suppress(OSError):
                    connection.send(str(os.waitstatus_to_exitcode(status)).encode())
        elif select([connection], [], [], 0 if left else None)[0]:
            request = connection.recv(1 << 20)
            if not request:
                return
            child = _fork()
            if not child:
                _run(connection, *json.loads(request))
        if left:
            # What is wrong with a package, the stage says that needs it.
            with suppress(BaseException):
                import_module(left.pop(0))


def _fork() -> int:
    # A search for garbage would look through what is shared, and so copy it.
    gc.freeze()
    with warnings.catch_warnings():
        # Threads of BLAS, which itself prepares for a fork.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _run(
    connection: socket.socket, words: list[str], own: dict[str, str], ignored: bool
) -> None:
    """Run a module as `python -m` does, and exit."""
    end_with_parent()
    if not ignored:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        connection.send(STARTED)
    except OSError:
        os._exit(1)
    # Left open, so that DVC sees the end of it only when this process has ended.
    connection.detach()
    os.environ.update(own)
    if not sys.flags.safe_path:
        sys.path.insert(0, str(Path.cwd()))
    if not _is_alike(words[0]):
        os.execv(sys.executable, [sys.executable, "-m", *words])
    # The random numbers of a new process, as `random` has them after a fork.
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed()
    sys.excepthook = _show_error
    # What multiprocessing calls this file.
    sys.modules.pop("__mp_main__", None)
    sys.modules["__main__"] = types.ModuleType("__main__")
    sys.argv = ["-m", *words[1:]]
    # What the interpreter itself calls for `-m`.
    vars(runpy)["_run_module_as_main"](words[0])
    sys.exit()


def _show_error(kind: Any, error: BaseException, trace: Any) -> None:
    """Print an error without the frames of this file."""
    while trace and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    sys.__excepthook__(kind, error.with_traceback(trace), trace)


def _is_alike(module: str) -> bool:
    """Return whether a module finds what it would find in a process of its own."""
    folder = Path.cwd()
    packages = (file.parent for file in folder.glob("*/__init__.py"))
    own = {path.stem for path in (*folder.glob("*.py"), *packages)}
    if own & {name.partition(".")[0] for name in sys.modules}:
        return False
    code = [folder / "code", folder / module.partition(".")[0]]
    files = [file for place in code for file in place.rglob("*.py")]
    return not any(SETS_VARIABLES.search(file.read_bytes()) for file in files)


if __name__ == "__main__":
    serve(int(sys.argv[1]))
