"""A Dask cluster on this computer, for as long as a test."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil

from ..loopback import free_port


class Cluster:
    """A Dask scheduler and its workers, each a process of its own."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self.environment = environment
        port = str(free_port())
        self.address = f"tcp://127.0.0.1:{port}"
        here = ["--host", "127.0.0.1", "--port", port]
        self.processes = [self.start("scheduler", *here)]
        # On a busy computer it takes longer to start than a run waits for it.
        until = time.monotonic() + 60
        while time.monotonic() < until:
            with suppress(OSError), socket.create_connection(("127.0.0.1", int(port))):
                break
            time.sleep(0.1)

    def start(self, kind: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a process of Dask in a folder that is not that of the project."""
        return subprocess.Popen(
            [sys.executable, "-m", "dask", kind, "--no-dashboard", *arguments],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def add_worker(self) -> psutil.Process:
        """Start a worker and return its process."""
        arguments = [self.address, "--nthreads", "1", "--no-nanny"]
        self.processes.append(self.start("worker", *arguments))
        return psutil.Process(self.processes[-1].pid)

    def stop(self) -> None:
        """End all of it."""
        for process in self.processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
