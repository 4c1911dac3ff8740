"""`rml report` and `rml check-lock` on the real pipeline, as in a pull request."""

import json
import re
import subprocess
from typing import Any

import pytest
import yaml

from reproducible_ml.verify.rebuild import NUMERIC, older_processor

from .conftest import RML, Project, needs_sample

pytestmark = pytest.mark.integration

# Git's hash of a folder without files.
EMPTY = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"

WEAK = {
    "path": "sklearn.ensemble.HistGradientBoostingClassifier",
    "arguments": {"max_iter": 1, "learning_rate": 0.01},
}

# Goes through matrix products, whose last bits depend on the processor.
LINEAR = {
    "path": "sklearn.linear_model.LogisticRegression",
    "arguments": {"max_iter": 10_000},
}


def report(project: Project, base: str = "HEAD^1", *, passes: bool) -> str:
    """Write the report, check whether it lets the change pass, and return it."""
    done = project.run(*RML, "report", "--base", base, check=False)
    assert done.returncode == (0 if passes else 1), done.stdout
    assert "Traceback" not in done.stdout
    return project.read("reports/report.md")


def propose(project: Project, key: str, value: Any) -> None:
    """Commit another parameter with all that follows from it."""
    project.set(key, value)
    project.reproduce()
    project.commit()


def row(text: str, name: str) -> list[str]:
    """Return the cells of the line of a table that begins with a name."""
    [line] = re.findall(rf"^\| `{re.escape(name)}`(?: [↑↓])? \|.*", text, re.M)
    return [cell.strip() for cell in str(line).strip("|").split("|")]


@needs_sample
def test_harmful_parameter_fails(project: Project) -> None:
    project.set("gate.metric", "log_loss")
    project.commit()
    propose(project, "train.estimator", WEAK)
    text = report(project, passes=False)
    assert (
        "Results, dvc.lock and commit agree. Gate failed: `log_loss` against the base,"
        " floors of groups." in text
    )
    assert row(text, "log_loss")[-1] == "worse"
    assert row(text, "train.estimator.arguments.max_iter")[1:] == ["`100`", "`1`"]
    assert "train.estimator.arguments.max_iter" in row(text, "train")[1]
    assert text.count("```mermaid") == 4
    # Two of the keys also have the area under the curve.
    keys = r"grey: base(?: \((?:AUC|AP) [\d.]+\))?, orange: now"
    assert len(re.findall(keys, text)) == 3


@needs_sample
def test_better_parameter_passes(project: Project) -> None:
    better = project.params()["train"]["estimator"]
    propose(project, "train.estimator", WEAK)
    propose(project, "train.estimator", better)
    text = report(project, passes=True)
    assert "Results, dvc.lock and commit agree. Gate passed." in text
    assert row(text, "log_loss")[-1] == "better"
    assert "Intervals of paired differences on the same" in text


@needs_sample
@pytest.mark.slow
def test_other_test_set_is_scored_with_both_models(project: Project) -> None:
    propose(project, "split.salt", "other")
    text = report(project, passes=True)
    assert "The test rows changed, so the model of the base was scored again" in text
    assert "test rows of now without" in text
    assert row(text, "data/processed/test")[1] != row(text, "data/processed/test")[2]
    assert row(text, "log_loss")[-1] == "within noise"


def test_unchanged_project_passes(project: Project) -> None:
    metric = project.params()["evaluate"]["metrics"][0]
    text = report(project, "HEAD", passes=True)
    assert "Results, dvc.lock and commit agree. Gate passed." in text
    assert row(text, metric)[-1] == "unchanged"
    assert "Stages: none ran again." in text
    assert project.run(*RML, "check-lock").stdout == "dvc.lock is up to date.\n"


@pytest.mark.slow
def test_gate_changes_rerun_nothing(project: Project) -> None:
    project.set("gate.tolerance", 0.5)
    assert project.reproduce() == []
    project.commit()
    assert "**The gate itself was changed**" in report(project, passes=True)


def test_first_pull_request_has_nothing_to_compare_with(project: Project) -> None:
    first = project.run("git", "commit-tree", EMPTY, "-m", "First").stdout.strip()
    text = report(project, first, passes=True)
    assert "The base has no metrics to compare with." in text
    assert "The base has no dvc.lock" in text


@pytest.mark.slow
def test_outdated_lock_fails_before_and_after_a_run(project: Project) -> None:
    project.set("train.seed", 4711)
    project.commit()
    done = project.run(*RML, "check-lock", check=False)
    assert done.returncode == 1
    assert re.search(
        r"error: train: train\S* is modified. Run `make repro`", done.stdout
    )
    assert "the pipeline is not up to date" in report(project, passes=False)
    project.reproduce()
    text = report(project, passes=False)
    assert "the pipeline makes other results than the committed ones" in text
    assert "- `train`: changed: `train.seed`; different results: `models/model" in text
    assert "Fix: `make repro && git add dvc.lock reports && git commit`." in text


@pytest.mark.slow
def test_uncommitted_change_fails(project: Project) -> None:
    project.set("train.seed", 4711)
    project.reproduce()
    text = report(project, "HEAD", passes=False)
    assert "Not committed: `params.yaml`" in text


def test_failed_stage_fails(project: Project) -> None:
    project.set("train.estimator", {"path": "sklearn.nothing.Model"})
    project.commit()
    assert project.run("dvc", "repro", check=False).returncode != 0
    text = report(project, passes=False)
    assert "the pipeline is not up to date, or a stage failed" in text
    assert "- `train`: " in text


@pytest.mark.slow
def test_metric_that_is_not_a_number_fails(project: Project) -> None:
    metrics = json.loads(project.read("reports/metrics.json"))
    name = next(iter(metrics))
    text = json.dumps(metrics | {name: float("nan")})
    (project.folder / "reports/metrics.json").write_text(text)
    project.commit()
    found = report(project, passes=False)
    assert f"reports/metrics.json: `{name}` is `nan`" in found


@pytest.mark.slow
def test_model_of_another_processor_passes(project: Project) -> None:
    here = project.read("dvc.lock")
    there = yaml.safe_load(here)
    for name in NUMERIC:
        for out in there["stages"][name]["outs"]:
            if out["path"].startswith("models/"):
                out["md5"] = "0" * 32
    (project.folder / "dvc.lock").write_text(yaml.safe_dump(there))
    project.commit()
    (project.folder / "dvc.lock").write_text(here)
    text = report(project, passes=True)
    assert "Reproduced, up to rounding on another processor. Gate passed." in text


@pytest.mark.slow
def test_shallow_clone_as_in_ci_knows_its_base(project: Project) -> None:
    propose(project, "evaluate.replicates", 101)
    copy = Project(project.folder.parent / "copy")
    address = f"file://{project.folder}"
    command = ["git", "clone", "-q", "--depth", "2", address, str(copy.folder)]
    subprocess.run(command, check=True)
    cache = project.folder / ".dvc/cache"
    copy.run("dvc", "cache", "dir", "--local", str(cache))
    copy.run("dvc", "checkout")
    text = report(copy, passes=True)
    assert row(text, "evaluate.replicates")[2] == "`101`"
    assert project.run("git", "rev-parse", "HEAD^1").stdout.strip()[:10] in text


@pytest.mark.slow
@needs_sample
def test_another_processor_rounds_otherwise_and_passes(project: Project) -> None:
    propose(project, "train.estimator", LINEAR)
    again = ["dvc", "repro", "--force", "train", "evaluate", "card"]
    project.run(*again, variables=older_processor())
    assert "dvc.lock" in project.run("git", "diff", "--name-only", "HEAD").stdout
    text = report(project, passes=True)
    assert "Reproduced, up to rounding on another processor. Gate passed." in text
