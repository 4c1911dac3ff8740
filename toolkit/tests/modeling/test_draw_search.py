"""Tests of reproducible_ml.modeling.drawing.draw."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib import image, pyplot

from reproducible_ml.modeling.drawing.draw import draw_argument, draw_search

TRIALS = pd.DataFrame(
    {
        "trial": [0, 1, 2],
        "learning_rate": [0.001, 0.1, 1.0],
        "criterion": ["gini", None, "entropy"],
        "score": [0.5, 0.4, np.nan],
        "deviation": [0.1, 0.1, np.nan],
    }
)


@pytest.mark.parametrize("arguments", [1, 2, 5])
def test_each_argument_has_its_place(workspace: Any, arguments: int) -> None:
    table = TRIALS.drop(columns="criterion")
    for number in range(1, arguments):
        table.insert(2, f"argument_{number}", [1, 2, 3])
    table.to_csv("search.csv", index=False)
    draw_search(Path("search.csv"), Path("search.png"))
    height, width, _ = image.imread("search.png").shape
    assert width == pytest.approx(430 * min(arguments, 3), abs=5)
    assert height == pytest.approx(360 * -(-arguments // 3), abs=5)


def test_only_the_last_round_of_halving_is_drawn(workspace: Any) -> None:
    table = TRIALS.assign(rows=[30, 90, 90])
    table.to_csv("search.csv", index=False)
    draw_search(Path("search.csv"), Path("search.png"))
    table[1:].to_csv("search.csv", index=False)
    draw_search(Path("search.csv"), Path("same.png"))
    assert Path("search.png").read_bytes() == Path("same.png").read_bytes()


def test_wide_range_is_drawn_by_its_logarithm() -> None:
    _, axes = pyplot.subplots()
    draw_argument(axes, TRIALS, "learning_rate", "loss")
    assert axes.get_xscale() == "log"
    pyplot.close()


def test_names_are_drawn_as_such() -> None:
    _, axes = pyplot.subplots()
    draw_argument(axes, TRIALS, "criterion", "loss")
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert set(labels) == {"gini", "nan", "entropy"}
    pyplot.close()
