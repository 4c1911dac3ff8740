"""Tests of reproducible_ml.models.summary."""

import json
from pathlib import Path

import pytest

from reproducible_ml.models.summary import main, show, table


def test_table_aligns_columns() -> None:
    assert table([["metric", "value"], ["f1", "0.5"]]) == "metric  value\nf1        0.5"


def test_undefined_metric_is_a_dash() -> None:
    assert show(None) == "-"
    assert show(0.12345) == "0.1235"


def test_main_prints_metric_interval_and_baseline(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    metric = {"value": 0.9, "low": 0.8, "high": None, "baseline": {"value": 0.5}}
    facts = {"rows": 7, "interval_rows": 5, "metrics": {"f1": metric}}
    evaluation = tmp_path / "evaluation.json"
    evaluation.write_text(json.dumps(facts))
    main(evaluation, tmp_path / "overview.png", tmp_path / "plots")
    printed = capsys.readouterr().out
    assert "f1      0.9000    0.8000 to -    0.5000" in printed
    assert "7 test rows; intervals from 5 of them" in printed
    assert str(tmp_path / "overview.png") in printed
