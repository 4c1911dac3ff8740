"""A Git repository of the test's own, and results as a project would have them."""

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from reproducible_ml.report.results import Bootstrap, Evaluation, Results


class Repository:
    """Files of a project under Git."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.git("init", "--quiet", "--initial-branch", "main")
        self.git("config", "user.name", "Test")
        self.git("config", "user.email", "test@example.org")

    def git(self, *arguments: str) -> str:
        """Run a Git command and return what it prints."""
        command = ["git", "-C", str(self.root), *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, check=True
        ).stdout

    def write(self, name: str, content: Any) -> None:
        """Write text, or anything else as JSON or YAML, by the name of the file."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not isinstance(content, str):
            as_json = name.endswith(".json")
            content = json.dumps(content) if as_json else yaml.safe_dump(content)
        path.write_text(content, "utf-8")

    def commit(self, message: str = "Test") -> str:
        """Commit everything, and return the hash of the commit."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD").strip()


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """An empty Git repository."""
    return Repository(tmp_path)


PIPELINE = """\
stages:
  split:
    cmd: python copy_file.py raw.csv data/processed/test
    deps: [copy_file.py, raw.csv]
    params: [split.salt]
    outs: [data/processed/test]
  evaluate:
    cmd: python copy_file.py scores.json reports/metrics.json
    deps: [scores.json, data/processed/test]
    params: [train.seed]
    metrics:
    - reports/metrics.json: {cache: false}
"""

# The package whose parameters and metrics the project of a test has.
PYPROJECT = '[tool.reproducible_ml]\npackage = "tumour_diagnosis"\n'

PARAMS: dict[str, dict[str, Any]] = {
    "data": {"target": "bought", "positive": "yes"},
    "split": {"salt": ""},
    "train": {"seed": 0, "estimator": {"path": "my.Model"}},
    "evaluate": {"metrics": ["roc_auc"]},
}


@pytest.fixture(scope="session")
def small_pipeline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A committed project of two stages that copy a file each."""
    root = tmp_path_factory.mktemp("pipeline")
    repository = Repository(root)
    repository.write(".gitignore", "/data/processed/test\n/reports/report.md\n")
    repository.write("copy_file.py", "import shutil, sys\nshutil.copy(*sys.argv[1:])\n")
    repository.write("raw.csv", "a\n1\n")
    repository.write("scores.json", {"roc_auc": 0.9})
    repository.write("pyproject.toml", PYPROJECT)
    repository.write("params.yaml", PARAMS)
    repository.write("dvc.yaml", PIPELINE)
    for folder in ("data/processed", "reports"):
        (root / folder).mkdir(parents=True)
    dvc(root, "init", "--quiet")
    dvc(root, "repro", "--quiet")
    repository.commit("Pipeline")
    return root


@pytest.fixture
def pipeline(small_pipeline: Path, tmp_path: Path) -> Repository:
    """A project of the test's own, as it was committed."""
    root = tmp_path / "pipeline"
    shutil.copytree(small_pipeline, root, symlinks=True)
    return Repository(root)


def table_rows(text: str) -> list[list[str]]:
    """Return the cells of a table in Markdown, without its header."""
    lines = [line for line in text.splitlines() if line.startswith("|")][2:]
    return [line.strip("| ").split(" | ") for line in lines]


def dvc(root: Path, *arguments: str) -> None:
    """Run a DVC command."""
    command = [sys.executable, "-m", "dvc", *arguments]
    subprocess.run(command, cwd=root, check=True, capture_output=True)


def results(
    auc: Any = 0.9,
    replicates: Sequence[float] = (0.88, 0.89, 0.9, 0.91, 0.92),
    *,
    test_set: str = "a",
    targets: str | None = None,
    **others: Any,
) -> Results:
    """Return results of one metric, roc_auc, with replicates around it."""
    evaluation = {"metrics": {"roc_auc": {"value": 0.9, "low": 0.8, "high": 1.0}}}
    bootstrap = Bootstrap(
        rows=100,
        interval_rows=100,
        test_set=test_set,
        targets=targets,
        replicates={"roc_auc": [*replicates]},
    )
    found = Results(
        params={"data": {"target": "bought", "task": "binary", "positive": "yes"}},
        lock=lock(),
        metrics={"roc_auc": auc},
        evaluation=Evaluation.model_validate(evaluation),
        bootstrap=bootstrap,
    )
    return found._replace(**others)


def lock(**stages: dict[str, Any]) -> dict[str, Any]:
    """Return a lock file: split writes data, train a model, evaluate reports."""
    known = {
        "split": stage({"code/split.py": "1"}, {"data/processed/test": "2"}),
        "train": stage(
            {"code/train.py": "3"}, {"models/model": "4"}, {"train.seed": 0}
        ),
        "evaluate": stage({"models/model": "4"}, {"reports/metrics.json": "5"}),
    }
    return {"schema": "2.0", "stages": known | stages}


def stage(
    deps: dict[str, str], outs: dict[str, str], params: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return a stage of a lock file, from paths and hashes."""
    return {
        "cmd": "python -m stage",
        "deps": [
            {"path": path, "hash": "md5", "md5": md5} for path, md5 in deps.items()
        ],
        "params": {"params.yaml": params or {}},
        "outs": [
            {"path": path, "hash": "md5", "md5": md5} for path, md5 in outs.items()
        ],
    }
