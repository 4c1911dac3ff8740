"""Tests of reproducible_ml.experiments.run."""

from reproducible_ml.experiments import run

from .conftest import PARAMS, Project

FAILED = PARAMS.replace("seed: 0", "seed: 13")


def fail(project: Project) -> None:
    """Do what a failed run does: other parameters, no metrics."""
    project.write("params.yaml", FAILED)
    (project.root / "reports/metrics.json").unlink()
    (project.root / "data/processed/test").unlink()


def test_failed_run_on_the_last_commit_is_undone(project: Project) -> None:
    taken = run.take_snapshot(project.root)
    fail(project)
    said = run.restore_snapshot(project.root, taken, FAILED)
    assert said == "params.yaml, results and data are as before."
    assert project.git("status", "--porcelain") == ""
    assert project.read("data/processed/test") == "a\n1\n"


def test_edits_that_are_not_committed_come_back(project: Project) -> None:
    edited = PARAMS.replace("''", "x")
    project.write("params.yaml", edited)
    project.write("reports/metrics.json", {"roc_auc": 0.5})
    taken = run.take_snapshot(project.root)
    fail(project)
    project.write("judge.py", "# edited while it ran\n")
    run.restore_snapshot(project.root, taken, FAILED)
    assert project.read("params.yaml") == edited
    assert project.read("reports/metrics.json") == '{"roc_auc": 0.5}'
    assert project.read("judge.py") == "# edited while it ran\n"


def test_parameters_that_were_edited_meanwhile_stay(project: Project) -> None:
    taken = run.take_snapshot(project.root)
    fail(project)
    project.write("params.yaml", "mine")
    said = run.restore_snapshot(project.root, taken, FAILED)
    assert "nothing was put back" in said
    assert project.read("params.yaml") == "mine"


def test_data_that_is_nowhere_is_no_obstacle(project: Project) -> None:
    taken = run.take_snapshot(project.root)
    fail(project)
    for file in (project.root / ".dvc/cache/files").rglob("*"):
        if file.is_file():
            file.chmod(0o644)
            file.unlink()
    assert "as before" in run.restore_snapshot(project.root, taken, FAILED)
    assert "metrics.json" in project.git("ls-files")
    assert (project.root / "reports/metrics.json").exists()
