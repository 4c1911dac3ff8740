"""Tables as users have them, from the file to a trained model."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

from tumour_diagnosis.models.metrics import METRICS

from .conftest import STAGES, Project, copy_of_working_tree, needs_sample
from .tables import TABLES, orders, write
from .test_notebooks import run_notebook

pytestmark = [needs_sample, pytest.mark.integration]

ADOPT = ("python", "-m", "reproducible_ml.cli", "data")
DOCTOR = ("python", "-m", "reproducible_ml.cli", "doctor")
DICTIONARY = ("python", "-m", "reproducible_ml.cli", "dictionary", "--check")


@pytest.fixture
def blank(tmp_path: Path) -> Project:
    """A project in which nothing was run yet."""
    (tmp_path / "project").mkdir()
    return copy_of_working_tree(tmp_path / "project")


def lead(project: Project) -> dict[str, float]:
    """Return by how much the model is better than the baseline, by metric."""
    data = yaml.safe_load(project.read("params.yaml"))["data"]
    metrics = METRICS[data.get("task", "binary")]
    found = json.loads(project.read("reports/evaluation.json"))["metrics"]
    return {
        name: (value["value"] - value["baseline"]["value"])
        * (1 if metrics[name].greater_is_better else -1)
        for name, value in found.items()
        if value["baseline"]["value"] is not None
    }


# One table for several classes; the others take their time.
QUICK = ("seeds",)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow)
        for name in TABLES
    ],
)
def test_table_becomes_a_model_that_beats_the_baseline(
    name: str, blank: Project, tmp_path: Path
) -> None:
    source, target = write(name, tmp_path)
    said = blank.run(*ADOPT, str(source), "--target", target).stdout
    assert "make repro" in said
    # The results of the sample are not those of the table.
    assert not (blank.folder / "dvc.lock").exists()
    assert not (blank.folder / "reports/metrics.json").exists()
    assert "No problem was found." in blank.run(*DOCTOR).stdout
    assert "is up to date" in blank.run(*DICTIONARY).stdout
    assert blank.reproduce() == STAGES[1:]
    # The rest of `make repro`.
    blank.run("python", "-m", "reproducible_ml.cli", "repro")
    assert "is up to date" in blank.run(*DICTIONARY).stdout
    # Only people can say what the model is for, and nobody did.
    card = blank.read("reports/model_card.md")
    assert "**Not said yet**: `intended_use`" in card
    assert not re.search("tumou?r|malignant|breast", card)
    assert "No problem was found." in blank.run(*DOCTOR).stdout
    assert "up to date" in blank.run("dvc", "status").stdout
    shown = json.loads(blank.run("dvc", "plots", "show", "--json").stdout)
    plots = yaml.safe_load(blank.read("dvc.yaml"))["plots"]
    assert set(shown["data"]) >= {name for plot in plots for name in plot}
    gains = lead(blank)
    assert all(gain > 0 for gain in gains.values()), gains
    (notebook,) = blank.folder.glob("notebooks/*.ipynb")
    run_notebook(notebook, blank, tmp_path)


@pytest.mark.slow
def test_part_that_comes_late_is_asked_for_and_taken(
    blank: Project, tmp_path: Path
) -> None:
    source, target = write("orders", tmp_path)
    blank.run(*ADOPT, str(source), "--target", target)
    blank.reproduce()
    blank.commit()
    before = blank.read("data/schema.yaml")
    orders(tmp_path, np.random.default_rng(0), parts=range(11, 12))
    refused = blank.run(*ADOPT, check=False)
    assert refused.returncode == 1
    assert "--yes" in refused.stdout
    assert "LU" in refused.stdout
    assert blank.read("data/schema.yaml") == before
    assert "up to date" in blank.run("dvc", "status").stdout
    blank.run(*ADOPT, "--yes")
    assert "LU" in blank.read("data/schema.yaml")
    assert blank.reproduce() == STAGES[1:]
    assert json.loads(blank.read("reports/validation.json"))["rows"] == 12 * 120


# DVC passes over pointers in a folder that it takes for ignored by Git.
@pytest.mark.slow
def test_raw_table_is_pushed_and_comes_back(blank: Project, tmp_path: Path) -> None:
    source, target = write("seeds", tmp_path)
    blank.run(*ADOPT, str(source), "--target", target)
    storage = str(tmp_path / "storage")
    blank.run("dvc", "remote", "add", "--default", "storage", storage)
    assert "1 file pushed" in blank.run("dvc", "push").stdout
    (blank.folder / "data/raw/seeds.parquet").unlink()
    shutil.rmtree(blank.folder / ".dvc/cache")
    blank.run("dvc", "pull", "--allow-missing")
    assert (blank.folder / "data/raw/seeds.parquet").exists()


@pytest.mark.slow
def test_adopted_project_is_verified(blank: Project, tmp_path: Path) -> None:
    source, target = write("seeds", tmp_path)
    blank.run(*ADOPT, str(source), "--target", target)
    blank.reproduce()
    blank.commit()
    done = blank.run("python", "-m", "reproducible_ml.cli", "verify")
    assert "Every output was reproduced, bit for bit." in done.stdout


@pytest.mark.slow
def test_adopted_table_is_stored_and_watched(blank: Project, tmp_path: Path) -> None:
    source, target = write("seeds", tmp_path)
    blank.run(*ADOPT, str(source), "--target", target)
    blank.reproduce()
    blank.run("dvc", "remote", "add", "--default", "storage", str(tmp_path / "remote"))
    table = blank.folder / "data/raw" / source.name
    before = table.read_bytes()
    blank.run("dvc", "push")
    shutil.rmtree(blank.folder / ".dvc/cache")
    table.write_bytes(b"x")
    assert "modified" in blank.run("dvc", "status").stdout
    blank.run("dvc", "pull", "--force")
    assert table.read_bytes() == before
