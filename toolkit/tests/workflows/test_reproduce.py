"""Every step of reproduce.yaml, verbatim, on pull requests of all kinds."""

import re
from pathlib import Path

import pytest
import yaml

from ..copies import ROOT, copy_files
from .runner import STEPS, Event, Runner, is_run

STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text("utf-8"))["stages"]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.slow,
    pytest.mark.skipif(
        "sample" not in STAGES, reason="the project is about a table of its own"
    ),
]

WEAK = {
    "path": "sklearn.ensemble.HistGradientBoostingClassifier",
    "arguments": {"max_iter": 1, "learning_rate": 0.01},
}


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Runner:
    runner = Runner(tmp_path_factory.mktemp("runner"))
    copy_files(runner.origin)
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


def test_harmful_change_is_reported_and_fails(runner: Runner) -> None:
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


def test_better_change_passes(runner: Runner) -> None:
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


@pytest.mark.slow
def test_other_data_are_reported(runner: Runner) -> None:
    runner.edit(
        "code/tumour_diagnosis/datasets/sample.py",
        "rows = breast_cancer()",
        "rows = breast_cancer().iloc[:500]",
    )
    runner.reproduce()
    runner.commit()
    result = runner.run()
    assert "Reproduced, bit for bit." in result.report, result.printed
    assert "The test set changed" in result.report
    assert row(result.report, "data/processed/train")


@pytest.mark.slow
def test_outdated_lock_fails_with_the_command_that_fixes_it(runner: Runner) -> None:
    runner.set("train.seed", 4711)
    runner.set("evaluate.seed", 4)
    runner.commit()
    result = runner.run()
    assert result.failed == ["report"], result.printed
    assert "Not reproduced" in result.report
    assert "`evaluate`" in result.report
    assert "make repro" in result.report


def test_failed_stage_has_a_report_as_well(runner: Runner) -> None:
    runner.edit(
        "code/tumour_diagnosis/datasets/clean.py",
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


def test_fork_without_credentials_contacts_no_remote(runner: Runner) -> None:
    add_remote(runner, "/nowhere/dvc")
    result = runner.run(Event(fork=True))
    assert result.failed == [], result.printed
    assert "Gate passed" in result.report
    assert "remote" in result.report


@pytest.mark.slow
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
    assert "The base has no metrics to compare with." in result.report


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
