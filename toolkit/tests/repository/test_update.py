"""`rml update` with real DVC: a model learns new rows, and comes back from nothing."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from .conftest import RML, Project

pytestmark = [pytest.mark.integration, pytest.mark.slow]

MODEL = ("models/model.skops", "models/model.json")


def write_visits(file: Path, seed: int, rows: int) -> None:
    random = np.random.default_rng(seed)
    visits = pd.DataFrame(
        {
            "Visit No": seed * 10_000 + np.arange(rows),
            "amount €": random.lognormal(size=rows).round(3),
            "age": random.integers(18, 90, rows).astype(float),
            "channel": random.choice(["web", "shop", "fax, old"], rows),
        }
    )
    visits.loc[random.random(rows) < 0.1, "age"] = np.nan
    score = np.log(visits["amount €"]) + (visits["channel"] == "web")
    noise = random.normal(size=rows)
    visits["returned"] = np.where(score + noise > 0.5, "yes", "no")
    visits.to_csv(file, index=False)


def contents(project: Project) -> list[bytes]:
    return [(project.folder / name).read_bytes() for name in MODEL]


def test_updated_model_is_judged_and_comes_back_from_nothing(
    project: Project, tmp_path: Path
) -> None:
    source = tmp_path / "visits"
    source.mkdir()
    write_visits(source / "2026-01.csv", 1, 900)
    about = ("--target", "returned", "--id", "Visit No")
    project.run(*RML, "data", str(source), *about, "--yes")
    estimator = {"path": "sklearn.linear_model.SGDClassifier"}
    project.set("train.estimator", estimator | {"arguments": {"loss": "log_loss"}})
    project.set("train.batch_rows", 100)
    project.set("evaluate.replicates", 100)
    project.run(*RML, "repro")
    project.commit()

    raw = project.folder / "data/raw/visits"
    write_visits(raw / "2026-02.csv", 2, 300)
    project.run("dvc", "add", "data/raw/visits")
    before, params = contents(project), project.read("params.yaml")
    refused = project.run(*RML, "update", "--better", check=False)
    assert refused.returncode == 1
    assert "test rows that are new" in refused.stdout
    [line] = [each for each in refused.stdout.splitlines() if "error: " in each]
    assert "is not better in roc_auc by more than noise" in line
    assert contents(project) == before
    assert project.read("params.yaml") == params

    project.run(*RML, "update", "--accept")
    updates = project.get("train.updates")
    assert updates[0].keys() == {"rows", "sha256"}
    head = project.run("git", "rev-parse", "HEAD").stdout.strip()
    assert updates[1]["after"] == head
    trained = json.loads(project.read("models/model.json"))["training_data"]
    assert trained["increments"] == updates
    assert "of" not in trained
    assert f"{trained['rows'] - updates[0]['rows']}" in project.read(
        "reports/model_card.md"
    )
    project.commit()
    again = project.run(*RML, "update").stdout
    assert "nothing to do" in again

    made = contents(project)
    assert made != before
    project.run("dvc", "repro", "--force", "--single-item", "train")
    assert contents(project) == made
    assert not project.run("git", "status", "--porcelain").stdout

    # Old rows that changed cannot be continued.
    write_visits(raw / "2025-12.csv", 3, 200)
    project.run("dvc", "add", "data/raw/visits")
    failed = project.run(*RML, "update", check=False)
    assert failed.returncode == 1
    assert "rows before the newest ones were changed" in failed.stdout
    assert contents(project) == made
