"""A small project under Git and DVC with a remote, and how tests break it."""

import os
import shutil
import sys
import warnings
from pathlib import Path

import pytest
import yaml
from dvc.cli import main
from dvc.repo import Repo

from reproducible_ml.core.project import Project
from reproducible_ml.doctor.doctor import CHECKS, Result, run_checks

from ..report.conftest import Repository

WRITE = """\
import json, pathlib, sys
text = pathlib.Path("data/raw/a").read_text() + pathlib.Path("data/raw/t/x").read_text()
folder = pathlib.Path("data/interim/b")
folder.mkdir(parents=True, exist_ok=True)
for name in range(3):
    (folder / str(name)).write_text(f"{name} {text}")
pathlib.Path("reports").mkdir(exist_ok=True)
pathlib.Path("reports/metrics.json").write_text(json.dumps({"rows": len(text)}) + "\\n")
"""

# As the packages of projects: the code around the current folder comes first.
PACKAGE = """\
from pathlib import Path
__path__.insert(0, str(Path.cwd() / "code" / __name__))
"""

PIPELINE = {
    "stages": {
        "write": {
            "cmd": "python code/small/write.py",
            "deps": ["code/small/write.py", "data/raw/a", "data/raw/t"],
            "outs": ["data/interim/b"],
            "metrics": [{"reports/metrics.json": {"cache": False}}],
        }
    }
}


class Patient(Repository):
    """A project, and what `rml doctor` says of it."""

    def check(self, *names: str, fix: bool = False, remote: bool = False) -> Result:
        """Run the checks, by default all; return the result of the last one."""
        checks = {name: CHECKS[name] for name in names or CHECKS}
        return [*run_checks(Project(self.root), checks, fix=fix, remote=remote)][-1]

    def all(self, *, fix: bool = False) -> dict[str, Result]:
        """Run all checks; return the results that are no "OK"."""
        found = run_checks(Project(self.root), CHECKS, fix=fix, remote=True)
        return {one.name: one for one in found if one.problems or one.done}

    def dvc(self, *arguments: str) -> None:
        """Run a DVC command, in this process: that takes less time."""
        with warnings.catch_warnings(action="ignore"):
            assert main([*arguments, "--quiet"]) == 0

    def object(self, name: str, cache: str = ".dvc/cache") -> Path:
        """Return the object of a recorded output, or of a file in one, by its path."""
        path = self.root / name
        with Repo(str(self.root)) as repo:
            hashes = {Path(o.fs_path): o.hash_info.value for o in repo.index.outs}
            digest = hashes.get(path)
            if digest is None:
                stored = repo.cache.local.oid_to_path(hashes[path.parent])
                listing = yaml.safe_load(Path(stored).read_text())
                digest = next(e["md5"] for e in listing if e["relpath"] == path.name)
        return self.root / cache / "files/md5" / str(digest)[:2] / str(digest)[2:]

    def look(self) -> None:
        """Let DVC note the dates of all files, as every command does."""
        with Repo(str(self.root)) as repo:
            repo.status()


@pytest.fixture(scope="session")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project as it was committed and pushed."""
    root = tmp_path_factory.mktemp("healthy") / "project"
    root.mkdir()
    project = Patient(root)
    project.write("code/small/__init__.py", PACKAGE)
    project.write("code/small/write.py", WRITE)
    project.write("pyproject.toml", '[tool.reproducible_ml]\npackage = "small"\n')
    project.write("params.yaml", {"seed": 0})
    project.write("data/schema.yaml", {"columns": {}})
    project.write("dvc.yaml", PIPELINE)
    project.write(
        ".gitignore", "/data/raw/?*\n!/data/raw/*.dvc\n/data/interim/*\n.*.tmp\n"
    )
    project.write("data/raw/a", "1,2\n")
    project.write("data/raw/t/x", "3,4\n")
    project.write("data/raw/t/y", "5,6\n")
    environment = os.pathsep.join(
        [str(Path(sys.executable).parent), os.environ["PATH"]]
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", environment)
        patch.chdir(root)
        for command in (
            ["init"],
            ["add", "data/raw/a", "data/raw/t"],
            ["repro"],
            ["remote", "add", "--default", "store", "../store"],
            ["remote", "modify", "store", "verify", "true"],
            ["push"],
        ):
            project.dvc(*command)
    project.commit("Complete")
    return root


@pytest.fixture
def patient(healthy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Patient:
    """The project and its remote for one test."""
    shutil.copytree(healthy.parent, tmp_path / "copy", symlinks=True)
    root = tmp_path / "copy/project"
    monkeypatch.chdir(root)
    monkeypatch.setenv("PYTHONPATH", str(root / "code"))
    bin_folder = str(Path(sys.executable).parent)
    monkeypatch.setenv("PATH", os.pathsep.join([bin_folder, os.environ["PATH"]]))
    return Patient(root)
