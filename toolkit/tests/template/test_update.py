"""`cruft update` brings what is new in the template, and keeps the project's edits."""

import json
import shutil
from pathlib import Path

import pytest

from .conftest import commit_all, copy_template, edit, run, run_in, tracked

STAGE = "datasets/split.py"
LOGGER = "logger = logging.getLogger(__name__)\n"
TOOLKIT = "toolkit/src/reproducible_ml"
ADDED = "docs/papers.md"
REMOVED = ".gitattributes"
OWN_TABLE = {"data_source": "gone.csv", "target_column": "returned"}


class Cruft:
    """Runs cruft for one user."""

    def __init__(self, tools: Path, home: dict[str, str]) -> None:
        self.tools = tools
        self.home = home

    def run(self, *arguments: object, cwd: Path, check: bool = True) -> str:
        command = (self.tools / "cruft", *arguments)
        return run(*command, cwd=cwd, check=check, variables=self.home).stdout

    def create(self, template: Path, folder: Path, **answers: str) -> Path:
        """Create a project with a commit."""
        answers |= {"project_name": "Churn", "package_name": "leavers"}
        given = json.dumps(answers)
        self.run("create", "--no-input", "--extra-context", given, template, cwd=folder)
        commit_all(folder / "churn")
        return folder / "churn"


@pytest.fixture
def cruft(tools: Path, home: dict[str, str]) -> Cruft:
    return Cruft(tools, home)


@pytest.fixture
def template(tmp_path: Path) -> Path:
    return copy_template(tmp_path / "template")


def change_template(template: Path) -> None:
    """Edit files of the template, add some, remove some."""
    edit(template / "code/tumour_diagnosis" / STAGE, '"""', '"""Newer: ')
    edit(template / "dvc.lock", "schema: '2.0'\n", "schema: '2.0'\n# Newer\n")
    for module in (template / TOOLKIT / "core").glob("*.py"):
        module.write_text(f"# Newer\n{module.read_text('utf-8')}", "utf-8")
    (template / TOOLKIT / "newer.py").write_text("TUMOUR = 'tumour_diagnosis'\n")
    shutil.rmtree(template / TOOLKIT / "tracking")
    (template / ADDED).write_text("# Papers on Tumour diagnosis\n")
    (template / REMOVED).unlink()
    commit_all(template)


def edit_project(project: Path) -> None:
    """Edit the project as its owner does."""
    edit(project / "code/leavers" / STAGE, LOGGER, f"{LOGGER}OUR_OWN = 1\n")
    edit(project / "params.yaml", "max_iter: 100", "max_iter: 50")


def check_update(template: Path, project: Path) -> None:
    """Check that the project has what is new, and its own edits."""
    assert not list(project.rglob("*.rej"))
    assert (project / ADDED).read_text() == "# Papers on Churn\n"
    assert not (project / REMOVED).exists()
    stage = (project / "code/leavers" / STAGE).read_text("utf-8")
    assert stage.startswith('"""Newer: ')
    assert f"{LOGGER}OUR_OWN = 1\n" in stage
    assert "max_iter: 50" in (project / "params.yaml").read_text("utf-8")
    toolkit = [
        name
        for name in tracked(template)
        if name.startswith("toolkit/") and not name.startswith("toolkit/tests/")
    ]
    found = [path for path in (project / "toolkit").rglob("*") if path.is_file()]
    assert sorted(path.relative_to(project).as_posix() for path in found) == toolkit
    for name in toolkit:
        assert (project / name).read_bytes() == (template / name).read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("answers", [{}, OWN_TABLE], ids=["sample", "own table"])
def test_update(
    answers: dict[str, str], template: Path, cruft: Cruft, tmp_path: Path
) -> None:
    (tmp_path / "gone.csv").write_text("visit,returned\n1,yes\n")
    project = cruft.create(template, tmp_path, **answers)
    (tmp_path / "gone.csv").unlink()
    assert (project / "dvc.lock").exists() == (not answers)
    edit_project(project)
    (project / "dvc.lock").write_text("results of our own\n")
    commit_all(project)
    before = run("git", "rev-parse", "HEAD", cwd=project).stdout

    assert "up to date" in cruft.run("update", "-y", cwd=project)
    assert run("git", "status", "--porcelain", cwd=project).stdout == ""

    change_template(template)
    assert "out of date" in cruft.run("check", cwd=project, check=False)
    assert "has been updated" in cruft.run("update", "-y", cwd=project)
    check_update(template, project)
    assert (project / "dvc.lock").read_text() == "results of our own\n"
    assert run("git", "rev-parse", "HEAD", cwd=project).stdout == before
    commit_all(project)
    cruft.run("check", cwd=project)


@pytest.mark.slow
def test_updated_project_reproduces(
    template: Path, cruft: Cruft, tmp_path: Path
) -> None:
    project = cruft.create(template, tmp_path)
    edit_project(project)
    run_in(project, "dvc", "repro")
    commit_all(project)
    edit(template / "code/tumour_diagnosis" / STAGE, '"""', '"""Newer: ')
    (template / TOOLKIT / "core" / "newer.py").write_text("NEWER = 1\n")
    commit_all(template)
    assert "has been updated" in cruft.run("update", "-y", cwd=project)
    run_in(project, "dvc", "repro")
    commit_all(project)
    assert "up to date" in run_in(project, "dvc", "status")
    verified = run_in(project, "python", "-m", "reproducible_ml.cli", "verify")
    assert "Every output was reproduced, bit for bit." in verified
