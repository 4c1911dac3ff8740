"""Each point of the ML Test Score is gone as soon as what proves it is gone."""

import csv
import datetime
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from reproducible_ml.adopt.yaml_files import edit_yaml
from reproducible_ml.cli import cli
from reproducible_ml.core.errors import UserError
from reproducible_ml.core.inputs import hash_path
from reproducible_ml.core.project import Project
from reproducible_ml.governance import evidence
from reproducible_ml.governance.facts import Facts
from reproducible_ml.governance.rubric import IDS, ITEMS, SECTIONS, all_proofs
from reproducible_ml.governance.score import (
    Score,
    find_score,
    make_skeleton,
    score_page,
)
from reproducible_ml.versioning.lock import locked_outputs
from reproducible_ml.versioning.once import run_once

from ..copies import ROOT

TODAY = datetime.date(2026, 11, 29)

# What the score looks at, of this repository.
COPIED = (
    ".cloud/monitoring",
    ".dvc/config",
    ".dvcignore",
    ".github",
    ".gitignore",
    "code",
    "data/schema.yaml",
    "docs/code",
    "dvc.lock",
    "dvc.yaml",
    "environments/runtime.txt",
    "params.yaml",
    "pyproject.toml",
    "reports",
    "tests",
)

# What this repository lacks, so that every automated point is there.
WATCH = """\
on: {schedule: [{cron: "0 5 * * 1"}]}
jobs:
  watch:
    steps:
    - run: |
        rml outcomes labels.csv --log logs
        rml compare --log logs
        rml exp -S train.search.method=random
"""
EXPLAIN = "def test_explained() -> None:\n    explain(1)\n"
CANDIDATE = "spec:\n  env:\n  - {name: RML_SERVE_CANDIDATE, value: /candidate}\n"
EVIDENCE = """\
forbidden: {'(?i)phone': identifies a person}
evidence:
  data.new_features:
    date: 2026-10-01
    by: data scientist
    text: A feature was added in two hours.
    link: docs/code/README.md
"""

Edit = Callable[[Path], object]


def relock(root: Path, path: str) -> None:
    """Let dvc.lock record an output as it is now."""
    lock = root / "dvc.lock"
    text = lock.read_text("utf-8")
    with edit_yaml(lock) as content:
        old = locked_outputs(content)[path]
    assert old in text
    lock.write_text(text.replace(old, hash_path(root / path)), "utf-8")


def replace(path: str, old: str, new: str) -> Edit:
    """Return an edit of a file."""

    def edit(root: Path) -> None:
        text = (root / path).read_text("utf-8")
        assert old in text
        (root / path).write_text(text.replace(old, new), "utf-8", newline="\n")

    return edit


def evaluation(change: Callable[[dict], object]) -> Edit:  # type: ignore[type-arg]
    """Return an edit of reports/evaluation.json, as if the pipeline had written it."""

    def edit(root: Path) -> None:
        path = root / "reports/evaluation.json"
        content = json.loads(path.read_text("utf-8"))
        change(content)
        path.write_text(json.dumps(content), "utf-8")
        relock(root, "reports/evaluation.json")

    return edit


def params(change: Callable[[dict], object]) -> Edit:  # type: ignore[type-arg]
    """Return an edit of params.yaml."""

    def edit(root: Path) -> None:
        with edit_yaml(root / "params.yaml") as content:
            change(content)

    return edit


def importance(least: float) -> Edit:
    """Return an edit of the importances, the last of which gets a value."""

    def edit(root: Path) -> None:
        path = root / "reports/plots/importance.csv"
        with path.open(newline="") as file:
            rows = [*csv.DictReader(file)]
        values = [0.01] * (len(rows) - 1) + [least]
        lines = [f"{r['feature']},{v},0" for r, v in zip(rows, values, strict=True)]
        path.write_text("\n".join(["feature,importance,deviation", *lines]), "utf-8")
        relock(root, "reports/plots")

    return edit


@pytest.fixture(scope="module")
def complete(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a project that has every automated point."""
    root = tmp_path_factory.mktemp("score") / "project"
    skip = shutil.ignore_patterns("__pycache__")
    for name in COPIED:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, root / name, ignore=skip)
        else:
            shutil.copy2(ROOT / name, root / name)
    files = {
        ".github/CODEOWNERS": "* @somebody\n",
        ".github/workflows/watch.yaml": WATCH,
        ".cloud/kubernetes/service.yaml": CANDIDATE,
        "data/catalog.yaml": "personal: false\n",
        "data/raw/visits.csv.dvc": "deps: [{path: visits.csv}]\n",
        "tests/unit/test_explained.py": EXPLAIN,
        str(evidence.FILE): EVIDENCE,
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, "utf-8")
    importance(0.01)(root)
    return root


@pytest.fixture
def project(complete: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copytree(complete, tmp_path / "project"))


def score(root: Path, *, outdated: tuple[str, ...] = (), day: datetime.date = TODAY) -> Score:
    facts = Facts(Project(root), records=False, today=day, outdated=outdated)
    return find_score(facts)


def points(found: Score) -> dict[str, float]:
    return {one.item.id: one.value for one in found.points}


PULL = ".github/workflows/reproduce.yaml"
WATCHED = ".github/workflows/watch.yaml"
ALERTS = ".cloud/monitoring/alerts.yaml"
UNIT = "tests/unit/test_features.py"

NO_REPORT = replace(PULL, "run: make report", "run: echo make report")
NO_SCORE = replace(PULL, "rml score", "rml score || true")
NO_LABELS = replace(WATCHED, "rml outcomes", "# rml outcomes")
NO_CONTRACT = replace("data/schema.yaml", "dtype: float64", "dtype: float65")
NO_TESTS = replace(".github/workflows/test.yaml", "run: make test", "run: make test-no")

# How each proof of each test is removed.
BREAK: dict[tuple[str, str], Edit] = {
    ("data.schema", "contract"): NO_CONTRACT,
    ("data.schema", "checked"): replace("data/schema.yaml", "4000.0", "4001.0")
    if False
    else lambda root: (root / "data/schema.yaml").open("a").write("# later\n"),
    ("data.benefit", "measured"): lambda root: (
        (root / "reports/plots/importance.csv").open("a").write("x,1,1\n")
    ),
    ("data.benefit", "useful"): importance(0.0),
    ("data.cost", "report"): NO_REPORT,
    ("data.cost", "kept"): replace(PULL, "resources.jsonl", "nothing.jsonl"),
    ("data.requirements", "forbidden"): replace(
        str(evidence.FILE), "phone", "mean_radius"
    ),
    ("data.requirements", "repeated"): NO_SCORE,
    ("data.privacy", "declared"): replace("data/catalog.yaml", "false", "null"),
    ("data.privacy", "log"): replace(
        "code/tumour_diagnosis/deployment/service.py",
        "    max_rows: Positive = 10_000\n",
        "    log_days: Positive = 10_000\n",
    ),
    ("data.privacy", "repeated"): NO_SCORE,
    ("data.feature_code", "tests"): replace(UNIT, "features.derived", "features"),
    ("data.feature_code", "run"): NO_TESTS,
    ("model.reviewed", "owners"): replace(".github/CODEOWNERS", "* @", "*.md @"),
    ("model.reviewed", "report"): NO_REPORT,
    ("model.offline_online", "labels"): NO_LABELS,
    ("model.tuned", "searched"): replace(WATCHED, "rml exp", "echo rml exp"),
    ("model.staleness", "retrained"): replace(
        ".github/workflows/retrain.yaml",
        "name: train on new data\n",
        "name: train on new data\n    if: false\n",
    ),
    ("model.staleness", "renewed"): replace(
        "data/raw/visits.csv.dvc", "deps: [{path: visits.csv}]", "outs: []"
    ),
    ("model.simpler", "baseline"): evaluation(
        lambda content: content["metrics"]["roc_auc"].update(low=0.4)
    ),
    ("model.slices", "scored"): evaluation(lambda content: content.pop("slices")),
    ("model.slices", "floors"): params(
        lambda content: content["gate"].update(
            slice_floors={"mean_radius": {"accuracy": 0.999}}
        )
    ),
    ("model.slices", "report"): NO_REPORT,
    ("model.inclusion", "report"): NO_REPORT,
    ("infrastructure.reproducible", "rebuilt"): replace(
        ".github/workflows/audit.yaml", "make verify", "make setup"
    ),
    ("infrastructure.reproducible", "locked"): lambda root: (
        (root / "environments/runtime.txt").open("a").write("pandas==3.1.1\n")
    ),
    ("infrastructure.specification", "tests"): lambda root: [
        file.unlink() for file in (root / "tests/unit").glob("test_[te]*.py")
    ],
    ("infrastructure.specification", "run"): NO_TESTS,
    ("infrastructure.integration", "report"): replace(
        PULL, "- run: make repro\n", "- run: make repro\n        if: false\n"
    ),
    ("infrastructure.validated", "gate"): params(
        lambda content: content["gate"].update(tolerance=1.0)
    ),
    ("infrastructure.validated", "before"): replace(
        ".github/workflows/release.yaml", "make report", "make help"
    ),
    ("infrastructure.debuggable", "tested"): replace(
        "tests/unit/test_explained.py", "def test", "@pytest.mark.skip\ndef test"
    ),
    ("infrastructure.canary", "candidate"): replace(
        ".cloud/kubernetes/service.yaml", "RML_SERVE_CANDIDATE", "RML_SERVE_NAME"
    ),
    ("infrastructure.canary", "compared"): replace(WATCHED, "rml compare", "rml models"),
    ("infrastructure.rollback", "tried"): replace("dvc.yaml", "artifacts:", "others:"),
    ("infrastructure.rollback", "repeated"): NO_SCORE,
    ("monitoring.dependencies", "announced"): replace(
        ".github/dependabot.yml", "package-ecosystem: pip", "package-ecosystem: gomod"
    ),
    ("monitoring.inputs", "contract"): NO_CONTRACT,
    ("monitoring.inputs", "alert"): replace(ALERTS, "rml_rows_total", "rml_lines_total"),
    ("monitoring.skew", "compared"): replace(
        ".github/workflows/release.yaml", "cmp project.csv", "ls project.csv"
    ),
    ("monitoring.age", "alert"): replace(
        ".cloud/monitoring/prometheus.yaml", "[alerts.yaml]", "[]"
    ),
    ("monitoring.finite", "alert"): replace(ALERTS, "rml_predictions_not_finite", "rml_x"),
    ("monitoring.speed", "time"): replace(ALERTS, "rml_request_seconds_bucket", "x"),
    ("monitoring.speed", "memory"): replace(ALERTS, "rml_process_resident", "rml_x"),
    ("monitoring.quality", "labels"): replace(WATCHED, "schedule:", "workflow_call:"),
}


def protect(root: Path) -> None:
    """Let the project compare groups of people, and a gate refuse a large gap."""
    params(
        lambda content: (
            content["evaluate"].update(protected={"mean_radius": [12.0]}),
            content["gate"].update(max_group_gap=GAPS),
        )
    )(root)
    evaluation(lambda content: content.update(protected=[{"column": "x"}]))(root)


@pytest.fixture(scope="module")
def all_points(complete: Path) -> Score:
    return score(complete)


@pytest.mark.parametrize("item", [item for item in ITEMS if item.proofs], ids=lambda i: i.id)
def test_all_proofs_together_give_a_point(all_points: Score, item: Item) -> None:
    found = next(one for one in all_points.points if one.item == item)
    assert (found.value, found.missing) == (1, [])
    assert found.based_on


def test_every_proof_can_be_removed() -> None:
    assert {*all_proofs()} == BREAK.keys()


@pytest.mark.parametrize(("name", "proof"), BREAK, ids="/".join)
def test_without_its_proof_the_point_is_gone(
    project: Path, name: str, proof: str
) -> None:
    BREAK[name, proof](project)
    item = next(item for item in ITEMS if item.id == name)
    facts = Facts(Project(project), records=False, today=TODAY, outdated=())
    written = evidence.read_evidence(project, IDS)
    found = {n: check(one, facts, written) for n, one in item.proofs.items()}
    assert [n for n, one in found.items() if not one.met] == [proof]
    result = find_points(item, [*found.values()], facts, written)
    assert result.value == 0
    assert result.missing == [found[proof].text]
