"""A copy of this project that tests may run, change and break."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from reproducible_ml.core.files import parse_params
from reproducible_ml.verify.rebuild import share_raw_data

from ..copies import ROOT, copy_files, copy_project

PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text("utf-8"))
STAGES = list(PIPELINE["stages"])

needs_sample = pytest.mark.skipif(
    "sample" not in STAGES, reason="the project is about a table of its own"
)

Variables = Mapping[str, str]

RML = (sys.executable, "-m", "reproducible_ml.cli")

RATE = "train.estimator.arguments.learning_rate"
TREES = "train.estimator.arguments.max_iter"


class Project:
    """A Git and DVC repository with the files of the working tree."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(
        self, *command: str, check: bool = True, variables: Variables | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the project with the project's own code; keep its output."""
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={**self.environment(), **(variables or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0 or not check, done.stdout
        return done

    def start(
        self, *command: str, variables: Variables | None = None
    ) -> subprocess.Popen[str]:
        """Start a command as `run` does, in a process group of its own."""
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env={**self.environment(), **(variables or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def environment(self) -> dict[str, str]:
        """Return variables under which `python` and `dvc` are those of the tests."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        here = [str(self.folder / "code"), str(self.folder / "toolkit/src")]
        return {**os.environ, "PATH": path, "PYTHONPATH": os.pathsep.join(here)}

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace text in a file; fail if it is not there."""
        path = self.folder / name
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new), "utf-8")

    def set(self, key: str, value: Any) -> None:
        """Give a parameter, as "train.seed", another value."""
        *sections, name = key.split(".")
        path = self.folder / "params.yaml"
        params = section = parse_params(path.read_text("utf-8"))
        for parent in sections:
            section = section.setdefault(parent, {})
        assert section.get(name) != value
        section[name] = value
        path.write_text(yaml.safe_dump(params), "utf-8")

    def params(self) -> dict[str, Any]:
        """Return params.yaml."""
        found: dict[str, Any] = parse_params(self.read("params.yaml"))
        return found

    def get(self, key: str) -> Any:
        """Return a parameter, as "train.seed"."""
        value: Any = self.params()
        for name in key.split("."):
            value = value[name]
        return value

    def commit(self) -> None:
        """Commit everything."""
        self.run("git", "add", "--all")
        self.run("git", "commit", "--quiet", "--message", "Test")

    def reproduce(self) -> list[str]:
        """Run the pipeline and return the stages that were run."""
        lines = self.run("dvc", "repro").stdout.splitlines()
        return [
            line.split("'")[1] for line in lines if line.startswith("Running stage")
        ]

    def read(self, name: str) -> str:
        """Return the text of a file."""
        return (self.folder / name).read_text("utf-8")


def copy_of_working_tree(folder: Path) -> Project:
    """Copy what Git tracks or would track, and commit it there."""
    copy_files(folder)
    project = Project(folder)
    project.run("git", "init", "--quiet", "--initial-branch", "main")
    project.run("git", "config", "user.name", "Test")
    project.run("git", "config", "user.email", "test@example.org")
    project.commit()
    share_raw_data(ROOT, folder)
    return project


@pytest.fixture(scope="session")
def cold(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, list[str]]:
    """Return a project that was reproduced from nothing, and the stages that ran."""
    project = copy_of_working_tree(tmp_path_factory.mktemp("cold"))
    return project, project.reproduce()


@pytest.fixture
def project(cold: tuple[Project, list[str]], tmp_path: Path) -> Iterator[Project]:
    """Return a reproduced project of the test's own."""
    folder = tmp_path / "project"
    copy_project(cold[0].folder, folder)
    yield Project(folder)
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def quick(
    cold: tuple[Project, list[str]], tmp_path_factory: pytest.TempPathFactory
) -> Project:
    """Return a committed project that is scored in a second, with remotes."""
    folder = tmp_path_factory.mktemp("quick")
    project = Project(folder / "ann")
    copy_project(cold[0].folder, project.folder)
    project.set("evaluate.replicates", 100)
    project.set("evaluate.importance_repeats", 1)
    project.set(TREES, 5)
    project.run("dvc", "remote", "add", "--default", "storage", str(folder / "cache"))
    project.reproduce()
    project.commit()
    hub = ["--bare", "--initial-branch", "main", str(folder / "hub.git")]
    project.run("git", "init", "--quiet", *hub)
    project.run("git", "remote", "add", "origin", str(folder / "hub.git"))
    project.run("git", "push", "--quiet", "--set-upstream", "origin", "main")
    project.run("dvc", "push", "--quiet")
    return project
