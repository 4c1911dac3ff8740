"""Tests of reproducible_ml.experiments.listing."""

from typing import Any

from reproducible_ml.experiments.listing import (
    COMMIT,
    FOLDER,
    Row,
    best_first,
    differing,
    read_rows,
)

from .conftest import PARAMS, Project


def row(name: str, auc: float | None, **others: Any) -> Row:
    metrics: dict[str, float | None] = {} if auc is None else {"roc_auc": auc}
    return Row(name, "", {"train.seed": 0}, metrics)._replace(**others)


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


def test_folder_that_equals_the_commit_is_left_out(project: Project) -> None:
    assert [row.state for row in read_rows(project.root)] == [COMMIT]


def test_params_that_cannot_be_read_are_told(project: Project) -> None:
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


def test_keys_that_differ_are_those_whose_value_is_not_everywhere_the_same() -> None:
    assert differing([{"a": 1, "b": 1}, {"a": 1, "b": 2}]) == ["b"]
    assert differing([{"a": 1}, {}, {"c": None}]) == ["a", "c"]
    assert differing([{"a": 1}]) == []
