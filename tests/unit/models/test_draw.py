"""Tests of reproducible_ml.models.draw."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib import image

from reproducible_ml.models.draw import DRAW, main


@pytest.fixture
def plots(tmp_path: Path) -> Path:
    folder = tmp_path / "plots"
    folder.mkdir()
    line = np.linspace(0, 1, 5)
    tables: dict[str, dict[str, Any]] = {
        "roc": {"fpr": line, "tpr": np.sqrt(line)},
        "precision_recall": {"recall": line, "precision": 1 - line / 2},
        "calibration": {"predicted": line, "actual": line**2},
        "confusion_matrix": {
            "actual": ["no", "no", "yes", "yes"],
            "predicted": ["no", "yes", "no", "yes"],
            "rows": [5, 1, 0, 4],
        },
        "importance": {"feature": ["b", "a"], "importance": [2, 1], "deviation": 0.1},
    }
    for name, columns in tables.items():
        pd.DataFrame(columns).to_csv(folder / f"{name}.csv", index=False)
    return folder


def test_main_draws_something_in_every_place(plots: Path, tmp_path: Path) -> None:
    main(plots, tmp_path / "picture.png")
    picture = image.imread(tmp_path / "picture.png")[..., :3]
    halves = np.array_split(picture, 2, axis=0)
    cells = [cell for half in halves for cell in np.array_split(half, 3, axis=1)]
    assert [cell.std() > 0.05 for cell in cells] == [True] * len(DRAW) + [False]


def test_missing_table_leaves_no_picture(plots: Path, tmp_path: Path) -> None:
    (plots / "roc.csv").unlink()
    with pytest.raises(FileNotFoundError, match=r"roc\.csv"):
        main(plots, tmp_path / "picture.png")
    assert not (tmp_path / "picture.png").exists()
