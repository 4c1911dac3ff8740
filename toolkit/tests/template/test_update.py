"""A project takes what is new in the template and keeps its own edits."""

from pathlib import Path

import pytest

from .conftest import commit_all, copy_template, edit, run, run_in

STAGE = "datasets/split.py"
ADDED = "docs/references/papers.md"
REMOVED = "pipelines/nightly.sh"


@pytest.fixture
def template(tmp_path: Path) -> Path:
    return copy_template(tmp_path / "template")


@pytest.fixture
def project(template: Path, tmp_path: Path, tools: Path, home: dict[str, str]) -> Path:
    """Return a project made by cruft, in which its user changed a stage and a value."""
    answers = '{"project_name": "Churn", "package_name": "leavers"}'
    create = ("create", "--no-input", "--extra-context", answers, template)
    run(tools / "cruft", *create, cwd=tmp_path, variables=home)
    project = tmp_path / "churn"
    commit_all(project)
    edit(
        project / "code/leavers" / STAGE,
        "logger = logging.getLogger(__name__)\n",
        "logger = logging.getLogger(__name__)\nOUR_OWN = 1\n",
    )
    edit(project / "params.yaml", "max_iter: 100", "max_iter: 50")
    run_in(project, "dvc", "repro")
    commit_all(project)
    return project


def change(template: Path) -> None:
    """Edit a file of the template, add one, and remove one."""
    stage = template / "code/reproducible_ml" / STAGE
    edit(stage, "looks at that row alone", "it looks at that row alone")
    (template / ADDED).write_text("# Papers on Reproducible ML\n")
    (template / REMOVED).unlink()
    commit_all(template)


def test_update_brings_what_is_new_and_keeps_what_is_edited(
    template: Path, project: Path, tools: Path, home: dict[str, str]
) -> None:
    change(template)
    assert run(
        tools / "cruft", "check", cwd=project, check=False, variables=home
    ).returncode
    said = run(
        tools / "cruft", "update", "--skip-apply-ask", cwd=project, variables=home
    ).stdout
    assert "has been updated" in said
    assert not list(project.rglob("*.rej"))
    assert (project / ADDED).read_text() == "# Papers on Churn\n"
    assert not (project / REMOVED).exists()
    stage = (project / "code/leavers" / STAGE).read_text("utf-8")
    assert "it looks at that row alone" in stage
    assert "OUR_OWN = 1" in stage
    assert "from leavers.errors import UserError" in stage
    assert "max_iter: 50" in (project / "params.yaml").read_text("utf-8")
    run_in(project, "dvc", "repro")
    commit_all(project)
    assert "up to date" in run_in(project, "dvc", "status")
    verified = run_in(project, "python", "-m", "leavers.verify")
    assert "Every output came back, bit for bit." in verified
    run(tools / "cruft", "check", cwd=project, variables=home)


def test_update_does_nothing_where_nothing_is_new(
    project: Path, tools: Path, home: dict[str, str]
) -> None:
    before = run("git", "rev-parse", "HEAD", cwd=project).stdout
    said = run(tools / "cruft", "update", "-y", cwd=project, variables=home).stdout
    assert "already up to date" in said
    assert run("git", "status", "--porcelain", cwd=project).stdout == ""
    assert run("git", "rev-parse", "HEAD", cwd=project).stdout == before
