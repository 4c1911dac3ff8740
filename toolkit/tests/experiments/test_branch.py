"""Tests of reproducible_ml.experiments.branch."""

import subprocess
from collections.abc import Callable

import pytest

from reproducible_ml.core.errors import UserError
from reproducible_ml.experiments.branch import make_branch, what_next

from .conftest import Project, add_experiment

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def tried(project: Project) -> Project:
    """A project with the experiment `one`: other parameters on the last commit."""
    head = project.git("rev-parse", "HEAD").strip()
    project.write("notes.txt", "one")
    add_experiment(project, "one", head, project.commit("Experiment"))
    project.git("reset", "--quiet", "--hard", head)
    return project


def test_branch_holds_the_experiment_and_the_folder_stays(tried: Project) -> None:
    assert make_branch(tried.root, "one") == "exp/one"
    assert tried.git("show", "exp/one:notes.txt") == "one"
    assert tried.git("branch", "--show-current") == "main\n"
    assert tried.git("status", "--porcelain") == ""


@pytest.mark.parametrize(
    ("existing", "name", "said"),
    [
        (None, "two", "EXP=two: there is no such experiment. There are: one"),
        (None, "", "EXP: which? There are: one"),
        ("exp/one", "one", "exp/one: is there already, and stays as it is."),
        ("exp", "one", "a branch named exp leaves no room for exp/one."),
    ],
)
def test_branch_that_cannot_be_is_refused(
    tried: Project, existing: str | None, name: str, said: str
) -> None:
    if existing:
        tried.git("branch", existing)
    before = tried.git("for-each-ref")
    with pytest.raises(UserError) as caught:
        make_branch(tried.root, name)
    assert str(caught.value).startswith(said)
    assert tried.git("for-each-ref") == before


def test_project_without_experiment_is_told_what_to_type(project: Project) -> None:
    with pytest.raises(UserError, match="There are none yet: make exp S="):
        make_branch(project.root, "one")


def test_next_lines_push_data_code_and_ask_for_a_review(tried: Project) -> None:
    tried.git("branch", "exp/one")
    tried.git("remote", "add", "origin", "git@github.com:me/mine.git")
    tried.dvc("remote", "add", "--default", "storage", "/nowhere")
    assert [*what_next(tried.root, "exp/one")] == [
        "dvc push   # data and model",
        "git push --set-upstream origin exp/one   # code, parameters, results",
        "gh pr create --head exp/one --fill   # or in a browser:",
        "# https://github.com/me/mine/compare/exp/one?expand=1",
    ]


def test_next_lines_name_what_is_missing(tried: Project) -> None:
    tried.git("branch", "exp/one")
    lines = [*what_next(tried.root, "exp/one")]
    assert "as there is no DVC remote" in lines[0]
    assert lines[1] == "git remote add origin ADDRESS   # there is no Git remote yet"
    assert "https://github.com/OWNER/NAME/compare/exp/one" in lines[4]


def test_data_of_another_state_are_fetched_before_the_push(tried: Project) -> None:
    tried.git("branch", "exp/one")
    tried.dvc("remote", "add", "--default", "storage", "/nowhere")
    tried.write("dvc.lock", "")
    assert next(what_next(tried.root, "exp/one")) == (
        "git stash && git switch exp/one && dvc checkout && dvc push   # data and model"
    )


def test_command_prints_what_to_type_next(tried: Project, run_module: Run) -> None:
    done = run_module("experiments.branch", "--exp=one", cwd=tried.root)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Made the branch exp/one. Next:\n\n    ")
    again = run_module("experiments.branch", "--exp=one", cwd=tried.root)
    assert again.returncode == 1
    assert again.stderr.startswith("error: exp/one: is there already")
