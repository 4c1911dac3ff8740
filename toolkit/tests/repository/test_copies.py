"""Copies of the repository run their own code: of the project and of the toolkit."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from reproducible_ml.versioning.git import find_experiments

from ..copies import copy_project
from .conftest import RML, TREES, Project, needs_sample
from .test_experiments import wait_for

# One worker of the tests runs all of them, as they share what takes long to make.
pytestmark = [
    needs_sample,
    pytest.mark.slow,
    pytest.mark.xdist_group("experiments"),
]


class Installed(Project):
    """A project that finds the packages only where another one installed them."""

    original: Path

    def environment(self) -> dict[str, str]:
        """Return variables with the original's packages, as an editable install has."""
        found = [str(self.original / "code"), str(self.original / "toolkit/src")]
        return {**super().environment(), "PYTHONPATH": os.pathsep.join(found)}


def mark(folder: Path) -> None:
    """Let both packages in a folder report that they ran."""
    for name in ("code/tumour_diagnosis", "toolkit/src/reproducible_ml/core"):
        path = folder / name / ("models/train.py" if "code" in name else "stage.py")
        text = path.read_text("utf-8")
        line = f'\nprint("edited code of {path.name}", __file__, flush=True)\n'
        path.write_text(text.replace("\nimport ", f"{line}\nimport ", 1), "utf-8")
        assert line in path.read_text("utf-8")


def ran_in(printed: str, folder: Path) -> bool:
    """Return whether both edited modules ran, and from this folder."""
    lines = [line for line in printed.splitlines() if line.startswith("edited code")]
    return {line.split()[3] for line in lines} >= {"train.py", "stage.py"} and all(
        Path(line.split(" ", 4)[4]).resolve().is_relative_to(folder.resolve())
        for line in lines
    )


@pytest.fixture
def worktree(quick: Project, tmp_path: Path) -> Installed:
    """A Git worktree of a project, with both packages edited."""
    folder = tmp_path / "tree"
    quick.run("git", "worktree", "add", "--quiet", "--detach", str(folder))
    made = Installed(folder)
    made.original = quick.folder
    made.run("dvc", "cache", "dir", "--local", str(quick.folder / ".dvc/cache"))
    mark(folder)
    return made


@pytest.fixture
def edited(quick: Project, tmp_path: Path) -> Installed:
    """A project with both packages edited, beside the one that is installed."""
    made = Installed(tmp_path / "edited")
    copy_project(quick.folder, made.folder)
    made.original = quick.folder
    mark(made.folder)
    return made


def test_worktree_runs_its_own_code(worktree: Installed) -> None:
    printed = worktree.run("dvc", "repro", "--no-run-cache", "train").stdout
    assert ran_in(printed, worktree.folder)
    program = (
        "import joblib, reproducible_ml.core.stage\n"
        "def where(name):\n"
        "    import importlib\n"
        "    return importlib.import_module(name).__file__\n"
        "names = ['reproducible_ml.core.stage', 'tumour_diagnosis.models.train']\n"
        "with joblib.parallel_config('loky', n_jobs=2):\n"
        "    print(*joblib.Parallel()(map(joblib.delayed(where), names)), sep='\\n')\n"
    )
    # Processes of joblib too.
    paths = worktree.run(sys.executable, "-c", program).stdout.splitlines()[-2:]
    assert all(Path(path).is_relative_to(worktree.folder) for path in paths)
    # Commands work below the root as well.
    (worktree.folder / "toolkit/src/reproducible_ml/cli.py").write_text(
        "print('own command line')\n"
    )
    done = subprocess.run(
        [*RML, "--version"],
        cwd=worktree.folder / "docs",
        env=worktree.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "own command line\n"


def test_temporary_run_uses_the_code_of_its_copy(edited: Installed) -> None:
    run = ["dvc", "exp", "run", "--temp", "-S", f"{TREES}=4"]
    assert ran_in(edited.run(*run).stdout, edited.folder / ".dvc/tmp/exps")


def test_queue_uses_the_code_of_its_copy(edited: Installed) -> None:
    run = ["dvc", "exp", "run", "--queue", "--name", "queued", "-S", f"{TREES}=4"]
    edited.run(*run)
    # A worker would hold a pipe open as long as it lives.
    subprocess.run(
        ["dvc", "queue", "start"],
        cwd=edited.folder,
        env=edited.environment(),
        stdout=subprocess.DEVNULL,
        check=True,
    )
    wait_for(lambda: "queued" in find_experiments(edited.folder))
    printed = edited.run("dvc", "queue", "logs", "queued").stdout
    assert ran_in(printed, edited.folder / ".dvc/tmp/exps")


def test_verify_runs_the_code_of_its_copy(edited: Installed) -> None:
    edited.commit()
    printed = edited.run(*RML, "verify", check=False).stdout
    lines = [line for line in printed.splitlines() if line.startswith("edited code")]
    assert {line.split()[3] for line in lines} >= {"train.py", "stage.py"}
    # (The command itself runs in the working tree.)
    assert any("another place" in line for line in lines if "train.py" in line)
