"""`rml exp`: runs, what they change, and how failed ones are undone."""

import os
import signal
import subprocess

import pytest

from reproducible_ml.core.errors import UserError
from reproducible_ml.experiments.run import (
    describe_changes,
    experiment,
    restore_snapshot,
    run,
    take_snapshot,
    what_next,
)
from reproducible_ml.versioning.git import find_experiments, killed_run

from .conftest import PARAMS, Project, add_experiment

FAILED = PARAMS.replace("seed: 0", "seed: 13")


def is_clean(project: Project) -> bool:
    """Return whether the folder is that of the last commit, on its branch."""
    branch = project.git("branch", "--show-current")
    return (project.git("status", "--porcelain"), branch) == ("", "main\n")


@pytest.mark.integration
def test_run_makes_an_experiment_and_prints_what_it_changes(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    experiment(project.project, ["train.seed=2 split.salt=b"], "two")
    printed = capsys.readouterr().out
    assert "train.seed" in printed
    assert "roc_auc went from 0.9000 to 0.8800" in printed
    assert "Experiment: two. Its results are in the working tree." in printed
    assert "rml branch two" in printed
    commit = find_experiments(project.root)["two"]
    assert "seed: 2" in project.git("show", f"{commit}:params.yaml")


@pytest.mark.slow
def test_run_that_changes_nothing_says_so(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    experiment(project.project, [], None)
    printed = capsys.readouterr().out
    assert "Nothing changed" in printed
    assert "the same as HEAD. To remove it: dvc exp remove " in printed


@pytest.mark.slow
def test_killed_run_is_an_error_with_the_way_back(project: Project) -> None:
    running = project.start("dvc", "exp", "run", "--set-param=train.seed=14")
    assert running.stdout is not None
    while "scoring" not in running.stdout.readline():
        assert running.poll() is None
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    running.stdout.close()
    assert project.git("branch", "--show-current") == ""
    with pytest.raises(UserError, match="an experiment was killed") as caught:
        run(project.project, ["train.seed=1"], None)
    back = str(caught.value).splitlines()[0].rpartition("Fix: ")[2]
    back = back.removesuffix(" && rml repro").replace(
        " reports", " reports/metrics.json"
    )
    subprocess.run(back, shell=True, cwd=project.root, check=True)
    assert is_clean(project)
    assert killed_run(project.root) is None


@pytest.mark.integration
def test_failed_run_is_undone(project: Project) -> None:
    with pytest.raises(UserError, match=r"params\.yaml, results and data are restored"):
        experiment(project.project, ["train.seed=13"], None)
    assert is_clean(project)


@pytest.mark.integration
def test_ctrl_c_is_undone(project: Project) -> None:
    started = project.start("reproducible_ml.cli", "exp", "-S", "train.seed=14")
    assert started.stdout
    for line in started.stdout:
        if "scoring 14" in line:
            os.killpg(started.pid, signal.SIGINT)
    assert started.wait() == 130
    started.stdout.close()
    assert is_clean(project)


@pytest.mark.integration
@pytest.mark.parametrize(
    ("settings", "name", "said"),
    [
        ("train.seed=-1", None, "params.yaml: train.seed: "),
        ("", "taken", "--name taken: there is such an experiment"),
        ("", "a/b", "--name a/b: is not valid"),
    ],
)
def test_mistakes_are_errors_before_anything_runs(
    project: Project, settings: str, name: str | None, said: str
) -> None:
    head = project.git("rev-parse", "HEAD").strip()
    add_experiment(project, "taken", head, head)
    with pytest.raises(UserError, match=said):
        experiment(project.project, [settings], name)


@pytest.mark.slow
def test_file_that_the_experiment_would_lose_is_an_error(project: Project) -> None:
    project.write("new.py", "")
    with pytest.raises(UserError, match=r"^new\.py: is not in Git.*gitignore$"):
        run(project.project, [], None)


@pytest.mark.slow
def test_equal_experiments_are_named(project: Project) -> None:
    head = project.git("rev-parse", "HEAD").strip()
    project.write("raw.csv", "other")
    tried = project.commit()
    project.git("reset", "--quiet", "--hard", head)
    for name in ("one", "two"):
        add_experiment(project, name, head, tried)
    assert "They equal those of one." in what_next(project.root, "two")
    assert what_next(project.root, None) == "All experiments: rml exps\n"


def changes(project: Project) -> str:
    base = project.git("rev-parse", "HEAD").strip()
    return "\n\n".join(describe_changes(project.project, base))


@pytest.mark.slow
def test_parameter_that_no_stage_reads_changes_no_result(project: Project) -> None:
    project.write("params.yaml", f"{PARAMS}clean: {{missing: drop}}\n")
    text = changes(project)
    assert text.startswith("Compared with `")
    assert '| `clean.missing` | - | `"drop"` |' in text
    assert text.endswith("**No result changed**: no stage reads these parameters.")


@pytest.mark.slow
def test_changes_are_those_of_the_report(project: Project) -> None:
    project.write("params.yaml", PARAMS.replace("seed: 0", "seed: 5"))
    project.dvc("repro", "--quiet")
    text = changes(project)
    assert "| `train.seed` | `0` | `5` |" in text
    assert "| `evaluate` | `train.seed` | `reports/metrics.json` |" in text
    row = "| `roc_auc` ↑ | 0.9000 | 0.8500 | -0.0500 | - | worse, noise unknown |"
    assert row in text
    assert "`roc_auc` went from 0.9000 to 0.8500, worse, noise unknown." in text
    assert "would fail in a pull request:**\n\n- `roc_auc` against" in text


def fail(project: Project) -> None:
    """Do what a failed run does: other parameters, no metrics."""
    project.write("params.yaml", FAILED)
    (project.root / "reports/metrics.json").unlink()
    (project.root / "data/processed/test").unlink()


@pytest.mark.slow
def test_failed_run_on_the_last_commit_is_undone(project: Project) -> None:
    taken = take_snapshot(project.root)
    fail(project)
    said = restore_snapshot(project.root, taken, FAILED)
    assert said == "params.yaml, results and data are restored."
    assert project.git("status", "--porcelain") == ""
    assert project.read("data/processed/test") == "a\n1\n"


@pytest.mark.slow
def test_edits_that_are_not_committed_come_back(project: Project) -> None:
    edited = PARAMS.replace("''", "x")
    project.write("params.yaml", edited)
    project.write("reports/metrics.json", {"roc_auc": 0.5})
    taken = take_snapshot(project.root)
    fail(project)
    project.write("score.py", "# edited while it ran\n")
    restore_snapshot(project.root, taken, FAILED)
    assert project.read("params.yaml") == edited
    assert project.read("reports/metrics.json") == '{"roc_auc": 0.5}'
    assert project.read("score.py") == "# edited while it ran\n"


@pytest.mark.slow
def test_parameters_that_were_edited_meanwhile_stay(project: Project) -> None:
    taken = take_snapshot(project.root)
    fail(project)
    project.write("params.yaml", "mine")
    said = restore_snapshot(project.root, taken, FAILED)
    assert "nothing was restored" in said
    assert project.read("params.yaml") == "mine"


@pytest.mark.slow
def test_data_that_is_nowhere_is_no_obstacle(project: Project) -> None:
    taken = take_snapshot(project.root)
    fail(project)
    for file in (project.root / ".dvc/cache/files").rglob("*"):
        if file.is_file():
            file.chmod(0o644)
            file.unlink()
    assert "are restored" in restore_snapshot(project.root, taken, FAILED)
    assert "metrics.json" in project.git("ls-files")
    assert (project.root / "reports/metrics.json").exists()
