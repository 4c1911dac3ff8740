"""Pictures of plots and of a search, the plots of dvc.yaml, and the printed summary."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from matplotlib import image
from matplotlib.figure import Figure

from reproducible_ml.contract.schema import Data
from reproducible_ml.core.params import load_section
from reproducible_ml.modeling.drawing.draw import (
    CLASSES,
    DRAW,
    FEATURES,
    GRIDS,
    draw_argument,
    draw_classes,
    draw_confusion_matrix,
    draw_importance,
    draw_plots,
    draw_search,
    read_plot,
)
from reproducible_ml.modeling.drawing.dvc_plots import PLOTS
from reproducible_ml.modeling.drawing.summary import (
    format_number,
    format_table,
    print_summary,
)
from reproducible_ml.modeling.metrics.tasks import TASKS

ROOT = Path(__file__).resolve().parents[3]

TRIALS = pd.DataFrame(
    {
        "trial": [0, 1, 2],
        "learning_rate": [0.001, 0.1, 1.0],
        "criterion": ["gini", None, "entropy"],
        "score": [0.5, 0.4, np.nan],
        "deviation": [0.1, 0.1, np.nan],
    }
)


@pytest.fixture(params=TASKS)
def evaluated(
    request: pytest.FixtureRequest, make_workspace: Callable[..., Any]
) -> str:
    """Train and evaluate a small model in the current folder; return its task."""
    workspace = make_workspace(task=request.param)
    workspace.train()
    workspace.evaluate()
    return str(request.param)


def contrast(picture: Path, task: str) -> list[float]:
    """Return how much is visible in each place of the picture."""
    (rows, columns), _ = GRIDS[task]
    pixels = image.imread(picture)[..., :3]
    strips = np.array_split(pixels, rows, axis=0)
    return [
        float(cell.std()) for s in strips for cell in np.array_split(s, columns, axis=1)
    ]


@pytest.mark.integration
def test_picture_and_dvc_plots_show_what_evaluate_writes(evaluated: str) -> None:
    draw_plots(Path("plots"), Path("picture.png"), evaluated)
    found = contrast(Path("picture.png"), evaluated)
    drawn = len(DRAW[evaluated])
    assert min(found[:drawn]) > 0.05
    assert max(found[drawn:], default=0.0) < min(found[:drawn])
    tables = set()
    for plot in PLOTS[evaluated]:
        for definition in plot.values():
            for name, y in definition["y"].items():
                path = Path(name.removeprefix("reports/"))
                table = pd.read_csv(path, sep=None, engine="python")
                columns = y if isinstance(y, list) else [y]
                assert {definition["x"], *columns} <= set(table.columns)
                tables.add(path.name)
    written = {path.name for path in Path("plots").iterdir()}
    assert tables == written | {"loss.tsv", "search.csv"}


@pytest.mark.integration
def test_dvc_draws_the_plots(evaluated: str) -> None:
    for name in ("plots", "training"):
        shutil.copytree(name, f"reports/{name}")
    shutil.copy("search.csv", "reports")
    shutil.copytree(ROOT / ".dvc/plots", ".dvc/plots")
    Path(".dvc/config").write_text("[core]\n    no_scm = true\n    analytics = false\n")
    Path("dvc.yaml").write_text(yaml.safe_dump({"plots": PLOTS[evaluated]}), "utf-8")
    command = [sys.executable, "-m", "dvc", "plots", "show", "--json"]
    shown = json.loads(subprocess.check_output(command, text=True))
    assert "errors" not in shown
    assert set(shown["data"]) == {name for plot in PLOTS[evaluated] for name in plot}


def test_pipeline_of_this_repository_has_the_plots_of_its_task() -> None:
    pipeline = yaml.safe_load((ROOT / "dvc.yaml").read_text("utf-8"))
    task = load_section(Data, ROOT / "params.yaml").task
    assert pipeline["plots"] == PLOTS[task]
    assert set(PLOTS) == set(DRAW) == set(TASKS)


def test_missing_table_leaves_no_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"roc\.csv"):
        draw_plots(Path("plots"), Path("picture.png"), "binary")
    assert not Path("picture.png").exists()


def make_classes(count: int) -> pd.DataFrame:
    """Return classes of which every other one is rare."""
    names = [f"class {number}" for number in range(count)]
    rows = [1 if number % 2 else 100 for number in range(count)]
    return pd.DataFrame({"class": names, "rows": rows, "precision": 0.5, "recall": 0.5})


def labels(draw: Callable[..., None], table: pd.DataFrame) -> list[str]:
    """Return the labels at the left, from the top."""
    axes = Figure().subplots()
    draw(axes, table)
    names = [label.get_text() for label in axes.get_yticklabels()]
    return names if axes.yaxis_inverted() else names[::-1]


def test_only_the_most_frequent_classes_are_drawn() -> None:
    classes = make_classes(2 * CLASSES)
    frequent = [f"class {number}" for number in range(0, 2 * CLASSES, 2)]
    assert labels(draw_classes, classes) == [f"{name} (100)" for name in frequent]
    actual = classes.rename(columns={"class": "actual"})[["actual", "rows"]]
    predicted = classes.rename(columns={"class": "predicted"})[["predicted"]]
    pairs = actual.merge(predicted, how="cross")
    assert labels(draw_confusion_matrix, pairs) == frequent


def test_confusion_matrix_shows_counts_and_short_names() -> None:
    names = ["a name that is too long", "b"]
    pairs = [(one, other) for one in names for other in names]
    table = pd.DataFrame(pairs, columns=["actual", "predicted"])
    axes = Figure().subplots()
    draw_confusion_matrix(axes, table.assign(rows=[3, 1200, 0, 7]))
    assert [text.get_text() for text in axes.texts] == ["3", "1200", "0", "7"]
    ticks = [label.get_text() for label in axes.get_xticklabels()]
    assert ticks == ["a name that is …", "b"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted", "actual")


def test_importance_shows_the_first_features_and_few_ticks() -> None:
    """Ticks of small numbers are long, and would overlap."""
    table = pd.DataFrame({"feature": [f"x{number:02}" for number in range(20)]})
    losses = np.linspace(0.000123, 0.000001, 20)
    table = table.assign(importance=losses, deviation=0.000001)
    names = labels(partial(draw_importance, score="loss"), table)
    assert names == [f"x{number:02}" for number in range(FEATURES)]
    axes = Figure().subplots()
    draw_importance(axes, table, "loss")
    assert len(axes.get_xticks()) <= 6


def test_names_of_classes_stay_texts(tmp_path: Path) -> None:
    text = "class,rows,precision,recall,f1\nNA,2,0.5,,\n007,0,,,\n"
    (tmp_path / "classes.csv").write_text(text)
    table = read_plot(tmp_path / "classes.csv")
    assert table["class"].tolist() == ["NA", "007"]
    assert table["precision"].isna().tolist() == [False, True]


@pytest.mark.parametrize("arguments", [1, 5])
def test_each_argument_of_a_search_has_its_place(
    tmp_path: Path, arguments: int
) -> None:
    table = TRIALS.drop(columns="criterion")
    for number in range(1, arguments):
        table.insert(2, f"argument_{number}", [1, 2, 3])
    table.to_csv(tmp_path / "search.csv", index=False)
    draw_search(tmp_path / "search.csv", tmp_path / "search.png", None)
    height, width, _ = image.imread(tmp_path / "search.png").shape
    assert width == pytest.approx(430 * min(arguments, 3), abs=5)
    assert height == pytest.approx(360 * -(-arguments // 3), abs=5)


def test_only_the_last_round_of_halving_is_drawn(tmp_path: Path) -> None:
    table, pictures = TRIALS.assign(rows=[30, 90, 90]), []
    for name, part in {"all": table, "last": table[1:]}.items():
        part.to_csv(tmp_path / f"{name}.csv", index=False)
        draw_search(tmp_path / f"{name}.csv", tmp_path / f"{name}.png", "f1")
        pictures.append((tmp_path / f"{name}.png").read_bytes())
    assert pictures[0] == pictures[1]


def test_arguments_are_drawn_by_logarithm_or_name() -> None:
    axes = Figure().subplots()
    draw_argument(axes, TRIALS, "learning_rate", "loss")
    assert axes.get_xscale() == "log"
    axes = Figure().subplots()
    draw_argument(axes, TRIALS, "criterion", "loss")
    names = {label.get_text() for label in axes.get_xticklabels()}
    assert names == {"gini", "nan", "entropy"}


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
    found = {"metric": "r2", "value": 1.0, "alone": 0.6, "column": "a"}
    facts["too_good"] = found | {"features": ["a", "b"]}
    (tmp_path / "evaluation.json").write_text(json.dumps(facts))
    print_summary(tmp_path / "evaluation.json", task)
    printed = capsys.readouterr().out
    assert "f1      0.9000    0.8000 to -    0.5000" in printed
    assert "7 test rows; intervals from 5 of them" in printed
    assert baseline in printed
    assert "warning: r2 is 1.0000 on the test rows, but 0.6000 with" in printed
    table = format_table([["metric", "value"], ["f1", "0.5"]])
    assert table == "metric  value\nf1        0.5"
