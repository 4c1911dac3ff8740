"""Tests of reproducible_ml.modeling.drawing.draw."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib import image
from matplotlib.figure import Figure

from reproducible_ml.modeling.drawing.draw import (
    CLASSES,
    DRAW,
    GRIDS,
    draw_classes,
    draw_confusion_matrix,
    draw_plots,
    read_plot,
    short,
)


def cells(picture: Path, task: str) -> list[float]:
    """Return how much is to be seen in each place of the picture."""
    (rows, columns), _ = GRIDS[task]
    pixels = image.imread(picture)[..., :3]
    strips = np.array_split(pixels, rows, axis=0)
    return [
        float(cell.std()) for s in strips for cell in np.array_split(s, columns, axis=1)
    ]


@pytest.mark.parametrize("task", DRAW)
def test_main_draws_something_in_every_place(
    task: str, make_workspace: Callable[..., Any]
) -> None:
    workspace = make_workspace(task=task)
    workspace.train()
    workspace.evaluate()
    draw_plots(Path("plots"), Path("picture.png"))
    found = cells(Path("picture.png"), task)
    drawn = len(DRAW[task])
    assert min(found[:drawn]) > 0.05
    assert max(found[drawn:], default=0.0) < min(found[:drawn])


def test_missing_table_leaves_no_picture(workspace: Any) -> None:
    Path("plots").mkdir()
    with pytest.raises(FileNotFoundError, match=r"roc\.csv"):
        draw_plots(Path("plots"), Path("picture.png"))
    assert not Path("picture.png").exists()


def make_classes(count: int) -> pd.DataFrame:
    """Return classes of which every other one is rare."""
    names = [f"class {number}" for number in range(count)]
    rows = [1 if number % 2 else 100 for number in range(count)]
    return pd.DataFrame({"class": names, "rows": rows, "precision": 0.5, "recall": 0.5})


def ticks(draw: Callable[..., None], table: pd.DataFrame) -> list[str]:
    """Return what stands at the left, from the top."""
    axes = Figure().subplots()
    draw(axes, table)
    names = [label.get_text() for label in axes.get_yticklabels()]
    return names if axes.yaxis_inverted() else names[::-1]


def test_no_more_classes_are_drawn_than_can_be_read() -> None:
    names = ticks(draw_classes, make_classes(2 * CLASSES))
    assert names == [f"class {number} (100)" for number in range(0, 2 * CLASSES, 2)]


def test_the_confusion_matrix_is_of_the_most_frequent_classes() -> None:
    classes = make_classes(2 * CLASSES)
    actual = classes.rename(columns={"class": "actual"})[["actual", "rows"]]
    predicted = classes.rename(columns={"class": "predicted"})[["predicted"]]
    pairs = actual.merge(predicted, how="cross")
    names = ticks(draw_confusion_matrix, pairs)
    assert names == [f"class {number}" for number in range(0, 2 * CLASSES, 2)]


def test_a_name_leaves_room_for_the_plot() -> None:
    assert short("a name that nobody reads") == "a name that nob…"
    assert short(7) == "7"


def test_names_stay_as_they_are(tmp_path: Path) -> None:
    text = "class,rows,precision,recall,f1\nNA,2,0.5,,\n007,0,,,\n"
    (tmp_path / "classes.csv").write_text(text)
    table = read_plot(tmp_path / "classes.csv")
    assert table["class"].tolist() == ["NA", "007"]
    assert table["precision"].isna().tolist() == [False, True]
