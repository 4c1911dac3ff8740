"""Tests of reproducible_ml.report.plots."""

import csv
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from reproducible_ml.modeling.metrics import binary, multiclass, regression
from reproducible_ml.modeling.metrics.metric import Predictions
from reproducible_ml.report.plots import CHARTS, draw
from reproducible_ml.versioning.git import Revision

from .conftest import Repository


def tables(task: str, seed: int) -> dict[str, pd.DataFrame]:
    """Return the tables that `evaluate` would write about some predictions."""
    random = np.random.default_rng(seed)
    keys = random.integers(0, 2**63, 300).astype(np.uint64)
    contract, data = Any, Any
    if task == "regression":
        actual = random.normal(1e6, 1e5, 300)
        rows = Predictions(actual, actual + random.normal(0, 1e4, 300))
        return regression.Regression(contract, data).tables(rows, keys)  # type: ignore[arg-type]
    if task == "binary":
        output = random.random(300)
        judge = object.__new__(binary.Binary)
        judge.names = {False: "no", True: "@yes|"}
        return judge.tables(Predictions(random.random(300) < output, output), keys)
    output = random.dirichlet([1] * 3, 300)
    several = object.__new__(multiclass.Multiclass)
    several.names = {0: "<b>", 1: '"', 2: "c\nd"}
    return several.tables(Predictions(random.integers(0, 3, 300), output), keys)


def write(root: Path, found: dict[str, pd.DataFrame]) -> None:
    (root / "reports/plots").mkdir(parents=True, exist_ok=True)
    for name, table in found.items():
        table.to_csv(root / f"reports/plots/{name}.csv", index=False)


def titles(charts: list[str]) -> list[str]:
    return [re.findall('  title "(.*)"', chart)[0] for chart in charts]


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ("binary", ["ROC curve", "Precision and recall", "Calibration"]),
        ("multiclass", ["F1 of each class"]),
        ("regression", ["Predicted and actual", "Residuals"]),
    ],
)
def test_each_task_has_charts_of_base_and_now(
    repository: Repository, task: str, expected: list[str]
) -> None:
    write(repository.root, tables(task, seed=0))
    base = Revision(repository.root, repository.commit())
    write(repository.root, tables(task, seed=1))
    charts = draw(base, Revision(repository.root))
    assert titles(charts) == expected
    for chart in charts:
        assert "grey: base, orange: now" in chart
        lines = re.findall(r"^  line \[(.*)\]$", chart, re.M)
        assert len(lines) == 2 + ("blue: perfect" in chart)
        assert all(2 <= len(line.split(",")) <= 50 for line in lines)
        assert "nan" not in chart
        assert not re.search(r"\de[-+]?\d", chart.split("xychart-beta")[1])
    drawn = "".join(charts)
    assert not {"@yes|", "<b>", "c\nd"} & {*re.findall(r"@yes\||<b>|c\nd", drawn)}


def test_equal_curves_are_one_line_and_it_is_said(repository: Repository) -> None:
    write(repository.root, tables("binary", seed=0))
    base = Revision(repository.root, repository.commit())
    roc = draw(base, Revision(repository.root))[0]
    assert roc.count("  line [") == 1
    assert "orange: base and now, which are the same" in roc


def test_without_a_base_there_is_one_line(repository: Repository) -> None:
    write(repository.root, tables("binary", seed=0))
    roc = draw(None, Revision(repository.root))[0]
    assert roc.count("  line [") == 1
    assert roc.endswith("Colours: orange: now.")


@pytest.mark.parametrize(
    "content", ["", "x\n", "fpr,tpr\n", "fpr,tpr\na,b\n", "\x00\n"]
)
def test_broken_tables_are_no_error(repository: Repository, content: str) -> None:
    for name in CHARTS:
        repository.write(f"reports/plots/{name}.csv", content)
    head = Revision(repository.root)
    assert "nan" not in "".join(draw(head, head))


def test_hundreds_of_classes_are_cut(repository: Repository) -> None:
    text = io.StringIO()
    csv.writer(text).writerows(
        [["class", "f1"], *([f"c{i}", "0.5"] for i in range(300))]
    )
    repository.write("reports/plots/classes.csv", text.getvalue())
    [chart] = draw(None, Revision(repository.root))
    [line] = re.findall(r"^  line \[(.*)\]$", chart, re.M)
    assert len(line.split(",")) == 50
