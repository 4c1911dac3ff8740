"""Two branches with other parameters, merged as docs/experiments.md says."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from ..copies import copy_project
from .conftest import RATE, Project, needs_sample

# One worker of the tests runs all of them, as they share what takes long to make.
pytestmark = [
    needs_sample,
    pytest.mark.slow,
    pytest.mark.xdist_group("experiments"),
]


def change(project: Project, branch: str, values: dict[str, Any]) -> None:
    """Commit other parameters, with all that follows, on a branch from main."""
    project.run("git", "switch", "--quiet", "--create", branch, "main")
    project.run("dvc", "checkout", "--quiet")
    for key, value in values.items():
        project.set(key, value)
    project.reproduce()
    project.commit()


def settle(text: str, loser: str) -> str:
    """Return a text without the marks of a conflict, and without the line that lost."""
    marks = ("<<<<<<<", "=======", ">>>>>>>")
    lines = [line for line in text.splitlines() if not line.startswith(marks)]
    return "\n".join([*(line for line in lines if line.strip() != loser), ""])


@pytest.fixture(scope="module")
def merged(
    quick: Project, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Project, str]:
    """Return two branches merged as the documentation says, and what Git said."""
    project = Project(tmp_path_factory.mktemp("merged") / "ann")
    copy_project(quick.folder, project.folder)
    outliers = {"action": "drop", "tail": 0.01}
    change(project, "ann", {RATE: 0.2, "evaluate.replicates": 101})
    change(project, "bob", {"clean.outliers": outliers, "evaluate.replicates": 102})
    said = project.run("git", "merge", "ann", check=False).stdout
    project.run("git", "checkout", "--theirs", "dvc.lock", "reports")
    text = settle(project.read("params.yaml"), "replicates: 101")
    (project.folder / "params.yaml").write_text(text)
    project.reproduce()
    project.run("git", "add", "--update")
    project.run("git", "commit", "--quiet", "--no-edit")
    return project, said


def test_branches_conflict_in_what_is_computed_and_in_the_same_key(
    merged: tuple[Project, str],
) -> None:
    for name in ("dvc.lock", "params.yaml", "reports/metrics.json"):
        assert f"Merge conflict in {name}\n" in merged[1]


def test_merge_is_one_commit_with_both_changes(merged: tuple[Project, str]) -> None:
    project, _ = merged
    params = yaml.safe_load(project.read("params.yaml"))
    assert params["train"]["estimator"]["arguments"]["learning_rate"] == 0.2
    assert params["clean"]["outliers"]["action"] == "drop"
    assert params["evaluate"]["replicates"] == 102
    parents = project.run("git", "log", "-1", "--format=%P").stdout.split()
    tips = project.run("git", "rev-parse", "bob", "ann").stdout.split()
    assert [parents[1], len(parents)] == [tips[1], 2]
    assert project.run("git", "status", "--porcelain").stdout == ""
    assert "up to date" in project.run("dvc", "status").stdout


def test_merged_results_are_those_of_a_run_from_nothing(
    merged: tuple[Project, str], tmp_path: Path
) -> None:
    project, _ = merged
    copy = Project(tmp_path / "copy")
    address = [str(project.folder), str(copy.folder)]
    project.run("git", "clone", "--quiet", *address)
    copy.run("dvc", "repro", "--force", "--no-run-cache")
    locks = [yaml.safe_load(each.read("dvc.lock")) for each in (copy, project)]
    assert locks[0] == locks[1]
    assert copy.run("git", "status", "--porcelain", "reports").stdout == ""
