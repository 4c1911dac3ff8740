"""Pointing params.yaml and dvc.yaml at a table; the sample and its results."""

import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from reproducible_ml.adopt.configure import (
    PLOTS,
    Sample,
    find_sample,
    has_sample,
    raw_table,
    remove_sample,
    set_params,
    set_pipeline,
)
from reproducible_ml.card.fields import FIELDS, empty_form
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.project import Project

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
- more.yaml
- project: code/project
- raw: data/raw/tumours.csv
stages:
  sample: # removed
    cmd: write it
    outs: ['${raw}']

  validate: # stays
    cmd: check
      it
    outs: [data/interim/validated]
    plots:
    - reports/validation.json: {cache: false, template: hidden}
  evaluate:
    cmd: score
    metrics:
    - reports/metrics.json: {cache: false}
    plots:
    - reports/plots: {cache: false}
plots:
- ROC curve: {x: fpr}
artifacts:
  model:
    path: models/model.skops
    desc: Probability that a tumour is malignant
    labels: [binary classification]
"""

SETTINGS = """\
[tool.reproducible_ml]
package = "tumours" # stays
sample = [ # goes
  "code/tumours/sample.py",
  "tests/test_sample.py",
]

[tool.ruff]
"""
FILES = ("code/tumours/sample.py", "tests/test_sample.py")
TUMOURS = "data/raw/tumours.csv"
RESULTS = ("reports/validation.json", "reports/metrics.json", "reports/plots/roc.csv")

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


def test_equal_params_keep_their_layout(params: Path) -> None:
    odd = PARAMS.replace("id: [] #", "id:   []   #").replace("malignant", '"malignant"')
    params.write_text(odd)
    set_params(params, yaml.safe_load(PARAMS))
    assert params.read_text() == odd


def test_texts_get_no_quotes_that_an_experiment_would_drop(params: Path) -> None:
    content = yaml.safe_load(PARAMS)
    content["data"]["positive"] = "no"
    set_params(params, content)
    assert "  positive: no\n" in params.read_text()


def test_pipeline_begins_with_the_table(pipeline: Path) -> None:
    set_pipeline(pipeline, RAW, SAMPLE_DATA, DATA)
    content = yaml.safe_load(pipeline.read_text())
    assert list(content["stages"]) == ["validate", "evaluate"]
    assert content["stages"]["validate"]["cmd"] == "check it"
    assert content["vars"] == [
        "more.yaml",
        {"project": "code/project"},
        {"raw": "data/raw/visits.csv"},
    ]
    assert raw_table(pipeline) == RAW
    assert content["plots"] == PLOTS["regression"]
    model = content["artifacts"]["model"]
    assert model["desc"] == "Prediction of price"
    assert model["labels"] == ["scikit-learn", "regression"]
    assert "# stays" in pipeline.read_text()


def test_plots_stay_if_the_task_does(pipeline: Path) -> None:
    set_pipeline(pipeline, RAW, SAMPLE_DATA, {"target": "bought", "task": "binary"})
    content = yaml.safe_load(pipeline.read_text())
    assert content["plots"] == [{"ROC curve": {"x": "fpr"}}]


def test_edits_since_the_sample_stay(pipeline: Path) -> None:
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


def test_pipeline_may_have_no_artifacts_but_needs_the_raw_table(pipeline: Path) -> None:
    content = yaml.safe_load(PIPELINE)
    del content["artifacts"]
    pipeline.write_text(yaml.safe_dump(content))
    set_pipeline(pipeline, RAW, SAMPLE_DATA, DATA)
    assert "artifacts" not in yaml.safe_load(pipeline.read_text())
    del content["vars"][2]
    pipeline.write_text(yaml.safe_dump(content))
    with pytest.raises(UserError, match=r"dvc\.yaml: `vars` has no `raw`"):
        raw_table(pipeline)


# The sample.

README = """# Visits

<!-- sample: of
tumours -->
Tumours!
<!-- end of sample -->

More
"""


@pytest.fixture
def project(tmp_path: Path, pipeline: Path) -> Project:
    """A Git repository with a sample and its results."""
    texts = dict.fromkeys((*FILES, *RESULTS, "dvc.lock"), "about tumours")
    texts |= {"pyproject.toml": SETTINGS, ".gitignore": "*.png\n/data/raw\n"}
    texts |= {TUMOURS: "tumours", "reports/overview.png": "drawn"}
    texts |= {"reports/notes.md": "of mine", "README.md": README}
    texts |= {"params.yaml": "data: {target: '`x`'}\n"}
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "--all")
    git(tmp_path, "-c", "user.name=T", "-c", "user.email=t@t", "commit", "-qm", "T")
    return Project(tmp_path)


def git(folder: Path, *arguments: str) -> str:
    return subprocess.check_output(["git", *arguments], cwd=folder, text=True)


def leave(project: Project, raw: Path = RAW) -> list[str]:
    """Let a project leave its sample; return the files that stay."""
    sample = find_sample(project)
    assert sample
    set_pipeline(project.root / "dvc.yaml", raw, SAMPLE_DATA, DATA)
    return remove_sample(project, sample, raw)


def test_sample_is_found_until_the_pipeline_begins_with_another_table(
    project: Project, pipeline: Path
) -> None:
    results = ("reports/validation.json", "reports/metrics.json", "reports/plots")
    assert find_sample(project) == Sample(Path(TUMOURS), FILES, results)
    assert has_sample(pipeline)
    set_pipeline(pipeline, RAW, SAMPLE_DATA, DATA)
    assert find_sample(project) is None
    assert not has_sample(pipeline)


def test_sample_and_its_results_go_and_other_files_stay(project: Project) -> None:
    assert leave(project) == []
    left = [str(p.relative_to(project.root)) for p in project.root.rglob("*")]
    for name in (*FILES, *RESULTS, TUMOURS, "dvc.lock", "reports/overview.png"):
        assert name not in left
    assert "reports/notes.md" in left
    tracked = git(project.root, "ls-files").split()
    assert not {*FILES, *RESULTS, "dvc.lock"} & {*tracked}


@pytest.mark.parametrize("edited", [False, True])
def test_model_card_says_nothing_of_the_sample_unless_it_was_edited(
    edited: bool, project: Project
) -> None:
    settings = project.root / "pyproject.toml"
    listed = SETTINGS.replace("sample = [", f'sample = ["{FIELDS}",')
    settings.write_text(listed)
    fields = project.root / FIELDS
    fields.parent.mkdir()
    fields.write_text("limits: tumours\n")
    git(project.root, "add", "--all")
    git(project.root, "-c", "user.name=T", "-c", "user.email=t@t", "commit", "-qm", "T")
    if edited:
        fields.write_text("limits: mine\n")
    assert leave(project) == ([str(FIELDS)] if edited else [])
    assert fields.read_text() == ("limits: mine\n" if edited else empty_form())
    assert str(FIELDS) in git(project.root, "ls-files").split()


def test_readme_says_what_is_predicted_instead_of_the_sample(project: Project) -> None:
    leave(project)
    text = (project.root / "README.md").read_text()
    assert text.startswith("# Visits\n\nThe model predicts `'x'`, a column of")
    assert text.endswith("(.cloud/README.md).\n\nMore\n")
    assert "umours" not in text


def test_list_of_the_sample_goes_and_other_settings_stay(project: Project) -> None:
    leave(project)
    text = (project.root / "pyproject.toml").read_text()
    assert tomllib.loads(text)["tool"] == {
        "reproducible_ml": {"package": "tumours"},
        "ruff": {},
    }
    assert "# stays" in text
    assert "goes" not in text
    assert project.sample == ()


@pytest.mark.parametrize("staged", [False, True])
def test_edited_file_about_the_sample_stays(staged: bool, project: Project) -> None:
    (project.root / FILES[0]).write_text("my own work")
    if staged:
        git(project.root, "add", FILES[0])
    assert leave(project) == [FILES[0]]
    assert (project.root / FILES[0]).read_text() == "my own work"
    assert not (project.root / FILES[1]).exists()


def test_removed_file_about_the_sample_is_not_listed_as_edited(
    project: Project,
) -> None:
    (project.root / FILES[0]).unlink()
    assert leave(project) == []


def test_sample_goes_before_the_first_commit_as_well(project: Project) -> None:
    shutil.rmtree(project.root / ".git")
    git(project.root, "init", "--quiet")
    git(project.root, "add", "--all")
    (project.root / FILES[0]).write_text("my own work")
    assert leave(project) == [FILES[0]]
    assert not (project.root / FILES[1]).exists()
    assert not (project.root / "reports/metrics.json").exists()


def test_own_table_with_the_name_of_the_sample_stays(project: Project) -> None:
    (project.root / TUMOURS).write_text("mine")
    assert leave(project, Path(TUMOURS)) == []
    assert (project.root / TUMOURS).read_text() == "mine"
