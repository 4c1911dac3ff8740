"""Every step of release.yaml, verbatim, after a stage was pushed to a bare repository.

There is no GitHub and no Docker here: `gh` and `docker` are scripts that note what they
were asked, and what they were given.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from ..copies import ROOT, clean_environment, copy_files, flip
from .conftest import load, run_step

STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text("utf-8"))["stages"]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        "sample" not in STAGES, reason="the project is about a table of its own"
    ),
]

JOBS = load("release")["jobs"]

# Notes its arguments; with `release view` it says that there is none.
PROGRAM = """\
#!/bin/sh
echo "$(basename "$0") $*" >> "$CALLS"
test "$1 $2" != "release view"
"""


class Release:
    """A project whose model is in a stage, and a machine that GitHub gives."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.work, self.bare, self.clone = (
            folder / name for name in ("work", "bare", "clone")
        )
        self.calls, self.output = folder / "calls", folder / "output"
        self.programs = folder / "programs"
        self.programs.mkdir()
        for name in ("docker", "gh"):
            (self.programs / name).write_text(PROGRAM)
            (self.programs / name).chmod(0o755)
        (self.programs / "uv").symlink_to(Path(sys.executable).with_name("uv"))
        self.printed = ""

    def run(self, *command: str, cwd: Path | None = None) -> str:
        """Run a command where the model is registered, or elsewhere."""
        here = Path(sys.executable).parent
        path = f"{here}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            command,
            cwd=cwd or self.work,
            env=os.environ | {"PATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def promote(self) -> None:
        """Train, push, register and promote, as a person does."""
        self.work.mkdir()
        copy_files(self.work)
        self.run("git", "init", "--quiet", "--bare", str(self.bare))
        self.run("git", "init", "--quiet", "--initial-branch", "main")
        for key, value in {"name": "Test", "email": "test@example.org"}.items():
            self.run("git", "config", f"user.{key}", value)
        storage = str(self.folder / "storage")
        self.run("dvc", "remote", "add", "--default", "storage", storage)
        commit = ("git", "commit", "--quiet", "--allow-empty", "--message", "Test")
        self.run("git", "add", "--all")
        self.run(*commit)
        self.run("rml", "repro")
        # Pages of docs/governance/ say where data are stored.
        self.run("git", "add", "--all")
        self.run(*commit)
        self.run("git", "remote", "add", "origin", str(self.bare))
        self.run("git", "push", "--quiet", "origin", "main")
        self.run("dvc", "push")
        self.run("rml", "register", "--push")
        self.run("rml", "promote", "latest", "prod", "--push")

    def checkout(self, tag: str) -> None:
        """Do what actions/checkout does with fetch-depth: 0."""
        self.run("git", "clone", "--quiet", f"file://{self.bare}", str(self.clone))
        self.run("git", "checkout", "--quiet", tag, cwd=self.clone)

    def job(self, name: str) -> str | None:
        """Run the steps of a job; return the one that failed, None if none did."""
        for number, step in enumerate(JOBS[name]["steps"]):
            script = self.folder / f"{name}-{number}.sh"
            if "run" in step:
                variables = self.variables(JOBS[name]) | self.variables(step)
                done = run_step(step, self.clone, script, variables)
                self.printed += done.stdout
                if done.returncode:
                    return str(step["run"])
            elif "/upload-artifact@" in step["uses"]:
                self.upload(step["with"]["path"].split())
        return None

    def upload(self, paths: list[str]) -> None:
        """Do what the actions for artifacts do: the next jobs have them in release/."""
        for name in paths:
            source, target = self.clone / name, self.clone / "release" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            copy = shutil.copytree if source.is_dir() else shutil.copy2
            copy(source, target)

    def variables(self, part: dict[str, Any]) -> dict[str, str]:
        """Return what a runner sets; all expressions that occur are listed here."""
        text = self.output.read_text() if self.output.exists() else ""
        values = {
            "github.token": "secret",
            "github.repository": "Ada/Churn",
            "needs.build.outputs.version": text.strip().removeprefix("version="),
        }
        kept = clean_environment()
        given = {
            key: re.sub(r"\$\{\{ (.*?) \}\}", lambda found: values[found[1]], value)
            for key, value in part.get("env", {}).items()
        }
        return kept | {
            "CALLS": str(self.calls),
            "CI": "true",
            "GITHUB_ACTOR": "ada",
            "GITHUB_OUTPUT": str(self.output),
            "PATH": f"{self.programs}{os.pathsep}{kept['PATH']}",
            **given,
        }


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """A machine on which the first job succeeded."""
    made = Release(tmp_path_factory.mktemp("release"))
    made.promote()
    made.checkout("model#prod#1")
    assert made.job("build") is None, made.printed
    return made


def test_stage_becomes_an_image_and_a_release(release: Release) -> None:
    assert release.output.read_text() == "version=model@v1.0.0\n"
    assert "Reproduced, bit for bit." in release.printed
    assert release.job("image") is None, release.printed
    assert release.job("release") is None, release.printed
    build, login, push, view, create = release.calls.read_text().splitlines()
    image = "ghcr.io/ada/churn:v1.0.0"
    assert build.endswith(f"--target model --tag {image} release/dist")
    assert login == "docker login ghcr.io --username ada --password-stdin"
    assert push == f"docker push {image}"
    assert view == "gh release view model@v1.0.0"
    assert create.startswith("gh release create model@v1.0.0 --verify-tag ")
    files = [word for word in create.split() if word.startswith("release/")]
    assert len([name for name in files if name.endswith(".whl")]) == 2
    assert "release/reports/model_card.md" in files
    for name in files:
        assert (release.clone / name).is_file()
    assert "secret" not in release.printed


def test_damaged_storage_stops_the_release(release: Release) -> None:
    lock = yaml.safe_load((release.clone / "dvc.lock").read_text())
    [digest] = [
        out["md5"]
        for out in lock["stages"]["train"]["outs"]
        if out["path"] == "models/model.skops"
    ]
    stored = release.folder / "storage/files/md5" / digest[:2] / digest[2:]
    content = stored.read_bytes()
    flip(stored)
    # As in a new clone.
    shutil.rmtree(release.clone / ".dvc/cache")
    shutil.rmtree(release.clone / ".dvc/tmp")
    (release.clone / "models/model.skops").unlink()
    release.printed = ""
    failed = release.job("build")
    stored.write_bytes(content)
    # DVC believes the storage; the stages do not.
    assert failed == "make repro", release.printed
    assert "models/model.skops" in release.printed


def test_commit_without_a_version_stops_the_release(release: Release) -> None:
    release.run("git", "checkout", "--quiet", "--detach", cwd=release.clone)
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
    commit = ("commit", "--quiet", "--allow-empty", "--message", "Next")
    release.run("git", *identity, *commit, cwd=release.clone)
    failed = release.job("build")
    assert failed is not None
    assert failed.startswith("version=$(.venv/bin/rml models --here)")
    assert "is no registered version. Fix: rml register" in release.printed
