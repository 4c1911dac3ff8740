"""`dvc repro` in a process of its own, which can be started before it may run."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress

from reproducible_ml.versioning.preloaded import CAN_FORK, blocking_interrupt

# What a shell expects after Ctrl-C.
INTERRUPTED = 128 + signal.SIGINT

# Not with a file of the user in the root that is called like a package.
COMMAND = [sys.executable, "-P", "-m", "reproducible_ml.versioning.dvc"]

# With it, and the descriptor of a pipe, the process waits for a byte.
AFTER = "--after"


class Repro:
    """`dvc repro` with some arguments."""

    def __init__(self, *arguments: str) -> None:
        """Prepare to run; end it with `close`."""
        self.arguments = ["repro", *arguments]
        self.process: subprocess.Popen[bytes] | None = None
        self._gate: int | None = None

    def start(self) -> None:
        """Start the process, which imports what it and stages need until `run`."""
        # Elsewhere stages are no copies of a process, and there is little to gain.
        if not CAN_FORK:
            return
        waiting, self._gate = os.pipe()
        command = [*COMMAND, AFTER, str(waiting), *self.arguments]
        with blocking_interrupt():
            try:
                self.process = subprocess.Popen(command, pass_fds=[waiting])
            finally:
                os.close(waiting)

    def run(self) -> int:
        """Run, and return the exit code; after Ctrl-C, let it tidy up first."""
        if self.process is None:
            self.process = subprocess.Popen([*COMMAND, *self.arguments])
        elif self._gate is not None:
            # If it was ended from outside, its exit code says so.
            with suppress(BrokenPipeError):
                os.write(self._gate, b"1")
            self._close_gate()
        try:
            return self.process.wait()
        except KeyboardInterrupt as error:
            # A terminal interrupts DVC and its stage as well, which then tidy up.
            if error.args == (signal.SIGTERM,):
                self._interrupt_all()
            else:
                with suppress(subprocess.TimeoutExpired):
                    self.process.wait(5)
                if self.process.poll() is None:
                    self.process.send_signal(signal.SIGINT)
            self.process.wait()
            return INTERRUPTED

    def _interrupt_all(self) -> None:
        """Interrupt the process and its stage, as a terminal does."""
        import psutil

        assert self.process
        with suppress(psutil.NoSuchProcess):
            dvc = psutil.Process(self.process.pid)
            for one in [dvc, *dvc.children(recursive=True)]:
                with suppress(psutil.NoSuchProcess):
                    one.send_signal(signal.SIGINT)

    def close(self) -> None:
        """End a process that was started, but did not run."""
        if self._gate is not None and self.process:
            self._close_gate()
            self.process.wait()

    def _close_gate(self) -> None:
        if self._gate is not None:
            os.close(self._gate)
            self._gate = None


def read_gate(words: Sequence[str]) -> tuple[int | None, list[str]]:
    """Return the descriptor that the process waits for, if any, and DVC's arguments."""
    if words[:1] == [AFTER]:
        return int(words[1]), [*words[2:]]
    return None, [*words]
