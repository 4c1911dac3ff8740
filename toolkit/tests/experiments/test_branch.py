"""`rml branch`: a Git branch of an experiment, and what to type next."""

import subprocess

import pytest

from reproducible_ml.core.errors import UserError
from reproducible_ml.experiments.branch import branch, make_branch, what_next

from .conftest import Project, add_experiment


@pytest.fixture
def tried(project: Project) -> Project:
    """A project with the experiment `one`: other parameters on the last commit."""
    head = project.git("rev-parse", "HEAD").strip()
    project.write("notes.txt", "one")
    params = project.read("params.yaml")
    project.write("params.yaml", params.replace("seed: 0", "seed: 3"))
    add_experiment(project, "one", head, project.commit("Experiment"))
    project.git("reset", "--quiet", "--hard", head)
    return project


@pytest.mark.integration
def test_branch_holds_the_experiment_and_the_folder_stays(tried: Project) -> None:
    assert make_branch(tried.root, "one") == "exp/one"
    assert tried.git("show", "exp/one:notes.txt") == "one"
    assert tried.git("branch", "--show-current") == "main\n"
    assert tried.git("status", "--porcelain") == ""
    head = tried.git("rev-parse", "HEAD")
    assert tried.git("rev-parse", "exp/one^") == head
    title, _, body = tried.git("log", "-1", "--format=%B", "exp/one").partition("\n\n")
    assert title == "Set train.seed to 3"
    assert body.strip().split("\n\n") == ["Experiment one.", "train.seed: 0 -> 3"]


@pytest.mark.integration
def test_second_run_says_again_what_to_type(
    tried: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    branch(tried.root, "one")
    first = capsys.readouterr().out
    branch(tried.root, "one")
    again = capsys.readouterr().out
    assert again == first.replace("Made the", "There already is the")


@pytest.mark.integration
@pytest.mark.parametrize("away", [True, False])
def test_advice_on_another_branch_of_that_name_works(
    tried: Project, away: bool
) -> None:
    tried.git("switch", "--quiet", "--create", "exp/one")
    tried.write("mine.txt", "mine")
    tried.commit("Mine")
    if away:
        tried.git("switch", "--quiet", "main")
    with pytest.raises(UserError) as caught:
        make_branch(tried.root, "one")
    command = str(caught.value).rpartition("To remove it: ")[2]
    assert ("git switch main" in command) != away
    subprocess.run(command, shell=True, cwd=tried.root, check=True)
    assert make_branch(tried.root, "one") == "exp/one"


@pytest.mark.integration
@pytest.mark.parametrize(
    ("existing", "name", "said"),
    [
        (None, "two", "two: no such experiment. There are: one"),
        (None, "", "Which experiment? There are: one"),
        ("exp/one", "one", "exp/one: there is another branch of this name."),
        ("exp", "one", "exp/one: Git cannot make it while there is a branch `exp`."),
    ],
)
def test_impossible_branch_is_an_error(
    tried: Project, existing: str | None, name: str, said: str
) -> None:
    if existing:
        tried.git("branch", existing)
    before = tried.git("for-each-ref")
    with pytest.raises(UserError) as caught:
        make_branch(tried.root, name)
    assert str(caught.value).startswith(said)
    assert tried.git("for-each-ref") == before


@pytest.mark.integration
def test_error_says_how_to_make_an_experiment(project: Project) -> None:
    with pytest.raises(UserError, match="There are none yet: rml exp -S "):
        make_branch(project.root, "one")


@pytest.mark.integration
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


@pytest.mark.integration
def test_next_lines_name_what_is_missing(tried: Project) -> None:
    tried.git("branch", "exp/one")
    lines = [*what_next(tried.root, "exp/one")]
    assert "there is no DVC remote" in lines[0]
    assert lines[1] == "git remote add origin ADDRESS   # there is no Git remote yet"
    assert "https://github.com/OWNER/NAME/compare/exp/one" in lines[4]


@pytest.mark.integration
def test_data_of_another_state_are_fetched_before_the_push(tried: Project) -> None:
    tried.git("branch", "exp/one")
    tried.dvc("remote", "add", "--default", "storage", "/nowhere")
    tried.write("dvc.lock", "")
    assert next(what_next(tried.root, "exp/one")) == (
        "git stash && git switch exp/one && dvc checkout && dvc push   # data and model"
    )


@pytest.mark.integration
def test_branch_prints_what_to_type_next(
    tried: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    branch(tried.root, "one")
    printed = capsys.readouterr().out
    assert printed.startswith(
        "Made the branch exp/one (Set train.seed to 3). Next:\n\n    "
    )
