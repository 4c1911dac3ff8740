"""Projects made of this repository by cookiecutter, in an environment of its own."""

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

REQUIREMENTS = Path(__file__).with_name("requirements.txt")

# The hooks are no package that is installed.
sys.path.insert(0, str(ROOT))


def run(
    *command: object,
    cwd: Path,
    check: bool = True,
    variables: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command and keep what it prints."""
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
    """Return the folder of cookiecutter and cruft, installed without this project."""
    return environment("template", REQUIREMENTS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip these tests in a clone that `make data` turned to a table of its own."""
    if "sample" in yaml.safe_load((ROOT / "dvc.yaml").read_text("utf-8"))["stages"]:
        return
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.skip(reason="this is no template any more"))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let `--whole` run the tests of the projects as well, which takes minutes."""
    parser.addoption("--whole", action="store_true", help="run projects' own tests")


@pytest.fixture(scope="session")
def whole(request: pytest.FixtureRequest) -> bool:
    """Say whether the projects' own tests are to be run."""
    return bool(request.config.getoption("--whole", default=False))


@pytest.fixture(scope="session")
def uv_path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a folder that holds uv alone, for a PATH on which it is installed."""
    folder = tmp_path_factory.mktemp("uv")
    (folder / "uv").symlink_to(UV)
    return str(folder)


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return variables of a user who never used cookiecutter, and whom Git knows."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "gitconfig").write_text("[user]\nname = Ada\nemail = ada@example.org\n")
    return {
        "GIT_CONFIG_GLOBAL": str(folder / "gitconfig"),
        "HOME": str(folder),
        "UV_CACHE_DIR": run(UV, "cache", "dir", cwd=ROOT).stdout.strip(),
    }


# Makes a project in a folder with some answers; the others are the defaults.
Generate = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def generate(tools: Path, home: dict[str, str]) -> Generate:
    """Return a function that calls cookiecutter in a folder, as people do."""

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
    """Return the files that Git tracks and that are there."""
    names = run("git", "ls-files", "-z", cwd=folder).stdout.split("\0")
    return sorted(name for name in names if name and (folder / name).is_file())


def commit_all(folder: Path) -> None:
    """Commit all files of a folder, which becomes a repository if it is none."""
    user = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
    run("git", "init", "--quiet", "--initial-branch", "main", cwd=folder)
    run("git", "add", "--all", cwd=folder)
    run("git", *user, "commit", "--quiet", "--message", "Test", cwd=folder)


def copy_template(folder: Path) -> Path:
    """Make a repository with the files of the working tree in one commit."""
    for name in tracked():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)
    commit_all(folder)
    return folder


def edit(path: Path, old: str, new: str) -> None:
    """Replace text in a file; fail if it is not there."""
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


def run_in(project: Path, *command: str, check: bool = True) -> str:
    """Run DVC or Python in a project: its own code, the packages of these tests."""
    here = Path(sys.executable).parent
    path = f"{here}{os.pathsep}{clean_environment()['PATH']}"
    variables = {"PATH": path, "PYTHONPATH": str(project / "code")}
    return run(*command, cwd=project, check=check, variables=variables).stdout
