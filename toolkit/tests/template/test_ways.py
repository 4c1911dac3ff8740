"""A project is the same, whichever way leads to the template."""

import shutil
from pathlib import Path

import pytest

from .conftest import Generate, commit_all, copy_template, run, tracked

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a repository with the files of the working tree in one commit."""
    return copy_template(tmp_path_factory.mktemp("ways") / "template")


def files(project: Path) -> dict[str, bytes]:
    """Return the content of the project's files by name."""
    return {name: (project / name).read_bytes() for name in tracked(project)}


@pytest.fixture(scope="module")
def expected(
    clone: Path, tmp_path_factory: pytest.TempPathFactory, generate: Generate
) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("absolute")
    generate(folder, template=clone, project_name="Churn")
    return files(folder / "churn")


@pytest.mark.parametrize("way", ["relative path", ".", "Git clone", "zip"])
def test_project_is_the_same(
    way: str,
    clone: Path,
    zipped: Path,
    tmp_path: Path,
    generate: Generate,
    expected: dict[str, bytes],
) -> None:
    folder, template = tmp_path, str(clone)
    if way == "relative path":
        folder, template = clone.parent, "template"
    elif way == ".":
        shutil.copytree(clone, tmp_path / "copy", symlinks=True)
        folder, template = tmp_path / "copy", "."
    elif way == "Git clone":
        template = f"git+file://{clone}"
    elif way == "zip":
        template = str(zipped)
    generate(folder, template=template, project_name="Churn")
    assert files(folder / "churn") == expected


def test_cruft_writes_the_same_files_without_a_commit(
    clone: Path,
    tmp_path: Path,
    tools: Path,
    home: dict[str, str],
    expected: dict[str, bytes],
) -> None:
    command = [tools / "cruft", "create", "--no-input", "--extra-context"]
    said = run(
        *command, '{"project_name": "Churn"}', clone, cwd=tmp_path, variables=home
    ).stdout
    project = tmp_path / "churn"
    assert "git init" in said
    assert not (project / ".git").exists()
    commit_all(project)
    made = files(project)
    assert made.pop(".cruft.json")
    assert made == expected
    run(tools / "cruft", "check", cwd=project, variables=home)


def test_uncommitted_edits_are_part_of_projects(
    clone: Path, tmp_path: Path, generate: Generate
) -> None:
    fork = tmp_path / "fork"
    shutil.copytree(clone, fork, symlinks=True)
    (fork / "CONTRIBUTING.md").write_text("Ask the team of Tumour diagnosis.\n")
    (fork / "docs" / "ignored.tmp").write_text("not in Git")
    (fork / ".gitattributes").unlink()
    generate(tmp_path, template=fork, project_name="Churn")
    project = tmp_path / "churn"
    assert (project / "CONTRIBUTING.md").read_text() == "Ask the team of Churn.\n"
    assert not (project / "docs" / "ignored.tmp").exists()
    assert not (project / ".gitattributes").exists()


def test_fork_under_another_name(
    clone: Path, tmp_path: Path, generate: Generate
) -> None:
    fork = tmp_path / "fork"
    answers = {"project_name": "Acme Models", "components": "everything"}
    generate(tmp_path, template=clone, **answers)
    shutil.move(tmp_path / "acme-models", fork)
    for name in ("hooks", "{{cookiecutter.project_slug}}"):
        shutil.copytree(clone / name, fork / name)
    questions = (clone / "cookiecutter.json").read_text("utf-8")
    renamed = questions.replace('"Tumour diagnosis"', '"Acme Models"')
    (fork / "cookiecutter.json").write_text(renamed, "utf-8")
    commit_all(fork)
    generate(tmp_path, template=fork, project_name="Churn")
    project = tmp_path / "churn"
    assert (project / "code" / "churn").is_dir()
    found = run("git", "grep", "-il", "acme", cwd=project, check=False).stdout
    assert found == ""


def test_repository_of_a_git_hook_stays_as_it_is(
    clone: Path, tmp_path: Path, generate: Generate
) -> None:
    """Git sets variables for its hooks, which name their repository and its index."""
    (tmp_path / "outer").mkdir()
    outer = copy_of_one_file(tmp_path / "outer")
    before = run("git", "status", "--porcelain", "--branch", cwd=outer).stdout
    variables = {
        "GIT_DIR": str(outer / ".git"),
        "GIT_INDEX_FILE": str(outer / ".git" / "index"),
        "GIT_WORK_TREE": str(outer),
    }
    generate(tmp_path, template=clone, variables=variables, project_name="Churn")
    assert run("git", "status", "--porcelain", "--branch", cwd=outer).stdout == before
    assert run("git", "log", "--format=%s", cwd=outer).stdout == "Test\n"
    log = run("git", "log", "--format=%s", cwd=tmp_path / "churn").stdout
    assert log == "Churn: first version\n"


def copy_of_one_file(folder: Path) -> Path:
    """Create a repository with one file."""
    (folder / "notes.txt").write_text("mine")
    commit_all(folder)
    return folder
