"""Tests of reproducible_ml.adopt.configure."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from reproducible_ml.adopt.configure import (
    SAMPLE,
    SAMPLE_TABLE,
    drop_sample,
    has_sample,
    restoring,
    set_params,
    set_pipeline,
)
from reproducible_ml.modeling.drawing.dvc_plots import PLOTS

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

RAW = Path("data/raw/visits.csv")
SAMPLE_DATA = {"target": "diagnosis", "task": "binary"}
DATA = {"target": "price", "task": "regression"}


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
    assert "id: # which row\n  - visit\n" in text


def test_params_that_say_the_same_stay_as_they_are(params: Path) -> None:
    odd = PARAMS.replace("id: [] #", "id:   []   #").replace("malignant", '"malignant"')
    params.write_text(odd)
    set_params(params, yaml.safe_load(PARAMS))
    assert params.read_text() == odd


def test_slices_of_columns_that_are_gone_go(params: Path) -> None:
    content = yaml.safe_load(PARAMS)
    content["evaluate"]["slices"] = {"area": [2.0]}
    set_params(params, content)
    assert yaml.safe_load(params.read_text()) == content


def test_pipeline_begins_with_the_table(pipeline: Path) -> None:
    set_pipeline(pipeline, RAW, SAMPLE_DATA, DATA)
    content = yaml.safe_load(pipeline.read_text())
    assert list(content["stages"]) == ["validate"]
    assert content["stages"]["validate"]["cmd"] == "check it"
    assert content["vars"][1]["path"] == {
        "raw": "data/raw/visits.csv",
        "clean": "data/interim/clean",
    }
    assert content["plots"] == PLOTS["regression"]
    assert content["artifacts"]["model"]["desc"] == "Prediction of price"
    assert content["artifacts"]["model"]["labels"] == ["scikit-learn", "regression"]
    assert "# stays" in pipeline.read_text()


def test_plots_stay_if_the_task_does(pipeline: Path) -> None:
    set_pipeline(pipeline, RAW, SAMPLE_DATA, {"target": "bought", "task": "binary"})
    content = yaml.safe_load(pipeline.read_text())
    assert content["plots"] == [{"ROC curve": {"x": "fpr"}}]


def test_what_was_edited_since_the_sample_stays(pipeline: Path) -> None:
    set_pipeline(pipeline, RAW, SAMPLE_DATA, DATA)
    edited = pipeline.read_text().replace("Prediction of price", "Price of a flat")
    edited = edited.replace("- Residuals:", "- My residuals:")
    pipeline.write_text(edited)
    set_pipeline(pipeline, RAW, DATA, DATA)
    assert pipeline.read_text() == edited


def test_description_of_the_model_follows_the_target(pipeline: Path) -> None:
    set_pipeline(pipeline, RAW, SAMPLE_DATA, DATA)
    set_pipeline(pipeline, RAW, DATA, {"target": "rent", "task": "regression"})
    model = yaml.safe_load(pipeline.read_text())["artifacts"]["model"]
    assert model["desc"] == "Prediction of rent"


def test_pipeline_without_artifacts_is_taken(pipeline: Path) -> None:
    content = yaml.safe_load(PIPELINE)
    del content["artifacts"]
    pipeline.write_text(yaml.safe_dump(content))
    set_pipeline(pipeline, RAW, SAMPLE_DATA, DATA)
    assert "artifacts" not in yaml.safe_load(pipeline.read_text())


def test_pipeline_knows_whether_it_has_a_sample(pipeline: Path) -> None:
    assert has_sample(pipeline)
    set_pipeline(pipeline, RAW, SAMPLE_DATA, DATA)
    assert not has_sample(pipeline)


# All or nothing.


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_files_get_back_what_they_held(
    error: type[BaseException], tmp_path: Path
) -> None:
    changed, removed, new, same = (tmp_path / name for name in "crns")
    for path in (changed, removed, same):
        path.write_text("before")
    touched = same.stat().st_mtime_ns

    def change() -> None:
        with restoring(changed, removed, new, same):
            changed.write_text("after")
            new.write_text("after")
            removed.unlink()
            raise error

    with pytest.raises(error):
        change()
    assert (changed.read_text(), removed.read_text()) == ("before", "before")
    assert not new.exists()
    assert same.stat().st_mtime_ns == touched


def test_files_keep_what_they_got(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("before")
    with restoring(path):
        path.write_text("after")
    assert path.read_text() == "after"


# The sample.


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
    assert drop_sample(repository, RAW) == []
    assert not [name for name in SAMPLE if (repository / name).exists()]


def test_file_about_the_sample_that_was_edited_stays(repository: Path) -> None:
    (repository / SAMPLE[0]).write_text("my own work")
    assert drop_sample(repository, RAW) == [SAMPLE[0]]
    assert (repository / SAMPLE[0]).read_text() == "my own work"
    assert not (repository / SAMPLE[1]).exists()


def test_edited_file_stays_also_once_it_is_staged(repository: Path) -> None:
    (repository / SAMPLE[0]).write_text("my own work")
    subprocess.run(["git", "add", SAMPLE[0]], cwd=repository, check=True)
    assert drop_sample(repository, RAW) == [SAMPLE[0]]
    assert (repository / SAMPLE[0]).read_text() == "my own work"


def test_file_that_is_gone_already_is_not_said_to_stay(repository: Path) -> None:
    (repository / SAMPLE[0]).unlink()
    assert drop_sample(repository, RAW) == []


def test_sample_goes_before_the_first_commit_as_well(repository: Path) -> None:
    shutil.rmtree(repository / ".git")
    for command in (["init", "--quiet"], ["add", "--all"]):
        subprocess.run(["git", *command], cwd=repository, check=True)
    (repository / SAMPLE[0]).write_text("my own work")
    assert drop_sample(repository, RAW) == [SAMPLE[0]]
    assert [name for name in SAMPLE if (repository / name).exists()] == [SAMPLE[0]]


def test_table_of_the_sample_goes(repository: Path) -> None:
    (repository / SAMPLE_TABLE).parent.mkdir(parents=True)
    (repository / SAMPLE_TABLE).write_text("tumours")
    drop_sample(repository, RAW)
    assert not (repository / SAMPLE_TABLE).exists()


def test_table_of_ones_own_with_the_name_of_the_sample_stays(repository: Path) -> None:
    (repository / SAMPLE_TABLE).parent.mkdir(parents=True)
    (repository / SAMPLE_TABLE).write_text("mine")
    assert drop_sample(repository, Path(SAMPLE_TABLE)) == []
    assert (repository / SAMPLE_TABLE).read_text() == "mine"
