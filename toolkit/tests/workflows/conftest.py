"""The workflows as GitHub reads them, and their steps as a runner runs them."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from ..copies import ROOT

WORKFLOWS = ROOT / ".github" / "workflows"

# How a runner starts the shells that steps name; without a name it is bash.
SHELLS = {
    "bash": ["bash", "--noprofile", "--norc", "-eo", "pipefail"],
    "python": [sys.executable],
}


def load(name: str) -> Any:
    """Return a workflow."""
    return yaml.safe_load((WORKFLOWS / f"{name}.yaml").read_text("utf-8"))


def steps_of(name: str) -> list[dict[str, Any]]:
    """Return the steps of a workflow that has one job."""
    [job] = load(name)["jobs"].values()
    steps: list[dict[str, Any]] = job["steps"]
    return steps


def run_step(
    step: Mapping[str, Any], cwd: Path, script: Path, variables: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run the lines of a step, verbatim, from a file as a runner does."""
    script.write_text(step["run"], "utf-8")
    return subprocess.run(
        [*SHELLS[step.get("shell", "bash")], str(script)],
        cwd=cwd,
        env=dict(variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
