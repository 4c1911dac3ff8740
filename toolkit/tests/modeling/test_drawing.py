"""Pictures of plots and of a search, and the plots of dvc.yaml."""

import itertools
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reproducible_ml.adopt.configure import PLOTS
from reproducible_ml.contract.schema import Data
from reproducible_ml.core.params import load_section
from reproducible_ml.modeling.drawing.charts import (
    CLASSES,
    FEATURES,
    draw_classes,
    draw_confusion_matrix,
    draw_importance,
)
from reproducible_ml.modeling.drawing.draw import (
    DRAW,
    draw_plots,
    draw_search,
    plots_figure,
    read_plot,
    search_figure,
)
from reproducible_ml.modeling.drawing.style import (
    WIDTH,
    Facts,
    project_style,
    short_names,
)
from reproducible_ml.modeling.metrics.tasks import TASKS
from reproducible_ml.reproduce import Drawn

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


FACTS = Facts("fraud", {"roc_auc": 0.9123}, "LogisticRegression", 0.4)

Tables = dict[str, pd.DataFrame]


@pytest.fixture(autouse=True)
def _style() -> Iterator[None]:
    """Draw as the project does."""
    with project_style():
        yield


@pytest.fixture(params=TASKS)
def evaluated(
    request: pytest.FixtureRequest, make_workspace: Callable[..., Any]
) -> str:
    """Train and evaluate a small model in the current folder; return its task."""
    workspace = make_workspace(task=request.param)
    workspace.train()
    workspace.evaluate()
    return str(request.param)


@pytest.mark.integration
def test_picture_and_dvc_plots_show_what_evaluate_writes(evaluated: str) -> None:
    figure = read_figure(Path("plots"), evaluated)
    assert len(figure.axes) == len(DRAW[evaluated])
    assert all(axes.has_data() for axes in figure.axes)
    pictures = []
    for name in ("a.png", "b.png"):
        draw_plots(Path("plots"), Path(name), evaluated)
        pictures.append(Path(name).read_bytes())
    assert pictures[0] == pictures[1]
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
    # A template of DVC draws one curve, this table has one for each column.
    shown = written - {"partial_dependence.csv"}
    assert tables == shown | {"loss.tsv", "search.csv"}


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


HOSTILE = [
    "$x^{2$",
    r"$\frac{1}{2}$",
    "a_b_{c}",
    "new\nline",
    "\u202eabc",
    "\u540d\u524d",
    "%s {0} \\",
    "",
    *(f"a name that is too long, of class {number}" for number in range(22)),
]


def make_tables(task: str, names: list[str], scale: float = 1.0) -> Tables:
    """Return tables as `evaluate` writes them, with names of classes and features."""
    random = np.random.default_rng(0)
    if task == "binary":
        names = names[:2]
    pairs = [(actual, predicted) for actual in names for predicted in names]
    counts = pd.DataFrame(pairs, columns=["actual", "predicted"])
    actual = random.normal(size=400) * scale
    dots = pd.DataFrame({"predicted": actual + random.normal(size=400) * scale})
    dots = dots.assign(actual=actual, residual=actual - dots["predicted"])
    curve = pd.DataFrame(
        {"fpr": [0, 0.5, 1], "tpr": [0, 0.5, 1], "recall": [0, 0.5, 1]}
    ).assign(precision=[1, 0.5, 0.25], predicted=[0.1, 0.2, 0.7], actual=[0, 0.2, 0.9])
    features = HOSTILE + names
    tables = {
        "roc": curve[["fpr", "tpr"]],
        "precision_recall": curve[["recall", "precision"]],
        "calibration": curve[["predicted", "actual"]],
        "confusion_matrix": counts.assign(rows=np.arange(len(counts)) * 1000),
        "classes": pd.DataFrame({"class": names, "precision": 0.5, "recall": 0.5}),
        "predicted_actual": dots[["predicted", "actual"]],
        "residuals": dots[["predicted", "residual"]],
        "residual_histogram": pd.DataFrame(
            {"residual": np.linspace(-scale, scale, 25), "rows": 29}
        ),
        "importance": pd.DataFrame({"feature": features, "deviation": 1e-6}),
        "learning_curve": pd.DataFrame(
            {"iteration": [1, 2, 3], "train": [3, 2, 1], "test": [3, 2, 2.5]}
        ),
    }
    tables["classes"]["rows"] = range(len(names))
    tables["importance"]["importance"] = np.linspace(0.000123, 1e-6, len(features))
    tables["learning_curve"][["train", "test"]] *= scale
    return {name: tables[name] for name in DRAW[task]}


def read_figure(plots: Path, task: str, facts: Facts = FACTS) -> Figure:
    """Return the picture of a folder of tables."""
    tables = {path.stem: read_plot(path) for path in plots.glob("*.csv")}
    return plots_figure(tables, task, facts)


def overlaps(figure: Figure) -> list[tuple[str, str]]:
    """Return labels of ticks along one axis, titles and legends that overlap."""
    figure.savefig(BytesIO())
    found = []
    for axes in figure.axes:
        titles = [axes.title, axes.xaxis.label, axes.yaxis.label]
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            ticks = [t for t in axis.get_major_ticks() if low <= t.get_loc() <= high]
            shown = [t.label1 for t in ticks if t.label1.get_visible()]
            boxes = [
                (text.get_text(), text.get_window_extent())
                for text in [*shown, *titles]
                if text.get_text()
            ]
            found += [
                (one[0], other[0])
                for one, other in itertools.combinations(boxes, 2)
                if one[1].overlaps(other[1])
            ]
    return found


def inside(figure: Figure) -> bool:
    """Return whether all texts and plots are within the picture."""
    box = figure.get_tightbbox().padded(-0.02)
    size = figure.get_size_inches()
    return bool(box.x0 >= 0 and box.y0 >= 0 and box.x1 <= size[0] and box.y1 <= size[1])


@pytest.mark.parametrize(
    ("names", "scale"),
    [
        (HOSTILE, 1e-9),
        (HOSTILE[8:], 87_654.0),
        (["no", "yes"], 1.0),
        (["a", "b", "c", "d"], 1e12),
    ],
    ids=["hostile", "long", "two", "four"],
)
@pytest.mark.parametrize("task", TASKS)
def test_any_name_and_number_is_legible(
    task: str, names: list[str], scale: float
) -> None:
    facts = Facts(f"$x$ {HOSTILE[-1]}", {}, "A" * 99, 0.5)
    figure = plots_figure(make_tables(task, names, scale), task, facts)
    assert overlaps(figure) == []
    assert inside(figure)


def test_different_long_names_stay_different() -> None:
    for names in (HOSTILE, [f"{'x' * 50}{n}{'y' * 50}" for n in range(30)]):
        found = short_names(names)
        assert len({*found}) == len(names)
        assert max(map(len, found)) <= WIDTH
        assert "".join(found).isprintable()


def texts(figure: Figure) -> dict[str, str]:
    """Return title, labels and legend of each plot, by the first word of its title."""
    found: dict[str, str] = {}
    for axes in figure.axes:
        title = axes.get_title(loc="left")
        legend = axes.get_legend()
        words = [title, axes.get_xlabel(), axes.get_ylabel()]
        words += [text.get_text() for text in legend.get_texts()] if legend else []
        found.setdefault(title.split(maxsplit=1)[0], "\n".join(words))
    return found


def test_title_and_legends_say_what_is_predicted_and_how_well() -> None:
    tables = make_tables("binary", ["no", "yes"])
    tables["confusion_matrix"]["rows"] = [60, 20, 10, 10]
    figure = plots_figure(tables, "binary", FACTS)
    assert figure.get_suptitle() == (
        "Prediction of fraud  |  positive class: yes (20.0 %)  |  100 test rows  |"
        "  LogisticRegression"
    )
    words = texts(figure)
    assert "model: AUC 0.912\n" in words["ROC"]
    assert "model: AP 0.375\n" in words["Precision"]
    assert "chance: 20.0 % positive" in words["Precision"]
    assert "100 rows in 3 groups" in words["Calibration"]
    assert "share of yes" in words["Calibration"]
    assert "accuracy 70.0 %\npredicted fraud\nactual fraud" in words["Confusion"]
    assert "test rows: lowest at 2" in words["Learning"]
    # Where the confusion matrix is on the curves, and the share of positives.
    roc, precision_recall, *_ = figure.axes
    assert points(roc, "threshold 0.4") == [(0.25, 0.5)]
    assert points(precision_recall, "threshold 0.4") == [(0.5, 1 / 3)]
    assert points(precision_recall, "chance")[0][1] == 0.2
    assert points(roc, "chance") == [(0, 0), (1, 1)]


def points(axes: Axes, label: str) -> list[tuple[float, float]]:
    """Return the points of the line whose label starts like this."""
    [line] = [one for one in axes.lines if str(one.get_label()).startswith(label)]
    return [*zip(*np.asarray(line.get_data(), dtype=float).tolist(), strict=True)]


def test_area_of_a_thinned_curve_is_no_exact_number() -> None:
    steps = pd.DataFrame({"fpr": np.linspace(0, 1, 200), "tpr": np.linspace(0, 1, 200)})
    for table, label in ((steps, "AUC ≈ 0.50"), (steps[::199], "AUC 0.500")):
        figure = plots_figure({"roc": table}, "binary", Facts())
        assert f"model: {label}" in texts(figure)["ROC"]


@pytest.mark.parametrize("task", TASKS)
def test_there_is_no_plot_without_data(task: str) -> None:
    """As of a model without iterations, or of a table that was given up."""
    tables = make_tables(task, ["a", "b", "c"])
    tables["learning_curve"] = tables["learning_curve"][:0]
    for count in range(len(tables) - 1, -1, -1):
        figure = plots_figure(tables, task, FACTS)
        assert len(figure.axes) == count
        assert all(axes.has_data() for axes in figure.axes)
        tables.pop(next(iter(tables)))


def test_no_positive_prediction_is_no_error() -> None:
    tables = make_tables("binary", ["no", "yes"])
    tables["confusion_matrix"]["rows"] = [90, 0, 10, 0]
    words = texts(plots_figure(tables, "binary", FACTS))
    assert "threshold" not in words["Precision"]
    assert "threshold" in words["ROC"]


def test_probabilities_of_a_rare_class_fill_the_plot() -> None:
    for predicted, end in ((0.01, 0.02), (0.6, 1.0)):
        table = pd.DataFrame({"predicted": [0, predicted], "actual": [0, predicted]})
        [axes] = plots_figure({"calibration": table}, "binary", FACTS).axes
        assert axes.get_xlim() == axes.get_ylim()
        assert predicted < axes.get_xlim()[1] < 1.1 * end


def test_outliers_do_not_press_other_rows_together() -> None:
    tables = make_tables("regression", [])
    [axes] = plots_figure({"residuals": tables["residuals"]}, "regression", FACTS).axes
    before = axes.get_ylim()
    assert "crosses" not in axes.get_xlabel()
    tables["residuals"].loc[:1, "residual"] = [1e6, -1e6]
    [axes] = plots_figure({"residuals": tables["residuals"]}, "regression", FACTS).axes
    assert np.ptp(axes.get_ylim()) < 2 * np.ptp(before)
    assert axes.get_xlabel().endswith("crosses: 2 of 400 rows are farther out")


def test_picture_is_drawn_again_only_after_a_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    picture, table = Path("picture.png"), Path("roc.csv")
    table.write_text("1")

    def drawn(words: dict[str, Any]) -> Drawn:
        return Drawn(picture, [table], words)

    assert drawn({}).is_outdated
    picture.touch()
    drawn({}).save()
    assert not drawn({}).is_outdated
    assert drawn({"target": "a\nb"}).is_outdated
    table.write_text("2")
    assert drawn({}).is_outdated
    drawn({}).save()
    picture.unlink()
    assert drawn({}).is_outdated


def make_classes(count: int) -> pd.DataFrame:
    """Return classes of which every other one is rare."""
    names = [f"class {number}" for number in range(count)]
    rows = [1 if number % 2 else 100 for number in range(count)]
    return pd.DataFrame({"class": names, "rows": rows, "precision": 0.5, "recall": 0.5})


def labels(draw: Callable[..., None], table: pd.DataFrame) -> list[str]:
    """Return the labels at the left, from the top."""
    axes = Figure().subplots()
    draw(axes, table, FACTS)
    names = [label.get_text() for label in axes.get_yticklabels()]
    return names if axes.yaxis_inverted() else names[::-1]


def test_only_the_most_frequent_classes_are_drawn() -> None:
    classes = make_classes(2 * CLASSES)
    frequent = [f"class {number}" for number in range(0, 2 * CLASSES, 2)]
    assert labels(draw_classes, classes) == [f"{name} (100)" for name in frequent]
    actual = classes.rename(columns={"class": "actual"})[["actual", "rows"]]
    predicted = classes.rename(columns={"class": "predicted"})[["predicted"]]
    pairs = actual.merge(predicted, how="cross")
    names = [*frequent, f"{CLASSES} others"]
    assert labels(draw_confusion_matrix, pairs) == names
    axes = Figure().subplots()
    draw_confusion_matrix(axes, pairs, FACTS)
    cells = [int(text.get_text().replace(",", "")) for text in axes.texts]
    assert sum(cells) == pairs["rows"].sum()
    # Of a rare class, 1 row was predicted as each class.
    assert cells[-2:] == [CLASSES, CLASSES * CLASSES]


def test_confusion_matrix_shows_counts_shares_and_short_names() -> None:
    names = ["a name that is too long", "b"]
    pairs = [(one, other) for one in names for other in names]
    table = pd.DataFrame(pairs, columns=["actual", "predicted"])
    axes = Figure().subplots()
    draw_confusion_matrix(axes, table.assign(rows=[300, 1200, 0, 0]), FACTS)
    found = [text.get_text() for text in axes.texts]
    assert found == ["300\n20.0 %", "1,200\n80.0 %", "0\n0.0 %", "0\n0.0 %"]
    ticks = [label.get_text() for label in axes.get_xticklabels()]
    assert ticks == ["a name that …", "b"]
    assert axes.get_yticklabels()[0].get_text() == "a name that is …"


def test_importance_shows_the_first_features() -> None:
    table = pd.DataFrame({"feature": [f"x{number:02}" for number in range(20)]})
    table = table.assign(importance=np.linspace(1, 0, 20), deviation=0.01)
    names = labels(partial(draw_importance, score="loss"), table)
    assert names == [f"x{number:02}" for number in range(FEATURES)]


def test_names_of_classes_stay_texts(tmp_path: Path) -> None:
    text = "class,rows,precision,recall,f1\nNA,2,0.5,,\n007,0,,,\n"
    (tmp_path / "classes.csv").write_text(text)
    table = read_plot(tmp_path / "classes.csv")
    assert table["class"].tolist() == ["NA", "007"]
    assert table["precision"].isna().tolist() == [False, True]


@pytest.mark.parametrize("arguments", [1, 5])
def test_each_argument_of_a_search_has_its_place(arguments: int) -> None:
    table = TRIALS.drop(columns="criterion")
    for number in range(1, arguments):
        table.insert(2, f"argument_{number} of $x$", [1, 2, 3])
    figure = search_figure(table, "loss")
    assert len(figure.axes) == arguments
    assert overlaps(figure) == []


def test_only_the_last_round_of_halving_is_drawn(tmp_path: Path) -> None:
    table, pictures = TRIALS.assign(rows=[30, 90, 90]), []
    for name, part in {"all": table, "last": table[1:]}.items():
        part.to_csv(tmp_path / f"{name}.csv", index=False)
        draw_search(tmp_path / f"{name}.csv", tmp_path / f"{name}.png", "f1")
        pictures.append((tmp_path / f"{name}.png").read_bytes())
    assert pictures[0] == pictures[1]


@pytest.mark.parametrize(
    ("values", "scale", "names"),
    [
        ([0.001, 0.1, 1.0], "log", {"0.001", "0.01", "0.1", "1"}),
        ([1, 2, 3], "linear", {"1", "2", "3"}),
        ([3, None, 5], "linear", {"3", "5", "None"}),
        (["gini", None, "$x$"], "linear", {"gini", "None", "$x$"}),
        (HOSTILE[8:20] * 2, "linear", {*short_names(HOSTILE[8:20])}),
    ],
)
def test_arguments_are_drawn_by_number_logarithm_or_name(
    values: list[Any], scale: str, names: set[str]
) -> None:
    trials = pd.DataFrame({"argument": values, "score": 0.5, "deviation": 0.1})
    figure = search_figure(trials, "loss")
    [axes] = figure.axes
    assert overlaps(figure) == []
    assert axes.get_xscale() == scale
    assert names <= {label.get_text() for label in axes.get_xticklabels()}
    [container] = axes.containers
    assert np.isfinite(container[0].get_xydata()).all()
