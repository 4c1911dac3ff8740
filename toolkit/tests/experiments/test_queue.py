"""DVC's queue of experiments, and its repair after a process was killed."""

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
    kill,
    queue_processes,
    reset,
    reset_queue,
    unfinished,
)
from reproducible_ml.versioning.dvc import find_processes
from reproducible_ml.versioning.git import find_experiments

from .conftest import Project

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
    return {found.process.pid for found in queue_processes(root, find_processes(root))}


def test_workers_and_their_runs_belong_to_the_queue(
    tmp_path: Path, start: Start
) -> None:
    root = tmp_path / "project"
    worker = start(root, "exp", "queue-worker", "dvc-exp-1@localhost")
    run = start(root / "code", "exp", "exec-run", "--infofile", "x")
    stage = start(root / FOLDER / "tmpx", "-m", "stage")
    orphan = start(root / FOLDER / "standalone/tmpy", "-m", "stage")
    assert pids(root) == {p.pid for p in (worker, run, stage, orphan)}


def test_other_processes_are_not(tmp_path: Path, start: Start) -> None:
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
    found = queue_processes(tmp_path, find_processes(tmp_path))
    assert kill(found) == 1
    assert worker.poll() is not None
    assert kill(found) == 0


@pytest.fixture
def queue(project: Project) -> Iterator[Project]:
    """A project whose queue leaves no process behind."""
    yield project
    kill(queue_processes(project.root, find_processes(project.root)))


def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.2)


def scoring(root: Path) -> list[psutil.Process]:
    """Return the processes of the last stage in copies of the project."""
    copies = root.resolve() / FOLDER
    return [
        found.process
        for found in find_processes(root)
        if "score.py" in found.command and found.folder.is_relative_to(copies)
    ]


def worker(root: Path) -> int:
    """Return the process that takes experiments from the queue."""
    noted = root / FOLDER / "celery/dvc-exp-worker-1.json"
    return int(json.loads(noted.read_text())["pid"])


def states(project: Project) -> dict[str, str]:
    """Return the state of each experiment by name."""
    return {row.name: row.state for row in read_rows(project.root)}


def start_worker(project: Project) -> None:
    """Start a worker; it would hold a pipe open as long as it lives."""
    command = [sys.executable, "-m", "dvc", "queue", "start"]
    subprocess.run(command, cwd=project.root, check=True, stdout=subprocess.DEVNULL)


def put(project: Project, **seeds: int) -> None:
    """Put experiments in the queue: name and seed."""
    for name, seed in seeds.items():
        options = ["--quiet", "--queue", "-n", name, "-S", f"train.seed={seed}"]
        project.dvc("exp", "run", *options)


@pytest.mark.integration
def test_queue_works_again_after_its_worker_was_killed(queue: Project) -> None:
    put(queue, slow=14, quick=2)
    start_worker(queue)
    wait_for(lambda: scoring(queue.root))
    os.kill(worker(queue.root), signal.SIGKILL)
    lines = [*reset(queue.root)]
    assert "Killed; run it again: slow." in lines
    assert scoring(queue.root) == []
    assert states(queue) == {"main": "last commit", "slow": "failed", "quick": "queued"}
    start_worker(queue)
    wait_for(lambda: "quick" in find_experiments(queue.root))
    wait_for(lambda: not [*queue.root.glob(f"{FOLDER}/tmp*")])


@pytest.mark.slow
def test_result_of_a_finished_run_is_kept(queue: Project) -> None:
    queue.write(
        "score.py",
        queue.read("score.py").replace(
            "seed == 14", "not Path('../../../../go').exists()"
        ),
    )
    put(queue, done=3)
    start_worker(queue)
    wait_for(lambda: scoring(queue.root))
    os.kill(worker(queue.root), signal.SIGKILL)
    (queue.root / "go").touch()
    wait_for(lambda: [run for run in unfinished(queue.root) if run.reference])
    assert "done" not in find_experiments(queue.root)
    assert "Finished, result kept: done." in [*reset(queue.root)]
    assert read_rows(queue.root)[-1].metrics == {"roc_auc": 0.87}


@pytest.mark.integration
def test_killed_temporary_run_leaves_nothing(queue: Project) -> None:
    started = queue.start(
        "dvc", "exp", "run", "--temp", "-n", "x", "-S", "train.seed=14"
    )
    wait_for(lambda: scoring(queue.root))
    lines = [*reset(queue.root)]
    assert lines == [f"Not touched: process {started.pid}, a run with --temp."]
    os.kill(started.pid, signal.SIGKILL)
    started.wait()
    assert states(queue)["x"] == "running"
    assert "Killed; run it again: x." in [*reset(queue.root)]
    assert started.stdout
    started.stdout.close()
    assert states(queue) == {"main": "last commit"}
    assert scoring(queue.root) == []


@pytest.mark.slow
def test_intact_queue_stays_as_it_is(
    queue: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    put(queue, later=2)
    before = queue.git("for-each-ref")
    reset_queue(queue.root)
    assert capsys.readouterr().out == (
        "There was nothing to repair.\nQueued: 1. To run them: dvc queue start\n"
    )
    assert queue.git("for-each-ref") == before


@pytest.mark.slow
def test_empty_lock_is_removed(queue: Project) -> None:
    (queue.root / ".dvc/tmp/rwlock").write_bytes(b"")
    assert [*reset(queue.root)] == ["Removed temporary files and folders: 1."]
    queue.dvc("status")
