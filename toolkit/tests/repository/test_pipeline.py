"""The pipeline as users run it: real dvc, real Git, in a copy of the project."""

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from reproducible_ml.core.parts import count_rows, read_table

from .conftest import PIPELINE, RML, STAGES, Project, copy_of_working_tree, needs_sample

pytestmark = pytest.mark.integration

# Whatever may change in these, no result depends on it.
TOOLS = (
    "report/report",
    "experiments/run",
    "tracking/track",
    "cli",
    "reproduce",
    "verify/rebuild",
)


def test_cold_run_rebuilds_what_is_committed(cold: tuple[Project, list[str]]) -> None:
    project, stages = cold
    # The reports are in Git: when all they are made of came back, they are up to date.
    assert stages == STAGES[: STAGES.index("evaluate")]
    changed = project.run("git", "status", "--porcelain").stdout
    assert not changed, f"run `make repro` and commit the results:\n{changed}"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("reports/model_card.md", "card: reports/model_card.md is modified"),
        ("docs/model_card.yaml", "card: docs/model_card.yaml is modified"),
    ],
)
def test_card_that_is_not_what_the_stage_writes_fails_the_check(
    name: str, reason: str, tmp_path: Path
) -> None:
    # A clone without data, as in CI.
    project = copy_of_working_tree(tmp_path)
    check = (*RML, "check-lock")
    assert "up to date" in project.run(*check).stdout
    path = tmp_path / name
    path.write_text(path.read_text("utf-8").replace("clinical", "any"), "utf-8")
    project.commit()
    done = project.run(*check, check=False)
    assert done.returncode == 1
    assert reason in done.stdout


def test_second_run_does_nothing(project: Project) -> None:
    assert project.reproduce() == []
    assert "up to date" in project.run("dvc", "status").stdout


@pytest.mark.parametrize(
    ("key", "value", "first"),
    [
        ("compute.n_jobs", 1, None),
        ("compute.backend", "loky", None),
        ("evaluate.replicates", 101, "evaluate"),
        ("train.seed", 4711, "train"),
        ("split.salt", "x", "clean"),
    ],
)
def test_parameter_reruns_what_depends_on_it(
    project: Project, key: str, value: Any, first: str | None
) -> None:
    project.set(key, value)
    assert project.reproduce() == (STAGES[STAGES.index(first) :] if first else [])


@needs_sample
def test_stage_whose_result_stays_the_same_is_the_last_to_run(
    project: Project,
) -> None:
    project.set("clean.duplicates", "keep")
    assert project.reproduce() == ["clean"]


@needs_sample
@pytest.mark.slow
def test_more_rows_keep_the_others_on_their_side(project: Project) -> None:
    sides = {
        side: project.folder / "data/processed" / side for side in ("train", "test")
    }
    before = {side: set(read_table(table).index) for side, table in sides.items()}
    project.edit(
        "code/tumour_diagnosis/datasets/sample.py",
        "rows = breast_cancer()",
        "rows = breast_cancer().iloc[::-1].iloc[:400]",
    )
    assert project.reproduce() == STAGES
    after = {side: set(read_table(table).index) for side, table in sides.items()}
    assert sum(map(len, after.values())) == 400
    assert all(after[side] < before[side] for side in sides)


@pytest.mark.slow
def test_parts_do_not_change_model_or_metrics(project: Project) -> None:
    names = ["models/model.skops", "reports/metrics.json", "reports/bootstrap.json"]
    before = [(project.folder / name).read_bytes() for name in names]
    parts = project.folder / "data/interim/validated"
    rows = count_rows(parts)
    files = len(list(parts.iterdir()))
    project.set("compute.rows_per_part", -(-rows // (5 * files)))
    assert project.reproduce() == STAGES[STAGES.index("validate") :]
    assert len(list(parts.iterdir())) > files
    assert [(project.folder / name).read_bytes() for name in names] == before


def test_killed_stage_leaves_nothing_half_written(project: Project) -> None:
    params, lock = project.read("params.yaml"), project.read("dvc.lock")
    regression = project.params()["data"]["task"] == "regression"
    name = "Regressor" if regression else "Classifier"
    slow = {
        "path": f"sklearn.ensemble.HistGradientBoosting{name}",
        "arguments": {"max_iter": 100_000, "early_stopping": False},
    }
    project.set("train.estimator", slow)
    started = project.start("dvc", "repro", "--quiet")
    assert started.stdout
    for line in started.stdout:
        if "Fitting" in line:
            break
    time.sleep(0.5)
    os.killpg(started.pid, signal.SIGKILL)
    assert started.wait() == -signal.SIGKILL
    started.stdout.close()
    assert not list((project.folder / "models").glob("*.skops"))
    (project.folder / "params.yaml").write_text(params)
    project.reproduce()
    assert project.read("dvc.lock") == lock


def test_mistake_in_params_is_an_error_of_one_line(project: Project) -> None:
    project.set("clean.outliers", {"tail": 0.9})
    done = project.run("dvc", "repro", check=False)
    assert done.returncode != 0
    errors = [line for line in done.stdout.splitlines() if line.startswith("error:")]
    assert len(errors) == 1
    assert "clean.outliers.tail" in errors[0]
    assert "0.9" in errors[0]
    assert "Traceback" not in done.stdout


def test_pointer_instead_of_data_is_an_error(project: Project) -> None:
    outputs = Path(project.folder / "data/interim/validated")
    before = sorted(path.name for path in outputs.iterdir())
    raw = project.folder / "data/raw/pointer.csv"
    raw.write_text("outs:\n- md5: 0123\n")
    done = project.run(
        *["python", "-m", "tumour_diagnosis.datasets.validate", str(raw)],
        *["data/schema.yaml", str(outputs)],
        *["reports/validation.json", "reports/profile.json"],
        check=False,
    )
    assert done.returncode == 1
    assert "is a DVC pointer, not data: run `dvc pull`" in done.stdout
    assert sorted(path.name for path in outputs.iterdir()) == before


@pytest.mark.slow
def test_experiment_changes_one_line_of_params(project: Project) -> None:
    project.run("dvc", "exp", "run", "--set-param", "evaluate.replicates=101")
    changed = project.run("git", "diff", "HEAD", "--numstat", "params.yaml").stdout
    assert changed.split()[:2] == ["1", "1"]


def outputs_of(project: Project, *command: str) -> str:
    """Return what a command prints, without an error or a warning."""
    done = subprocess.run(
        command,
        cwd=project.folder,
        env=project.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout


# Reports in Git are declared as plots, for the run cache, but are not to be shown.
def test_only_the_plots_and_metrics_of_the_project_are_shown(project: Project) -> None:
    shown = json.loads(outputs_of(project, "dvc", "plots", "show", "--json"))
    plots = {name for plot in PIPELINE["plots"] for name in plot}
    assert plots <= shown["data"].keys()
    for name in shown["data"].keys() - plots:
        assert all("mark" not in json.dumps(plot) for plot in shown["data"][name])
    metrics = json.loads(outputs_of(project, "dvc", "metrics", "show", "--json"))
    names = project.params()["evaluate"]["metrics"]
    assert metrics[""]["data"].keys() == {"reports/metrics.json"}
    assert metrics[""]["data"]["reports/metrics.json"]["data"].keys() == {*names}


@needs_sample
def test_going_back_runs_no_stage_but_the_card(project: Project) -> None:
    """Results of an earlier setting or branch come from the run cache."""
    # In a new clone DVC skips `evaluate`, as its reports are in Git, and so its results
    # are not in the run cache yet.
    project.run("dvc", "repro", "--single-item", "--force", "evaluate")
    before = project.read("dvc.lock")
    commit = ["git", "commit", "--quiet", "--all", "--allow-empty", "-m", "Reproduced"]
    project.run(*commit)
    project.run("git", "switch", "--quiet", "--create", "other")
    values = {"train.threshold": 0.6, "split.test_size": 0.3}
    old = {key: project.get(key) for key in values}
    for key, value in values.items():
        project.set(key, value)
    assert project.reproduce() == STAGES[STAGES.index("clean") :]
    project.commit()
    project.run("git", "checkout", "--quiet", "main", "--", "params.yaml")
    assert {key: project.get(key) for key in values} == old
    printed = project.run("dvc", "repro").stdout
    # DVC keeps no model card: it is text that DVC can neither plot nor read as metrics.
    assert re.findall("Running stage '(.*)'", printed) == ["card"]
    assert printed.count("is cached - skipping run") == 4
    assert project.read("dvc.lock") == before
    assert project.run("git", "diff", "main").stdout == ""
    project.run("git", "reset", "--quiet", "--hard")
    for branch in ("main", "other"):
        project.run("git", "switch", "--quiet", branch)
        assert project.reproduce() == []
        assert project.run("git", "status", "--porcelain").stdout == ""


def test_edited_tools_run_no_stage(project: Project) -> None:
    for name in TOOLS:
        path = project.folder / f"toolkit/src/reproducible_ml/{name}.py"
        path.write_text(f"{path.read_text('utf-8')}\n# Edited\n", "utf-8")
    drawing = project.folder / "toolkit/src/reproducible_ml/modeling/drawing"
    for path in drawing.glob("*.py"):
        path.write_text(f"{path.read_text('utf-8')}\n# Edited\n", "utf-8")
    assert project.run("dvc", "status").stdout.strip().endswith("up to date.")


def test_every_output_is_ignored_or_committed(project: Project) -> None:
    pipeline = yaml.safe_load(project.read("dvc.lock"))["stages"]
    tracked = project.run("git", "ls-files").stdout.splitlines()
    for stage in pipeline.values():
        for out in stage["outs"]:
            ignored = project.run("git", "check-ignore", out["path"], check=False)
            in_git = any(name.startswith(out["path"]) for name in tracked)
            assert (ignored.returncode == 0) != in_git, out["path"]
