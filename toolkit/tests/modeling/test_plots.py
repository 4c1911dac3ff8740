"""Tests of reproducible_ml.modeling.drawing.dvc_plots."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from reproducible_ml.core.params import load_params
from reproducible_ml.modeling.drawing.dvc_plots import PLOTS
from reproducible_ml.modeling.metrics.tasks import TASKS

ROOT = Path(__file__).resolve().parents[3]


def test_the_pipeline_draws_the_plots_of_its_task() -> None:
    pipeline = yaml.safe_load((ROOT / "dvc.yaml").read_text("utf-8"))
    assert pipeline["plots"] == PLOTS[load_params(ROOT / "params.yaml").data.task]


def test_every_task_has_plots() -> None:
    assert set(PLOTS) == set(TASKS)


@pytest.mark.parametrize("task", PLOTS)
def test_plots_name_columns_of_the_tables_that_evaluate_writes(
    task: str, make_workspace: Callable[..., Any]
) -> None:
    workspace = make_workspace(task=task)
    workspace.train()
    workspace.evaluate()
    drawn = set()
    for plot in PLOTS[task]:
        for definition in plot.values():
            for name, found in definition["y"].items():
                path = workspace.folder / name.removeprefix("reports/")
                table = pd.read_csv(path, sep=None, engine="python")
                columns = found if isinstance(found, list) else [found]
                assert {definition["x"], *columns} <= set(table.columns)
                drawn.add(Path(name).name)
    written = {path.name for path in Path("plots").iterdir()}
    assert drawn == written | {"loss.tsv", "search.csv"}


@pytest.mark.parametrize("task", PLOTS)
def test_dvc_draws_them(task: str, make_workspace: Callable[..., Any]) -> None:
    workspace = make_workspace(task=task)
    workspace.train()
    workspace.evaluate()
    for name in ("plots", "training"):
        shutil.copytree(name, f"reports/{name}")
    shutil.copy("search.csv", "reports")
    shutil.copytree(ROOT / ".dvc/plots", ".dvc/plots")
    Path(".dvc/config").write_text("[core]\n    no_scm = true\n    analytics = false\n")
    Path("dvc.yaml").write_text(yaml.safe_dump({"plots": PLOTS[task]}), "utf-8")
    command = [sys.executable, "-m", "dvc", "plots", "show", "--json"]
    shown = json.loads(subprocess.check_output(command, text=True))
    assert "errors" not in shown
    assert set(shown["data"]) == {name for plot in PLOTS[task] for name in plot}
