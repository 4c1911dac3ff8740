"""`rml exps`: rows from DVC, their order, and the table."""

import re
from collections.abc import Sequence
from typing import Any

import pytest

from reproducible_ml.experiments.listing import (
    COMMIT,
    FOLDER,
    Row,
    best_first,
    differing,
    draw,
    list_experiments,
    read_rows,
    short_names,
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
