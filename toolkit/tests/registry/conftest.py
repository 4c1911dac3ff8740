"""A small project whose model can be registered, and a clock for its tags."""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from reproducible_ml.card.fields import HumanPart, is_required
from reproducible_ml.core import project as core

from ..report.conftest import PYPROJECT, Repository, dvc

ARTIFACTS = """\
artifacts:
  model:
    path: models/model.skops
    type: model
"""

PIPELINE = (
    """\
stages:
  split:
    cmd: python copy_file.py raw.csv data/processed/test
    deps: [copy_file.py, raw.csv]
    outs: [data/processed/test]
  train:
    cmd: python copy_file.py recipe.txt models/model.skops
    deps: [copy_file.py, recipe.txt, code/tumour_diagnosis/features]
    params: [train]
    outs: [models/model.skops]
  evaluate:
    cmd: python score.py
    deps: [score.py, scores.json, models/model.skops, data/processed/test]
    metrics:
    - reports/metrics.json: {cache: false}
    plots:
    - reports/evaluation.json: {cache: false}
    - reports/bootstrap.json: {cache: false}
"""
    + ARTIFACTS
)

# Scores in scores.json become reports, with an interval of 0.02 around each.
SCORE = """\
import json
from pathlib import Path
given = json.loads(Path("scores.json").read_text())
test_set, values = given.pop("test_set"), given
spread = [-0.01, 0.0, 0.01]
around = {name: [value + part for part in spread] for name, value in values.items()}
ends = {n: {"value": v[1], "low": v[0], "high": v[2]} for n, v in around.items()}
reports = {
    "metrics": values,
    "evaluation": {"metrics": ends},
    "bootstrap": {
        "rows": 100, "interval_rows": 100, "test_set": test_set, "replicates": around,
    },
}
for name, content in reports.items():
    Path(f"reports/{name}.json").write_text(json.dumps(content))
"""

CONTRACT: dict[str, Any] = {
    "schema_type": "dataframe",
    "columns": {"age": {"dtype": "int64"}, "bought": {"dtype": "bool"}},
}

PARAMS: dict[str, dict[str, Any]] = {
    "data": {"target": "bought", "positive": "yes"},
    "features": {"words": 100},
    "train": {"seed": 0, "estimator": {"path": "sklearn.linear_model.Ridge"}},
    "evaluate": {"metrics": ["roc_auc"]},
}

# Fields of the model card that a version needs.
REQUIRED = [name for name in HumanPart.model_fields if is_required(name)]


class Project(Repository):
    """A project whose model can be registered."""

    @property
    def project(self) -> core.Project:
        """What commands get."""
        return core.Project(self.root)

    def rml(self, *arguments: str, code: int = 0) -> str:
        """Run a command of `rml` here, and return all it prints."""
        command = [sys.executable, "-m", "reproducible_ml.cli", *arguments]
        done = subprocess.run(
            command,
            cwd=self.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stdout
        return done.stdout

    def dvc(self, *arguments: str) -> None:
        """Run a DVC command."""
        dvc(self.root, *arguments)

    def train(self, recipe: str, auc: float = 0.9, test_set: str = "a") -> str:
        """Commit another model of a given score; return the hash of the commit."""
        self.write("recipe.txt", f"{recipe}\n")
        self.write("scores.json", {"roc_auc": auc, "test_set": test_set})
        self.dvc("repro", "--quiet")
        return self.commit(recipe)

    def tag(self, name: str, commit: str = "HEAD", *, second: int = 0) -> None:
        """Write an annotated tag at a second of the year 2024."""
        date = f"2024-01-01T00:{second // 60:02}:{second % 60:02}Z"
        subprocess.run(
            ["git", "tag", "--annotate", "--message", name, name, commit],
            cwd=self.root,
            env={"GIT_COMMITTER_DATE": date, "PATH": "/usr/bin:/bin"},
            check=True,
        )

    def tags(self) -> list[str]:
        """Return the names of all tags."""
        return self.git("tag", "--list").split()


def write_project(project: Project) -> None:
    """Write the files that the user of a project writes."""
    project.write(".gitignore", "/data/processed/test\n/models/model.skops\n")
    project.write("copy_file.py", "import shutil, sys\nshutil.copy(*sys.argv[1:])\n")
    project.write("score.py", SCORE)
    project.write("raw.csv", "a\n1\n")
    project.write("code/tumour_diagnosis/features/build.py", "WORDS = 100\n")
    project.write("data/schema.yaml", CONTRACT)
    project.write("docs/model_card.yaml", dict.fromkeys(REQUIRED, "Said."))
    project.write("pyproject.toml", PYPROJECT)
    project.write("params.yaml", PARAMS)
    project.write("dvc.yaml", PIPELINE)
    for folder in ("data/processed", "models", "reports"):
        (project.root / folder).mkdir(parents=True, exist_ok=True)


@pytest.fixture
def plain(tmp_path: Path) -> Project:
    """A committed project in which nothing ran: for what only reads tags and files."""
    project = Project(tmp_path)
    write_project(project)
    project.write(".dvc/config", "")
    project.commit("first")
    return project


@pytest.fixture(scope="session")
def small_registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A committed project without versions, whose pipeline ran."""
    project = Project(tmp_path_factory.mktemp("registry"))
    write_project(project)
    project.dvc("init", "--quiet")
    project.train("first")
    return project.root


@pytest.fixture
def project(small_registry: Path, tmp_path: Path) -> Project:
    """A project of the test's own, as it was committed."""
    root = tmp_path / "project"
    shutil.copytree(small_registry, root, symlinks=True)
    return Project(root)


@pytest.fixture
def three(project: Project) -> Sequence[str]:
    """The commits of three models of the project, each better than the one before."""
    first = project.git("rev-parse", "HEAD").strip()
    return [first, project.train("second", 0.92), project.train("third", 0.94)]
