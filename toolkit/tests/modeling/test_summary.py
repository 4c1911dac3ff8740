"""The printed table of metrics."""

import json
from pathlib import Path
from typing import Any

import pytest

from reproducible_ml.modeling.drawing.summary import (
    format_number,
    format_table,
    print_summary,
)


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
def test_numbers_of_any_size_are_readable(number: float | None, text: str) -> None:
    assert format_number(number) == text


@pytest.mark.parametrize(
    ("task", "baseline"),
    [
        ("binary", "how frequent each class is"),
        ("regression", "the mean of the target"),
    ],
)
def test_summary_shows_value_interval_and_baseline(
    task: str, baseline: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    metric = {"value": 0.9, "low": 0.8, "high": None, "baseline": {"value": 0.5}}
    facts = {"rows": 7, "interval_rows": 5, "metrics": {"f1": metric}}
    gap: dict[str, Any] = {"difference": metric, "lowest": "old", "highest": "young"}
    gap["few"] = [{"group": "old", "rows": 9, "of": "rows"}]
    group = {"group": "old", "rows": 9}
    facts["protected"] = {"age": {"groups": [group], "gaps": {"accuracy": gap}}}
    found = {"metric": "r2", "value": 1.0, "alone": 0.6, "column": "a"}
    facts["no_better_than_baseline"] = ["f1", "r2"]
    facts["too_good"] = found | {"features": ["a", "b"]}
    (tmp_path / "evaluation.json").write_text(json.dumps(facts))
    print_summary(tmp_path / "evaluation.json", task)
    printed = capsys.readouterr().out
    assert "f1      0.9000    0.8000 to -    0.5000" in printed
    assert "7 test rows; intervals from 5 of them" in printed
    assert baseline in printed
    assert "accuracy           0.9000    0.8000 to -     old    young" in printed
    assert "old, has 9 rows. Too few rows for some of these: old." in printed
    assert "warning: f1, r2: the model is no better on the test rows than" in printed
    assert "warning: r2 is 1.0000 on the test rows, but 0.6000 with" in printed
    table = format_table([["metric", "value"], ["f1", "0.5"]])
    assert table == "metric  value\nf1        0.5"
