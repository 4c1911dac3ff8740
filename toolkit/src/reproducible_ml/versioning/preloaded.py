"""Let DVC run the stages of `rml repro` as forks of a process: see `fork_server`.

That process imports packages while DVC starts and the first stages run.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from reproducible_ml.versioning import fork_server

# A command that a shell would change nothing of.
PLAIN = re.compile(r"python -m [\w.]+( [\w./=:@+-]+)*")

# What DVC sets for each stage; all else is as in this process.
OF_STAGE = ("DVC_ROOT", "DVC_STAGE")

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
            if self.connection.recv(16) != fork_server.STARTED:
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
        command = [sys.executable, fork_server.__file__, str(number)]
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
