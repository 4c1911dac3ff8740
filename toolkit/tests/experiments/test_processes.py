"""Tests of reproducible_ml.experiments.queue."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reproducible_ml.experiments.queue import FOLDER, inside, kill, of_queue

Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a process that waits, in a folder, with arguments that tell what it is."""
    started = []

    def begin(folder: Path, *arguments: str) -> "subprocess.Popen[bytes]":
        folder.mkdir(parents=True, exist_ok=True)
        code = "print(flush=True); import time; time.sleep(60)"
        command = [sys.executable, "-c", code, *arguments]
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE)
        assert process.stdout
        process.stdout.readline()
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout
        process.stdout.close()


def pids(root: Path) -> set[int]:
    return {found.process.pid for found in of_queue(root, inside(root))}


def test_workers_and_what_they_run_are_of_the_queue(
    tmp_path: Path, start: Start
) -> None:
    root = tmp_path / "project"
    worker = start(root, "exp", "queue-worker", "dvc-exp-1@localhost")
    run = start(root / "code", "exp", "exec-run", "--infofile", "x")
    stage = start(root / FOLDER / "tmpx", "-m", "stage")
    orphan = start(root / FOLDER / "standalone/tmpy", "-m", "stage")
    assert pids(root) == {p.pid for p in (worker, run, stage, orphan)}


def test_all_else_is_not(tmp_path: Path, start: Start) -> None:
    root = tmp_path / "project"
    start(tmp_path / "project 2", "exp", "queue-worker", "dvc-exp-1@localhost")
    start(root, "repro")
    copy = root / FOLDER / "standalone/tmpx"
    start(copy, "exp", "run", "--temp")
    start(copy, "-m", "stage")
    assert pids(root) == set()


def test_folder_may_be_reached_by_a_link(tmp_path: Path, start: Start) -> None:
    worker = start(tmp_path / "project", "queue-worker")
    (tmp_path / "link").symlink_to(tmp_path / "project")
    assert pids(tmp_path / "link") == {worker.pid}


def test_kill_waits_for_the_end_and_counts(tmp_path: Path, start: Start) -> None:
    worker = start(tmp_path, "queue-worker")
    found = of_queue(tmp_path, inside(tmp_path))
    assert kill(found) == 1
    assert worker.poll() is not None
    assert kill(found) == 0
