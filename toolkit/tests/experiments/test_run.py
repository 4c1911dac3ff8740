"""Tests of reproducible_ml.experiments.run."""

import os
import signal
import subprocess
from collections.abc import Callable

import pytest

from reproducible_ml.core.errors import UserError
from reproducible_ml.experiments.run import run, what_next
from reproducible_ml.experiments.settings import read_settings
from reproducible_ml.versioning.git import find_experiments

from .conftest import Project, add_experiment

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def test_run_makes_an_experiment_and_tells_what_it_changes(
    project: Project, run_module: Run
) -> None:
    arguments = ["--settings", "train.seed=2 split.salt=b", "--name", "two"]
    done = run_module("experiments.run", *arguments, cwd=project.root)
    assert done.returncode == 0, done.stderr
    assert "train.seed" in done.stdout
    assert "roc_auc went from 0.9000 to 0.8800" in done.stdout
    assert "Experiment: two. Its results are in this folder." in done.stdout
    assert "make branch EXP=two" in done.stdout
    assert "seed: 2" in project.git(
        "show", f"{find_experiments(project.root)['two']}:params.yaml"
    )


def test_run_that_changes_nothing_says_so(project: Project, run_module: Run) -> None:
    done = run_module("experiments.run", cwd=project.root)
    assert done.returncode == 0, done.stderr
    assert "Nothing changed" in done.stdout
    assert "the same as HEAD. To drop it: dvc exp remove " in done.stdout


def test_failed_run_is_undone(project: Project, run_module: Run) -> None:
    done = run_module("experiments.run", "--settings=train.seed=13", cwd=project.root)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "error: the run failed, as told above. params.yaml, results and data are as"
        " before."
    )
    assert project.git("status", "--porcelain") == ""
    assert project.git("branch", "--show-current") == "main\n"


def test_ctrl_c_is_undone(project: Project) -> None:
    module = "reproducible_ml.experiments.run"
    started = project.start(module, "--settings=train.seed=14")
    assert started.stdout
    for line in started.stdout:
        if "judging 14" in line:
            os.killpg(started.pid, signal.SIGINT)
    assert started.wait() == 130
    started.stdout.close()
    assert project.git("status", "--porcelain") == ""
    assert project.git("branch", "--show-current") == "main\n"


@pytest.mark.parametrize(
    ("settings", "name", "said"),
    [
        ("train.seed=-1", None, "params.yaml: train.seed: "),
        ("", "taken", "NAME=taken: is taken."),
        ("", "a/b", "NAME=a/b: is no name."),
    ],
)
def test_what_cannot_be_is_refused_before_anything_runs(
    project: Project, settings: str, name: str | None, said: str
) -> None:
    head = project.git("rev-parse", "HEAD").strip()
    add_experiment(project, "taken", head, head)
    with pytest.raises(UserError, match=said):
        run(project.root, read_settings(settings), name)


def test_file_that_would_get_lost_is_refused(project: Project, run_module: Run) -> None:
    project.write("new.py", "")
    done = run_module("experiments.run", cwd=project.root)
    assert done.returncode == 1
    assert done.stderr.startswith("error: new.py: is not in Git, so the experiment")
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


def test_experiment_with_the_results_of_another_is_told(project: Project) -> None:
    head = project.git("rev-parse", "HEAD").strip()
    project.write("raw.csv", "other")
    tried = project.commit()
    project.git("reset", "--quiet", "--hard", head)
    for name in ("one", "two"):
        add_experiment(project, name, head, tried)
    assert "They are those of one." in what_next(project.root, "two")
    assert what_next(project.root, None) == "All experiments: make exps\n"
