"""A small pipeline whose metric follows a parameter, to experiment on."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from reproducible_ml.core import project as core

from ..report.conftest import PYPROJECT, Repository, dvc

SCORE = """\
import json, time
from pathlib import Path
import yaml
seed = yaml.safe_load(Path("params.yaml").read_text())["train"]["seed"]
print("scoring", seed, flush=True)
assert seed != 13
while seed == 14:
    time.sleep(0.1)
Path("reports/metrics.json").write_text(json.dumps({"roc_auc": 0.9 - seed / 100}))
"""

PIPELINE = """\
stages:
  split:
    cmd: python -c "import shutil; shutil.copy('raw.csv', 'data/processed/test')"
    deps: [raw.csv]
    params: [split.salt]
    outs: [data/processed/test]
  evaluate:
    cmd: python score.py
    deps: [score.py, data/processed/test]
    params: [train.seed]
    metrics:
    - reports/metrics.json: {cache: false}
"""

PARAMS = """\
data: {target: bought, positive: again}
split:
  salt: '' # any text
train:
  seed: 0
  estimator: {path: sklearn.linear_model.LogisticRegression}
evaluate: {metrics: [roc_auc]}
"""


class Project(Repository):
    """A project to experiment on."""

    @property
    def project(self) -> core.Project:
        """What commands get."""
        return core.Project(self.root)

    def dvc(self, *arguments: str) -> None:
        """Run a DVC command."""
        dvc(self.root, *arguments)

    def read(self, name: str) -> str:
        """Return a file's text."""
        return (self.root / name).read_text("utf-8")

    def start(self, *command: str) -> "subprocess.Popen[str]":
        """Start a Python module as if in a terminal of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=self.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """An empty Git repository."""
    return Repository(tmp_path)


@pytest.fixture(scope="session")
def small_experiment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A committed project."""
    project = Project(tmp_path_factory.mktemp("experiment"))
    project.write(".gitignore", "/data/processed/test\n__pycache__/\n")
    project.write(".dvcignore", "__pycache__/\n")
    project.write("score.py", SCORE)
    project.write("raw.csv", "a\n1\n")
    project.write("pyproject.toml", PYPROJECT)
    project.write("params.yaml", PARAMS)
    project.write("dvc.yaml", PIPELINE)
    for folder in ("data/processed", "reports"):
        (project.root / folder).mkdir(parents=True)
    project.dvc("init", "--quiet")
    project.dvc("config", "core.autostage", "true")
    project.dvc("repro", "--quiet")
    project.commit("Pipeline")
    return project.root


@pytest.fixture
def project(small_experiment: Path, tmp_path: Path) -> Project:
    """A project of the test's own, as it was committed."""
    root = tmp_path / "project"
    shutil.copytree(small_experiment, root, symlinks=True)
    return Project(root)


def add_experiment(project: Repository, name: str, base: str, commit: str) -> None:
    """Note a commit as an experiment, as DVC does."""
    project.git("update-ref", f"refs/exps/{base[:2]}/{base[2:]}/{name}", commit)
