"""Tests of reproducible_ml.experiments.queue."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from reproducible_ml.experiments.listing import read_rows
from reproducible_ml.experiments.queue import (
    FOLDER,
    inside,
    kill,
    of_queue,
    reset,
    unfinished,
)
from reproducible_ml.versioning.git import find_experiments

from .conftest import Project

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def queue(project: Project) -> Iterator[Project]:
    """A project whose queue leaves no process behind."""
    yield project
    kill(of_queue(project.root, inside(project.root)))


def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.2)


def judging(root: Path) -> list[psutil.Process]:
    """Return the processes of the last stage in copies of the project."""
    copies = root.resolve() / FOLDER
    return [
        found.process
        for found in inside(root)
        if "judge.py" in found.command and found.folder.is_relative_to(copies)
    ]


def worker(root: Path) -> int:
    """Return the process that takes experiments from the queue."""
    noted = root / FOLDER / "celery/dvc-exp-worker-1.json"
    return int(json.loads(noted.read_text())["pid"])


def states(project: Project) -> dict[str, str]:
    """Return the state of each experiment by name."""
    return {row.name: row.state for row in read_rows(project.root)}


def start(project: Project) -> None:
    """Start a worker; it would hold a pipe open as long as it lives."""
    command = [sys.executable, "-m", "dvc", "queue", "start"]
    subprocess.run(command, cwd=project.root, check=True, stdout=subprocess.DEVNULL)


def put(project: Project, **seeds: int) -> None:
    """Put experiments in the queue: name and seed."""
    for name, seed in seeds.items():
        options = ["--quiet", "--queue", "-n", name, "-S", f"train.seed={seed}"]
        project.dvc("exp", "run", *options)


def test_queue_works_again_after_its_worker_was_killed(queue: Project) -> None:
    put(queue, slow=14, quick=2)
    start(queue)
    wait_for(lambda: judging(queue.root))
    os.kill(worker(queue.root), signal.SIGKILL)
    lines = [*reset(queue.root)]
    assert "Cut off; run it again: slow." in lines
    assert judging(queue.root) == []
    assert states(queue) == {"main": "last commit", "slow": "failed", "quick": "queued"}
    start(queue)
    wait_for(lambda: "quick" in find_experiments(queue.root))
    assert [*queue.root.glob(f"{FOLDER}/tmp*")] == []


def test_result_that_nobody_fetched_is_kept(queue: Project) -> None:
    queue.write(
        "judge.py",
        queue.read("judge.py").replace(
            "seed == 14", "not Path('../../../../go').exists()"
        ),
    )
    put(queue, done=3)
    start(queue)
    wait_for(lambda: judging(queue.root))
    os.kill(worker(queue.root), signal.SIGKILL)
    (queue.root / "go").touch()
    wait_for(lambda: [run for run in unfinished(queue.root) if run.reference])
    assert "done" not in find_experiments(queue.root)
    assert "Had come to an end, and kept: done." in [*reset(queue.root)]
    assert read_rows(queue.root)[-1].metrics == {"roc_auc": 0.87}


def test_killed_temporary_run_leaves_nothing(queue: Project) -> None:
    started = queue.start(
        "dvc", "exp", "run", "--temp", "-n", "x", "-S", "train.seed=14"
    )
    wait_for(lambda: judging(queue.root))
    lines = [*reset(queue.root)]
    assert lines == [f"Left alone: process {started.pid}, a run with --temp."]
    os.kill(started.pid, signal.SIGKILL)
    started.wait()
    assert states(queue)["x"] == "running"
    assert "Cut off; run it again: x." in [*reset(queue.root)]
    assert started.stdout
    started.stdout.close()
    assert states(queue) == {"main": "last commit"}
    assert judging(queue.root) == []


def test_queue_in_order_stays_as_it_is(queue: Project, run_module: Run) -> None:
    put(queue, later=2)
    before = queue.git("for-each-ref")
    done = run_module("experiments.reset", cwd=queue.root)
    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        "There was nothing to bring to order.\n"
        "In the queue: 1. To run them: dvc queue start\n"
    )
    assert queue.git("for-each-ref") == before


def test_empty_lock_is_removed(queue: Project) -> None:
    (queue.root / ".dvc/tmp/rwlock").write_bytes(b"")
    assert [*reset(queue.root)] == ["Leftovers that were removed: 1."]
    queue.dvc("status")
