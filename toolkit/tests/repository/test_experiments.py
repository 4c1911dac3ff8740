"""Experiments with DVC's own commands and ours, from a first try to a merge."""

import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from reproducible_ml.versioning.git import find_experiments
from reproducible_ml.versioning.lock import flatten

from ..copies import copy_project
from .conftest import RATE, RML, TREES, Project, needs_sample

# One worker of the tests runs all of them, as they share what takes long to make.
pytestmark = [
    needs_sample,
    pytest.mark.integration,
    pytest.mark.xdist_group("experiments"),
]


@pytest.fixture(scope="module")
def tried(quick: Project) -> Project:
    """Return the project after a grid of two ran in the queue: try-1 and try-2."""
    grid = ["-S", f"{RATE}=0.05,0.3", "--name", "try"]
    quick.run("dvc", "exp", "run", "--queue", *grid)
    # A worker would hold a pipe open as long as it lives.
    subprocess.run(
        ["dvc", "queue", "start", "--jobs", "2"],
        cwd=quick.folder,
        env=quick.environment(),
        stdout=subprocess.DEVNULL,
        check=True,
    )
    wait_for(lambda: find_experiments(quick.folder).keys() >= {"try-1", "try-2"})
    return quick


def wait_for(condition: Callable[[], bool], seconds: float = 300) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.2)


def clone(project: Project, folder: Path) -> Project:
    """Return what a colleague has after cloning: no data, an own configuration."""
    project.run(
        "git", "clone", "--quiet", str(project.folder.parent / "hub.git"), str(folder)
    )
    copy = Project(folder)
    copy.run("git", "config", "user.name", "Bob")
    copy.run("git", "config", "user.email", "bob@example.org")
    return copy


@pytest.mark.slow
def test_forged_results_are_found_in_a_clone(quick: Project, tmp_path: Path) -> None:
    copy = clone(quick, tmp_path / "bob")
    committed = copy.read("reports/metrics.json")
    forged = committed.replace('": 0.', '": 0.0', 1)
    assert forged != committed
    (copy.folder / "reports/metrics.json").write_text(forged, "utf-8")
    hashes = [hashlib.md5(t.encode()).hexdigest() for t in (committed, forged)]
    copy.edit("dvc.lock", hashes[0], hashes[1])
    copy.commit()
    printed = copy.run(*RML, "repro").stdout
    assert "evaluate: its results came from Git; it is run again" in printed
    assert copy.read("reports/metrics.json") == committed
    # With all data there, nothing is run again.
    assert "came from Git" not in copy.run(*RML, "repro").stdout


def params_of(project: Project, revision: str) -> str:
    """Return params.yaml of a commit."""
    return project.run("git", "show", f"{revision}:params.yaml").stdout


@pytest.mark.slow
def test_experiment_in_a_fresh_clone(quick: Project, tmp_path: Path) -> None:
    copy = clone(quick, tmp_path / "bob")
    copy.run("dvc", "exp", "run", "-S", f"{TREES}=6", "--name", "six")
    assert [*find_experiments(copy.folder)] == ["six"]
    assert "max_iter: 6" in copy.read("params.yaml")
    assert set(copy.run("git", "diff", "--name-only").stdout.split()) >= {
        "dvc.lock",
        "params.yaml",
        "reports/metrics.json",
    }


def test_temporary_run_leaves_the_folder_alone(quick: Project) -> None:
    quick.run("dvc", "exp", "run", "--temp", "--name", "six", "-S", f"{TREES}=6")
    assert quick.run("git", "status", "--porcelain").stdout == ""
    assert "max_iter: 6" in params_of(quick, find_experiments(quick.folder)["six"])
    quick.run("dvc", "exp", "remove", "six")


@pytest.mark.slow
def test_grid_in_the_queue_is_shown_and_compared(tried: Project) -> None:
    shown = json.loads(tried.run("dvc", "exp", "show", "--json").stdout)
    found = {row["name"]: row["revs"][0]["data"] for row in shown[1]["experiments"]}
    rates = {
        name: dict(flatten(data["params"]["params.yaml"]["data"]))[RATE]
        for name, data in found.items()
    }
    assert rates == {"try-1": 0.05, "try-2": 0.3}
    diff = tried.run("dvc", "exp", "diff", "try-1", "try-2").stdout
    assert RATE in diff
    assert "log_loss" in diff
    page = tried.run("dvc", "plots", "diff", "try-1", "try-2").stdout
    assert "index.html" in page
    listed = tried.run(*RML, "exps").stdout
    names = {line.split()[0] for line in listed.splitlines() if line.strip()}
    assert names >= {"try-1", "try-2", "main"}


@pytest.mark.slow
def test_experiment_is_applied_and_pushed_as_a_branch(
    tried: Project, tmp_path: Path
) -> None:
    project = Project(tmp_path / "ann")
    copy_project(tried.folder, project.folder)
    project.run("dvc", "exp", "apply", "try-2")
    assert "learning_rate: 0.3" in project.read("params.yaml")
    assert "up to date" in project.run("dvc", "status").stdout
    said = project.run(*RML, "branch", "try-2").stdout
    assert "git push --set-upstream origin exp/try-2" in said
    assert "    dvc push   #" in said
    assert "learning_rate: 0.3" in params_of(project, "exp/try-2")
    project.run("dvc", "exp", "branch", "try-1", "other-way")
    assert "learning_rate: 0.05" in params_of(project, "other-way")


@pytest.mark.slow
def test_experiment_is_pulled_by_another(tried: Project, tmp_path: Path) -> None:
    tried.run("dvc", "exp", "push", "origin", "try-1")
    copy = clone(tried, tmp_path / "bob")
    copy.run("dvc", "exp", "pull", "origin", "try-1")
    copy.run("dvc", "exp", "apply", "try-1")
    assert "learning_rate: 0.05" in copy.read("params.yaml")
    assert "up to date" in copy.run("dvc", "status").stdout


@pytest.mark.slow
def test_nightly_script_reports_the_outcome_as_its_exit_code(
    quick: Project, tmp_path: Path
) -> None:
    project = Project(tmp_path / "ann")
    copy_project(quick.folder, project.folder)

    def nightly() -> int:
        return project.run("pipelines/nightly.sh", check=False).returncode

    assert nightly() == 0
    project.set(TREES, 6)
    project.commit()
    assert nightly() == 3
    assert project.run("dvc", "status", "--cloud").stdout.count("in sync") == 1
    # The changed results are not committed yet.
    assert nightly() == 7
    project.run("git", "reset", "--quiet", "--hard")
    project.set("train.estimator.path", "sklearn.nothing.Model")
    assert nightly() == 5


@pytest.mark.parametrize(
    "command",
    [
        ["make", "exp", "S=train.nothing=1 \"split.salt='; touch pwned'\"", "NAME=-x"],
        ["make", "exp", "S=train.nothing=1 split.salt=$(shell touch pwned)"],
    ],
)
def test_make_passes_on_what_is_typed(project: Project, command: list[str]) -> None:
    # The environment of the tests stands for that of `make setup`.
    (project.folder / "environments/setup.sh").write_text("exit 0\n")
    programs = project.folder / ".venv/bin"
    programs.mkdir(parents=True)
    for name in ("rml", "dvc", "python"):
        (programs / name).symlink_to(Path(sys.executable).with_name(name))
    done = subprocess.run(
        command,
        cwd=project.folder,
        env=project.environment() | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "error: " in done.stderr
    assert not (project.folder / "pwned").exists()
