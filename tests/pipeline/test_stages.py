"""All stages of dvc.yaml on a generated table: the same bytes, whatever happens."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ..conftest import RAW, Workspace, commands

pytestmark = pytest.mark.xdist_group("stages")  # they share finished pipelines

# Reports on parts of tables: their fingerprint depends on where parts end.
OF_PARTS = ("data/", "models/model.json", "reports/model_card.md")


def same_table(workspace: Workspace, folder: Path, **compute: Any) -> Workspace:
    """Return another folder with the same raw table, where all stages ran."""
    for name in ("data/schema.yaml", str(RAW)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(workspace.folder / name, folder / name)
    other = Workspace(folder, workspace.task)
    other.set_params(compute=compute)
    other.run()
    return other


def test_processes_and_folder_change_no_byte(
    finish: Callable[[str], Workspace], tmp_path: Path
) -> None:
    finished = finish("binary")
    other = same_table(finished, tmp_path, backend="loky", n_jobs=2)
    assert other.contents() == finished.contents()


def test_threads_and_size_of_parts_change_neither_model_nor_reports(
    finished: Workspace, tmp_path: Path
) -> None:
    threads = {"backend": "threading", "n_jobs": 2}
    other = same_table(finished, tmp_path, rows_per_part=37, **threads)
    one, two = (
        {n: c for n, c in each.contents().items() if not n.startswith(OF_PARTS)}
        for each in (finished, other)
    )
    assert one == two


@pytest.fixture
def slow_search(copy_of: Callable[[str], Workspace]) -> Workspace:
    """Return a workspace where the stage `train` would take minutes."""
    space = {"max_iter": {"int": [100, 400]}}
    search = {"method": "random", "n_iter": 500, "folds": 5, "space": space}
    workspace = copy_of("binary")
    workspace.set_params(train={"search": search})
    return workspace


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGKILL, -signal.SIGKILL)],
    ids=["interrupted", "ended", "killed"],
)
def test_stopped_stage_leaves_the_old_model_and_nothing_half_written(
    slow_search: Workspace, number: signal.Signals, code: int
) -> None:
    before = slow_search.contents()
    module, paths = commands()["train"]
    process = subprocess.Popen(
        [sys.executable, "-m", module, *map(str, paths)],
        cwd=slow_search.folder,
        env=os.environ,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    while not process.stderr.readline().startswith("Searching"):
        assert process.poll() is None
    time.sleep(0.3)
    os.killpg(process.pid, number)
    _, printed = process.communicate(timeout=60)
    assert process.returncode == code
    assert "Traceback" not in printed
    assert slow_search.contents() == before
