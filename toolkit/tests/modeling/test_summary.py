"""Tests of reproducible_ml.modeling.drawing.summary."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reproducible_ml.modeling.drawing.summary import main, show, table


def test_table_aligns_columns() -> None:
    assert table([["metric", "value"], ["f1", "0.5"]]) == "metric  value\nf1        0.5"


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (None, "-"),
        (0.12345, "0.1235"),
        (0.0, "0.0000"),
        (-0.00001234, "-1.23e-05"),
        (999.99, "999.9900"),
        (1234567.89, "1,234,567.9"),
    ],
)
def test_numbers_of_any_size_can_be_read(number: float | None, text: str) -> None:
    assert format_number(number) == text


def test_main_prints_metric_interval_and_baseline(
    workspace: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    metric = {"value": 0.9, "low": 0.8, "high": None, "baseline": {"value": 0.5}}
    facts = {"rows": 7, "interval_rows": 5, "metrics": {"f1": metric}}
    evaluation = Path("evaluation.json")
    evaluation.write_text(json.dumps(facts))
    main(evaluation, Path("overview.png"), Path("plots"))
    printed = capsys.readouterr().out
    assert "f1      0.9000    0.8000 to -    0.5000" in printed
    assert "7 test rows; intervals from 5 of them" in printed
    assert "overview.png" in printed


@pytest.mark.parametrize(
    ("task", "known"),
    [
        ("binary", "how frequent each class is"),
        ("multiclass", "how frequent each class is"),
        ("regression", "the mean of the target"),
    ],
)
def test_main_says_what_the_baseline_knows(
    task: str,
    known: str,
    make_workspace: Callable[..., Any],
    capsys: pytest.CaptureFixture[str],
) -> None:
    make_workspace(task=task)
    facts: dict[str, Any] = {"rows": 7, "interval_rows": 5, "metrics": {}}
    Path("evaluation.json").write_text(json.dumps(facts))
    main(Path("evaluation.json"), Path("overview.png"), Path("plots"))
    assert f"the baseline knows only {known}." in capsys.readouterr().out
