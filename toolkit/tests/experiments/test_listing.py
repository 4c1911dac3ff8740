"""Tests of reproducible_ml.experiments.listing."""

import subprocess
from collections.abc import Callable, Sequence

import pytest

from reproducible_ml.experiments.listing import Row, draw, short_names
from reproducible_ml.report.markdown import show_in_terminal

from .conftest import Project, add_experiment

Run = Callable[..., "subprocess.CompletedProcess[str]"]

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
        "log_",
        "experiment state auc ↑ loss ↓ seed",
        "one 0.9000 1.0000 1",
        "main last commit 0.8000 2.0000 0",
        "bad failed - - -5",
        "",
    ]


def test_metric_that_decides_is_always_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert lines(ROWS[:1], capsys)[0] == "experiment state auc ↑"


def test_nothing_that_people_wrote_is_a_command(
    capsys: pytest.CaptureFixture[str],
) -> None:
    nasty = Row("[red]x[/]\x1b[2J", "", {"[bold]k": "[/]\n\x07"}, {"auc": 1.0})
    text = "\n".join(lines([nasty, ROWS[0]], capsys))
    assert "[red]x[/]\\x1b[2J" in text
    assert "[bold]k" in text
    assert "[/]\\n\\x07" in text


def test_names_are_short_where_that_is_enough() -> None:
    assert short_names(["train.seed", "split.seed", "split.salt"]) == [
        "train.seed",
        "split.seed",
        "salt",
    ]


def test_project_without_experiment_is_told_what_to_type(
    project: Project, run_module: Run
) -> None:
    head = project.git("rev-parse", "HEAD").strip()
    add_experiment(project, "old", "0" * 40, head)
    done = run_module("experiments.listing", cwd=project.root)
    assert done.returncode == 0, done.stderr
    assert "make exp S='train.seed=1'" in done.stdout
    assert "1 more on other commits: dvc exp show --all-commits" in done.stdout


def test_experiments_are_listed(project: Project, run_module: Run) -> None:
    head = project.git("rev-parse", "HEAD").strip()
    project.write("reports/metrics.json", {"roc_auc": 0.8})
    add_experiment(project, "one", head, project.commit())
    project.git("reset", "--quiet", "--hard", head)
    done = run_module("experiments.listing", cwd=project.root)
    assert done.returncode == 0, done.stderr
    names = [
        line.split()[0]
        for line in done.stdout.splitlines()
        if "0.8" in line or "0.9" in line
    ]
    assert names == ["main", "one"]
    assert "Best roc_auc first." in done.stdout
