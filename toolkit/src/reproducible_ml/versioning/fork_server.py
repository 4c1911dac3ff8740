"""A process that has imported the packages of stages, and runs stages as forks of it.

To import pandas, SciPy and scikit-learn takes a stage up to two seconds. Only packages
of the environment are imported ahead, no file of the repository, whose hash DVC takes
when a stage starts. Results are those of `dvc repro`, which does without.

`preloaded` starts it by the path of this file, which so imports the standard library
alone.
"""

import ctypes
import gc
import json
import os
import re
import runpy
import signal
import socket
import sys
import types
import warnings
from contextlib import suppress
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

# Code that sets variables, which packages read when they are imported.
SETS_VARIABLES = re.compile(
    rb"environ\s*(\[[^]]+\]\s*=[^=]|\|=|\.(update|setdefault)\()|putenv\("
)

# What a stage says before it runs; afterwards, the process sends its exit code.
STARTED = b"started"

# Of `prctl`: the signal that a process gets when its parent ends.
PARENT_ENDS = 1


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
                # The process that asked may have ended.
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
            # The stage that needs the package reports the error.
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
