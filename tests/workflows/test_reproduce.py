"""Every step of reproduce.yaml, verbatim, on pull requests of all kinds."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from reproducible_ml.params import parse_params

from .conftest import ROOT, forget_remotes, run_step, steps_of

STEPS = [step for step in steps_of("reproduce") if "run" in step]

STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text("utf-8"))["stages"]
pytestmark = pytest.mark.skipif(
    "sample" not in STAGES, reason="the project is about a table of its own"
)

WEAK = {
    "path": "sklearn.ensemble.HistGradientBoostingClassifier",
    "arguments": {"max_iter": 1, "learning_rate": 0.01},
}


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
    """Work out the condition of a step; every condition that occurs is listed here."""
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

    def fill(self) -> None:
        """Write the files of the working tree and the data that belong to them."""
        listed = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        for name in filter(None, self.git(*listed, cwd=ROOT).split("\0")):
            if (ROOT / name).is_file():
                (self.origin / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, self.origin / name)
        forget_remotes(self.origin / ".dvc" / "config")

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
        variables = {"PATH": path, "PYTHONPATH": str(self.origin / "code")}
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
        """Run all steps that GitHub would run, and return what comes of it."""
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
        ours = ("MAKE", "MFLAGS", "PYTEST", "PYTHONPATH", "VIRTUAL_ENV", "GIT_")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
        bin_folder = str(ROOT / ".venv" / "bin")
        path = [p for p in kept["PATH"].split(os.pathsep) if p != bin_folder]
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
            "PATH": os.pathsep.join([str(uv), *path]),
        }


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Runner:
    runner = Runner(tmp_path_factory.mktemp("runner"))
    runner.fill()
    runner.commit()
    return runner


@pytest.fixture
def runner(machine: Runner) -> Runner:
    machine.start()
    return machine


def row(report: str, name: str) -> str:
    """Return the line of the first table of the report that has one of this name."""
    lines = re.findall(rf"^\| `{re.escape(name)}`(?: [↑↓])? \|.*", report, flags=re.M)
    return str(lines[0])


def add_remote(runner: Runner, url: str) -> None:
    """Let the project store data and models somewhere."""
    remote = f"['remote \"storage\"']\n    url = {url}\n"
    core = "[core]\n    remote = storage\n"
    runner.edit(".dvc/config", "[core]\n", remote + core)
    runner.commit()


def set_weak_model(runner: Runner) -> None:
    """Let the project have a model that learns little."""
    runner.set("train.estimator", WEAK)
    runner.set("gate.metric", "log_loss")
    runner.reproduce()
    runner.commit()


def test_change_that_harms_is_reported_and_refused(runner: Runner) -> None:
    set_weak_model(runner)
    result = runner.run()
    assert result.failed == ["report"], result.printed
    assert "Reproduced, bit for bit." in result.report
    assert "Gate failed: `log_loss`" in result.report
    assert row(result.report, "log_loss").endswith("worse |")
    assert "max_iter" in result.report
    assert "xychart-beta" in result.report
    assert result.summary == result.report
    assert result.output == ""
    assert (runner.clone / "plots" / "index.html").exists()


def test_change_that_improves_passes(runner: Runner) -> None:
    better = (runner.origin / "params.yaml").read_text("utf-8")
    set_weak_model(runner)
    runner.git("branch", "--force", "main", "more-trees")
    try:
        runner.start()
        (runner.origin / "params.yaml").write_text(better, "utf-8")
        runner.reproduce()
        runner.commit()
        result = runner.run()
    finally:
        runner.git("checkout", "--quiet", "--force", "more-trees")
        runner.git("branch", "--force", "main", "main~1")
    assert result.failed == [], result.printed
    assert "Gate passed" in result.report
    assert row(result.report, "log_loss").endswith("better |")


def test_other_data_are_told(runner: Runner) -> None:
    runner.edit(
        "code/reproducible_ml/datasets/sample.py",
        "rows = breast_cancer()",
        "rows = breast_cancer().iloc[:500]",
    )
    runner.reproduce()
    runner.commit()
    result = runner.run()
    assert "Reproduced, bit for bit." in result.report, result.printed
    assert "The test set changed" in result.report
    assert row(result.report, "data/processed/train")


def test_stale_lock_is_refused_with_the_command_that_mends_it(runner: Runner) -> None:
    runner.set("train.seed", 4711)
    runner.set("evaluate.threshold", 0.4)
    runner.commit()
    result = runner.run()
    assert result.failed == ["report"], result.printed
    assert "Not reproduced" in result.report
    assert "`evaluate`" in result.report
    assert "make repro" in result.report


def test_broken_stage_has_a_report_as_well(runner: Runner) -> None:
    runner.edit(
        "code/reproducible_ml/datasets/clean.py",
        "def main(",
        "BROKEN = 1 / 0\n\n\ndef main(",
    )
    runner.commit()
    result = runner.run()
    assert result.failed[0] == "make repro"
    assert "report" in result.failed
    assert "Not reproduced" in result.report
    assert "clean" in result.report
    assert result.summary == result.report


def test_fork_without_login_asks_no_remote(runner: Runner) -> None:
    add_remote(runner, "/nowhere/dvc")
    result = runner.run(Event(fork=True))
    assert result.failed == [], result.printed
    assert "Gate passed" in result.report
    assert "remote" in result.report


def test_very_first_pull_request_has_nothing_to_compare_with(runner: Runner) -> None:
    old = runner.git("rev-parse", "main").strip()
    empty = runner.git("hash-object", "-t", "tree", "/dev/null").strip()
    root = runner.git("commit-tree", empty, "-m", "Nothing yet").strip()
    tree = runner.git("rev-parse", "main^{tree}").strip()
    first = runner.git("commit-tree", tree, "-p", root, "-m", "Test").strip()
    try:
        runner.git("checkout", "--quiet", "--detach", first)
        runner.git("branch", "--force", "more-trees", first)
        runner.git("branch", "--force", "main", root)
        result = runner.run()
    finally:
        runner.git("checkout", "--quiet", "--force", "--detach", old)
        runner.git("branch", "--force", "main", old)
    assert result.failed == [], result.printed
    assert "Reproduced, bit for bit." in result.report
    assert re.search("first|nothing to compare", result.report)


def test_commit_on_main_is_pushed_to_the_remote(runner: Runner, tmp_path: Path) -> None:
    old = runner.git("rev-parse", "main").strip()
    runner.git("checkout", "--quiet", "main")
    add_remote(runner, f"{tmp_path}/dvc")
    try:
        result = runner.run(Event(name="push"))
    finally:
        runner.git("checkout", "--quiet", "--force", "--detach", old)
        runner.git("branch", "--force", "main", old)
    assert result.failed == [], result.printed
    assert "Gate passed" in result.report
    assert list((tmp_path / "dvc" / "files" / "md5").iterdir())
    # Then GitHub's cache, which forks can read, is not used.
    assert result.output == "used=true\n"


def test_no_condition_of_a_step_is_unknown(runner: Runner) -> None:
    for step in STEPS:
        is_run(step, Event(), runner.clone, failed=False)
    assert {"make setup", "make repro"} < {step["run"] for step in STEPS}
