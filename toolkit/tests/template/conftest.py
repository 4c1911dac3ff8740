"""Projects generated from this repository, by cookiecutter in its own environment."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import yaml

from ..copies import ROOT, clean_environment
from ..environments import UV, environment

# The answers that this repository is, and those of another project.
IDENTITY = {
    "project_name": "Tumour diagnosis",
    "project_slug": "tumour-diagnosis",
    "package_name": "tumour_diagnosis",
    "description": json.loads((ROOT / "cookiecutter.json").read_text())["description"],
    "author_name": "The Tumour diagnosis authors",
    "author_email": "",
    "license": "MIT",
    "data_source": "sample",
    "target_column": "diagnosis",
    "remote": "none",
    "remote_url": "",
    "components": "everything",
}
OTHER = IDENTITY | {
    "project_name": "Customer Churn",
    "project_slug": "customer-churn",
    "package_name": "customer_churn",
    "description": "Who leaves, and when.",
    "author_name": "Ada Lovelace",
}

REQUIREMENTS = Path(__file__).with_name("requirements.txt")

# The hooks are not installed.
sys.path.insert(0, str(ROOT))


def run(
    *command: object,
    cwd: Path,
    check: bool = True,
    variables: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command and capture its output."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=clean_environment() | dict(variables or {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0 or not check, done.stdout
    return done


@pytest.fixture(scope="session")
def tools() -> Path:
    """Return the folder of cookiecutter and cruft in their own environment."""
    return environment("template", REQUIREMENTS)


def pytest_runtest_setup() -> None:
    """Skip these tests in a clone that `rml data` made about another table."""
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text("utf-8"))["stages"]
    if "sample" not in stages:
        pytest.skip("the sample is gone")


@pytest.fixture(scope="session")
def uv_path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a folder that holds uv alone, for a PATH on which it is installed."""
    folder = tmp_path_factory.mktemp("uv")
    (folder / "uv").symlink_to(UV)
    return str(folder)


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return variables of a user with a name in Git, who never used cookiecutter."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "gitconfig").write_text("[user]\nname = Ada\nemail = ada@example.org\n")
    return {
        "GIT_CONFIG_GLOBAL": str(folder / "gitconfig"),
        "HOME": str(folder),
        "UV_CACHE_DIR": run(UV, "cache", "dir", cwd=ROOT).stdout.strip(),
    }


# Generates a project in a folder with some answers; the others are the defaults.
Generate = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def generate(tools: Path, home: dict[str, str]) -> Generate:
    """Return a function that calls cookiecutter in a folder."""

    def call(
        cwd: Path,
        *,
        template: object = ROOT,
        check: bool = True,
        variables: dict[str, str] | None = None,
        **answers: str,
    ) -> subprocess.CompletedProcess[str]:
        given = [f"{name}={answer}" for name, answer in answers.items()]
        command = [tools / "cookiecutter", "--no-input", template, *given]
        return run(*command, cwd=cwd, check=check, variables=home | (variables or {}))

    return call


@pytest.fixture(scope="session")
def zipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a zip of this repository as GitHub makes it: one folder, without Git."""
    path = tmp_path_factory.mktemp("zip") / "template.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("template-main/", "")
        for name in tracked():
            archive.write(ROOT / name, f"template-main/{name}")
    return path


def tracked(folder: Path = ROOT) -> list[str]:
    """Return the files that Git tracks and that exist."""
    names = run("git", "ls-files", "-z", cwd=folder).stdout.split("\0")
    return sorted(name for name in names if name and (folder / name).is_file())


def commit_all(folder: Path) -> None:
    """Commit all files of a folder, after `git init`."""
    user = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
    run("git", "init", "--quiet", "--initial-branch", "main", cwd=folder)
    run("git", "add", "--all", cwd=folder)
    run("git", *user, "commit", "--quiet", "--message", "Test", cwd=folder)


def copy_template(folder: Path) -> Path:
    """Create a repository with the files of the working tree in one commit."""
    for name in tracked():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)
    commit_all(folder)
    return folder


def edit(path: Path, old: str, new: str) -> None:
    """Replace text that must be in a file."""
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


def run_in(project: Path, *command: str, check: bool = True) -> str:
    """Run DVC or Python in a project: its own code, the packages of these tests."""
    here = Path(sys.executable).parent
    path = f"{here}{os.pathsep}{clean_environment()['PATH']}"
    folders = (project / "code", project / "toolkit" / "src")
    variables = {"PATH": path, "PYTHONPATH": os.pathsep.join(map(str, folders))}
    return run(*command, cwd=project, check=check, variables=variables).stdout
