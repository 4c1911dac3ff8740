"""Copies of the repository run their own code: of the project and of the toolkit."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from reproducible_ml.versioning.git import find_experiments

from .conftest import RML, TREES, Project, needs_sample

# One worker of the tests runs all of them, as they share what takes long to make.
pytestmark = [
    needs_sample,
    pytest.mark.integration,
    pytest.mark.xdist_group("experiments"),
]


class Installed(Project):
    """A project that finds the packages only where another one installed them."""

    original: Path

    def environment(self) -> dict[str, str]:
        """Return variables with the original's packages, as an editable install has."""
        found = [str(self.original / "code"), str(self.original / "toolkit/src")]
        return {**super().environment(), "PYTHONPATH": os.pathsep.join(found)}


def mark(project: Project, folder: Path) -> None:
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
    mark(quick, folder)
    return made


def test_worktree_runs_its_own_code(quick: Project, worktree: Installed) -> None:
    printed = worktree.run("dvc", "repro", "train").stdout
    assert ran_in(printed, worktree.folder)
    # Also below the root, where commands look for it.
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


def test_temporary_run_and_queue_use_the_code_of_their_copy(
    worktree: Installed,
) -> None:
    """The edit of the working tree is part of the copy, and not of the original."""
    run = ("dvc", "exp", "run", "-S", f"{TREES}=4")
    printed = worktree.run(*run, "--temp", "--name", "temporary").stdout
    assert ran_in(printed, worktree.folder / ".dvc/tmp/exps")
    worktree.run(*run, "--queue", "--name", "queued")
    assert "queued" not in find_experiments(worktree.folder)
    # In the foreground: a worker would live on after the test.
    printed = worktree.run("dvc", "exp", "run", "--run-all").stdout
    printed += worktree.run("dvc", "queue", "logs", "queued", check=False).stdout
    assert ran_in(printed, worktree.folder / ".dvc/tmp/exps")


def test_verify_runs_the_code_of_its_copy(worktree: Installed) -> None:
    worktree.run("git", "commit", "--quiet", "--all", "--message", "Edited")
    printed = worktree.run(*RML, "verify", check=False).stdout
    lines = [line for line in printed.splitlines() if line.startswith("edited code")]
    assert {line.split()[3] for line in lines} >= {"train.py", "stage.py"}
    assert all("another place" in line for line in lines)


def test_processes_of_a_stage_use_the_code_of_its_folder(
    worktree: Installed,
) -> None:
    program = (
        "import joblib, reproducible_ml.core.stage, tumour_diagnosis.models.train\n"
        "def where(name):\n"
        "    import importlib\n"
        "    return importlib.import_module(name).__file__\n"
        "names = ['reproducible_ml.core.stage', 'tumour_diagnosis.models.train']\n"
        "with joblib.parallel_config('loky', n_jobs=2):\n"
        "    print(*joblib.Parallel()(map(joblib.delayed(where), names)), sep='\\n')\n"
    )
    done = worktree.run(sys.executable, "-c", program).stdout.splitlines()
    assert all(Path(line).is_relative_to(worktree.folder) for line in done[-2:])
