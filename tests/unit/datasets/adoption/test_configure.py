"""Tests of reproducible_ml.datasets.adoption.configure."""

import subprocess
from pathlib import Path

import pytest
import yaml

from reproducible_ml.datasets.adoption.configure import (
    SAMPLE,
    drop_sample,
    has_sample,
    set_params,
    set_pipeline,
)

PARAMS = """\
# Everything.
data: # about the table
  target: diagnosis # to predict
  positive: malignant
  id: [] # which row
evaluate:
  metrics:
  - roc_auc
  slices: # groups
    radius: [1.0]
"""

PIPELINE = """\
vars:
- code: code
- path:
    raw: data/raw/tumours.csv
    clean: data/interim/clean
stages:
  sample: # dropped
    cmd: write it
    outs: ['${path.raw}']

  validate: # stays
    cmd: check
      it
plots:
- ROC curve: {x: fpr}
artifacts:
  model:
    path: models/model.skops
    desc: Probability that a tumour is malignant
    labels: [binary classification]
"""

PLOTS = [{"Residuals": {"x": "predicted"}}]


@pytest.fixture
def params(tmp_path: Path) -> Path:
    (tmp_path / "params.yaml").write_text(PARAMS)
    return tmp_path / "params.yaml"


@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    (tmp_path / "dvc.yaml").write_text(PIPELINE)
    return tmp_path / "dvc.yaml"


def test_params_get_new_values_and_keep_comments_and_the_rest(params: Path) -> None:
    data = {"target": "price", "task": "regression", "positive": None, "id": ["visit"]}
    set_params(params, {"data": data, "evaluate": {"metrics": ["mae"], "slices": {}}})
    text = params.read_text()
    assert yaml.safe_load(text) == {
        "data": data,
        "evaluate": {"metrics": ["mae"], "slices": {}},
    }
    for comment in ("# Everything.", "# about the table", "# to predict"):
        assert comment in text
    assert "id: [visit] # which row" in text


def test_params_with_the_same_values_stay_as_they_are(params: Path) -> None:
    set_params(params, {"data": {"target": "diagnosis", "id": []}})
    assert params.read_text() == PARAMS


def test_pipeline_begins_with_the_table(pipeline: Path) -> None:
    set_pipeline(pipeline, Path("data/raw/visits.csv"), PLOTS, "price", "regression")
    content = yaml.safe_load(pipeline.read_text())
    assert list(content["stages"]) == ["validate"]
    assert content["stages"]["validate"]["cmd"] == "check it"
    assert content["vars"][1]["path"] == {
        "raw": "data/raw/visits.csv",
        "clean": "data/interim/clean",
    }
    assert content["plots"] == PLOTS
    assert content["artifacts"]["model"]["desc"] == "Prediction of price"
    assert content["artifacts"]["model"]["labels"] == ["scikit-learn", "regression"]
    assert "# stays" in pipeline.read_text()


def test_what_was_edited_since_the_sample_stays(pipeline: Path) -> None:
    set_pipeline(pipeline, Path("data/raw/visits.csv"), PLOTS, "price", "regression")
    edited = pipeline.read_text().replace("Prediction of price", "Price of a flat")
    pipeline.write_text(edited)
    set_pipeline(pipeline, Path("data/raw/visits.csv"), PLOTS, "price", "regression")
    assert pipeline.read_text() == edited


def test_pipeline_knows_whether_it_has_a_sample(pipeline: Path) -> None:
    assert has_sample(pipeline)
    set_pipeline(pipeline, Path("data/raw/visits.csv"), PLOTS, "price", "regression")
    assert not has_sample(pipeline)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A Git repository that holds what is about the sample."""
    for name in SAMPLE:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("about tumours")
    for command in (
        ["init", "--quiet"],
        ["add", "--all"],
        ["-c", "user.name=T", "-c", "user.email=t@t", "commit", "--quiet", "-m", "T"],
    ):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    return tmp_path


def test_files_about_the_sample_go(repository: Path) -> None:
    assert drop_sample(repository) == []
    assert not [name for name in SAMPLE if (repository / name).exists()]


def test_file_about_the_sample_that_was_edited_stays(repository: Path) -> None:
    (repository / SAMPLE[0]).write_text("my own work")
    assert drop_sample(repository) == [SAMPLE[0]]
    assert (repository / SAMPLE[0]).read_text() == "my own work"
    assert not (repository / SAMPLE[1]).exists()
