"""A machine that GitHub gives, and what it does with a pull request."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from reproducible_ml.core.files import parse_params

from ..copies import clean_environment
from .conftest import run_step, steps_of

STEPS = [step for step in steps_of("reproduce") if "run" in step]


class Result(NamedTuple):
    """What a run of the workflow leaves."""

    failed: list[str]
    report: str
    summary: str
    output: str
    printed: str


class Event(NamedTuple):
    """What GitHub knows of the event that starts the workflow."""

    name: str = "pull_request"
    fork: bool = False


def is_run(step: dict[str, Any], event: Event, folder: Path, *, failed: bool) -> bool:
    """Evaluate the condition of a step; all that occur are listed here."""
    there = (folder / "reports" / "report.md").exists()
    values = {
        None: not failed,
        "${{ !cancelled() }}": True,
        "${{ !cancelled() && hashFiles('reports/report.md') != '' }}": there,
        "${{ env.OFFLINE == '' }}": not failed and not event.fork,
        "${{ github.event_name == 'push' }}": not failed and event.name == "push",
    }
    return values[step.get("if")]


class Runner:
    """A machine that GitHub gives: it clones a pull request and runs the steps."""

    def __init__(self, folder: Path) -> None:
        self.origin = folder / "origin"
        self.clone = folder / "clone"
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        self.origin.mkdir()
        self.git("init", "--quiet", "--initial-branch", "main")
        self.git("config", "user.name", "Test")
        self.git("config", "user.email", "test@example.org")

    def git(self, *arguments: str, cwd: Path | None = None) -> str:
        """Run Git where the pull requests are, or elsewhere."""
        command = ["git", *arguments]
        return subprocess.check_output(command, cwd=cwd or self.origin, text=True)

    def commit(self) -> None:
        """Commit all files."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "Test")

    def start(self) -> None:
        """Begin anew: a pull request to a main with one commit."""
        self.git("checkout", "--quiet", "--force", "main")
        self.git("checkout", "--quiet", "-B", "more-trees", "main")
        self.git("clean", "--quiet", "-dff")

    def set(self, key: str, value: Any) -> None:
        """Give a parameter another value."""
        path = self.origin / "params.yaml"
        params = section = parse_params(path.read_text("utf-8"))
        *sections, name = key.split(".")
        for parent in sections:
            section = section[parent]
        assert section[name] != value
        section[name] = value
        path.write_text(yaml.safe_dump(params), "utf-8")

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace text in a file; fail if it is not there."""
        path = self.origin / name
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new), "utf-8")

    def reproduce(self) -> None:
        """Run the pipeline where the pull request is written, as its author does."""
        here = Path(sys.executable).parent
        path = f"{here}{os.pathsep}{os.environ['PATH']}"
        code = [str(self.origin / "code"), str(self.origin / "toolkit/src")]
        variables = {"PATH": path, "PYTHONPATH": os.pathsep.join(code)}
        command = [str(here / "dvc"), "repro", "--quiet"]
        subprocess.run(command, cwd=self.origin, env=os.environ | variables, check=True)

    def checkout(self, *, merge: bool) -> None:
        """Do what actions/checkout does: HEAD is the merge of the pull request."""
        head = "more-trees" if merge else "main"
        if merge:
            self.git("checkout", "--quiet", "-B", "merged", "main")
            self.git("merge", "--quiet", "--no-ff", "-m", "Merge", "more-trees")
            head = "merged"
        fetch = ("fetch", "--quiet", "--depth", "2", f"file://{self.origin}", head)
        if not self.clone.exists():
            self.git("init", "--quiet", str(self.clone))
        self.git(*fetch, cwd=self.clone)
        # The environment stays, as it takes long: it is that of the same lock.
        self.git("checkout", "--quiet", "--force", "FETCH_HEAD", cwd=self.clone)
        keep = ("-e", ".venv", "-e", "*.egg-info")
        self.git("clean", "--quiet", "-dffx", *keep, cwd=self.clone)

    def run(self, event: Event | None = None) -> Result:
        """Run all steps that GitHub would run, and return the result."""
        event = event or Event()
        self.checkout(merge=event.name == "pull_request")
        summary, output = self.temporary / "summary.md", self.temporary / "output"
        for path in (summary, output):
            path.write_text("")
        failed: list[str] = []
        printed: list[str] = []
        for number, step in enumerate(STEPS):
            if is_run(step, event, self.clone, failed=bool(failed)):
                script = self.temporary / f"step-{number}.sh"
                done = run_step(step, self.clone, script, self.variables(event))
                printed.append(done.stdout)
                if done.returncode:
                    failed.append(step.get("name", step["run"]))
        report = self.clone / "reports" / "report.md"
        text = report.read_text("utf-8") if report.exists() else ""
        return Result(
            failed,
            report=text,
            summary=summary.read_text("utf-8"),
            output=output.read_text("utf-8"),
            printed="\n".join(printed),
        )

    def variables(self, event: Event) -> dict[str, str]:
        """Return what a runner sets."""
        kept = clean_environment()
        uv = self.temporary / "uv"
        if not uv.exists():
            uv.mkdir()
            (uv / "uv").symlink_to(Path(sys.executable).with_name("uv"))
        return kept | {
            "CI": "true",
            "GITHUB_EVENT_NAME": event.name,
            "GITHUB_OUTPUT": str(self.temporary / "output"),
            "GITHUB_REPOSITORY": "ada/churn",
            "GITHUB_STEP_SUMMARY": str(self.temporary / "summary.md"),
            "OFFLINE": "OFFLINE=1" if event.fork else "",
            "PATH": f"{uv}{os.pathsep}{kept['PATH']}",
        }
