"""The list of experiments, and the branch that proposes one."""

import re
import subprocess
from collections.abc import Sequence
from typing import Any

import pytest

from reproducible_ml.core.errors import UserError
from reproducible_ml.experiments.listing import (
    COMMIT,
    FOLDER,
    Row,
    best_first,
    branch,
    differing,
    draw,
    list_experiments,
    make_branch,
    read_rows,
    short_names,
    what_next,
)
from reproducible_ml.report.markdown import show_in_terminal

from .conftest import PARAMS, Project, add_experiment

ROWS = [
    Row(
        "one", "", {"train.seed": 1, "a": "x"}, {"auc": 0.9, "f1": 0.5, "log_loss": 1.0}
    ),
    Row(
        "main",
        "last commit",
        {"train.seed": 0, "a": "x"},
        {"auc": 0.8, "f1": 0.5, "log_loss": 2.0},
    ),
    Row("bad", "failed", {"train.seed": -5, "a": "x"}, {}),
]


def lines(rows: Sequence[Row], capsys: pytest.CaptureFixture[str]) -> list[str]:
    show_in_terminal(draw(rows, "auc", {"auc": True, "log_loss": False}))
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_only_what_differs_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert lines(ROWS, capsys) == [
        "experiment state auc ↑ log_loss ↓ seed",
        "one 0.9000 1.0000 1",
        "main last commit 0.8000 2.0000 0",
        "bad failed - - -5",
        "",
    ]


def test_main_metric_is_always_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert lines(ROWS[:1], capsys)[0] == "experiment state auc ↑"


def test_no_text_is_markup_or_a_terminal_command(
    capsys: pytest.CaptureFixture[str],
) -> None:
    nasty = Row("[red]x[/]\x1b[2J", "", {"[bold]k": "[/]\n\x07"}, {"auc": 1.0})
    text = "\n".join(lines([nasty, ROWS[0]], capsys))
    assert "[red]x[/]\\x1b[2J" in text
    assert "[bold]k" in text
    assert "[/]\\n\\x07" in text


def test_names_are_short_where_that_is_unique() -> None:
    assert short_names(["train.seed", "split.seed", "split.salt"]) == [
        "train.seed",
        "split.seed",
        "salt",
    ]


@pytest.mark.integration
def test_project_without_experiments_shows_how_to_run_one(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    head = project.git("rev-parse", "HEAD").strip()
    add_experiment(project, "old", "0" * 40, head)
    list_experiments(project.project)
    printed = capsys.readouterr().out
    assert "rml exp -S train.seed=1" in printed
    assert "1 more on other commits: dvc exp show --all-commits" in printed


@pytest.mark.integration
def test_experiments_are_listed_best_first(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    head = project.git("rev-parse", "HEAD").strip()
    project.write("reports/metrics.json", {"roc_auc": 0.8})
    add_experiment(project, "one", head, project.commit())
    project.git("reset", "--quiet", "--hard", head)
    list_experiments(project.project)
    printed = capsys.readouterr().out
    assert re.findall(r"^(\S+) .*0\.[89]", printed, re.M) == ["main", "one"]
    assert "Best roc_auc first." in printed
    assert " \n" not in printed


def row(name: str, auc: float | None, **others: Any) -> Row:
    metrics: dict[str, float | None] = {} if auc is None else {"roc_auc": auc}
    return Row(name, "", {"train.seed": 0}, metrics)._replace(**others)


@pytest.mark.integration
def test_rows_are_folder_commit_and_experiments_with_their_state(
    project: Project,
) -> None:
    project.dvc("exp", "run", "--quiet", "-n", "one", "-S", "train.seed=1")
    project.dvc("exp", "run", "--quiet", "--queue", "-n", "later", "-S", "train.seed=3")
    rows = {row.name: row for row in read_rows(project.root)}
    assert {name: row.state for name, row in rows.items()} == {
        "workspace": FOLDER,
        "main": COMMIT,
        "one": "",
        "later": "queued",
    }
    assert rows["one"].metrics == {"roc_auc": 0.89}
    assert rows["later"].params["train.seed"] == 3
    assert rows["later"].metrics == {}


@pytest.mark.integration
def test_folder_that_equals_the_commit_is_left_out(project: Project) -> None:
    assert [row.state for row in read_rows(project.root)] == [COMMIT]


@pytest.mark.integration
def test_unreadable_params_are_a_state(project: Project) -> None:
    project.write("params.yaml", f"{PARAMS}: : {{")
    assert read_rows(project.root)[0].state.startswith(FOLDER)


def test_best_comes_first_and_what_has_no_metric_last() -> None:
    rows = [row("none", None), row("bad", 0.5), row("good", 0.9)]
    assert [r.name for r in best_first(rows, "roc_auc", True)] == [
        "good",
        "bad",
        "none",
    ]
    assert [r.name for r in best_first(rows, "roc_auc", False)] == [
        "bad",
        "good",
        "none",
    ]


def test_differing_keys_have_more_than_one_value() -> None:
    assert differing([{"a": 1, "b": 1}, {"a": 1, "b": 2}]) == ["b"]
    assert differing([{"a": 1}, {}, {"c": None}]) == ["a", "c"]
    assert differing([{"a": 1}]) == []


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
