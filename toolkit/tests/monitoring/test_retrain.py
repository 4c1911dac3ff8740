"""`rml retrain` with real Git, DVC and pipeline: a branch, or a reason and none."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml
from sklearn.metrics import roc_auc_score

from ..repository.conftest import RML
from .conftest import Import
from .shop import FIRST_DAY, PER_DAY, Shop, make_shop, visits, write

pytestmark = [pytest.mark.slow, pytest.mark.integration]


def model_in(lock: str) -> str:
    """Return the hash of the model that a lock file names."""
    outs = yaml.safe_load(lock)["stages"]["train"]["outs"]
    [found] = [out["md5"] for out in outs if out["path"] == "models/model.skops"]
    return str(found)


def test_newest_rows_test_both_models_on_a_branch(
    imported: Import, shop: Shop, tmp_path: Path
) -> None:
    shop.git("switch", "--quiet", "--create", "mine")
    shop.edit("params.yaml", "max_iter: 20", "max_iter: 3")
    (shop.folder / "notes.md").write_text("Mine.\n")
    before = shop.git("status", "--porcelain"), shop.git("rev-parse", "HEAD", "main")
    table = write(visits(1000), imported.file)
    outcome = shop.retrain("--push")
    # The work of the user is untouched, and so is the default branch.
    assert shop.git("status", "--porcelain") == before[0]
    assert shop.git("rev-parse", "HEAD", "main") == before[1]
    branch = outcome["branch"]
    assert outcome["state"] == "passed"
    assert shop.branches() == ["main", branch]
    assert shop.there("rev-parse", f"{branch}^") == shop.there("rev-parse", "main")
    assert shop.there("log", "-1", "--format=%s", branch) == outcome["title"]
    # The test rows are the newest fifth, as before.
    params = yaml.safe_load(shop.there("show", f"{branch}:params.yaml"))
    first = FIRST_DAY + pd.Timedelta(days=800 // PER_DAY)
    assert params["split"]["cutoff"] == str(first.date())
    assert params["train"]["estimator"]["arguments"]["max_iter"] == 20
    # What the report says of the old model is its score on the newest rows.
    newest = visits(1000).iloc[800:]
    shop.run("git", "restore", "params.yaml")
    asked = write(newest.drop(columns="returned"), tmp_path / "newest.csv")
    shop.run(*RML, "predict", str(asked), "--output", str(tmp_path / "answers.csv"))
    scores = pd.read_csv(tmp_path / "answers.csv")["probability"]
    expected = roc_auc_score(newest["returned"] == "yes", scores)
    assert f"| `roc_auc` ↑ | {expected:.4f} |" in shop.report()
    assert "the same 200 rows, the test rows of now" in shop.report()
    # Data and model are on the remote.
    lock = yaml.safe_load(shop.there("show", f"{branch}:dvc.lock"))
    [model] = [
        o["md5"] for o in lock["stages"]["train"]["outs"] if "skops" in o["path"]
    ]
    assert (shop.storage / "files/md5" / model[:2] / model[2:]).is_file()
    # The same data on the same commit are not trained on again.
    assert table.exists()
    outcome = shop.retrain("--push")
    assert outcome["state"] == "nothing"
    assert f"{branch} was made from the same commit" in outcome["reasons"][0]
    assert shop.branches() == ["main", branch]


def test_nothing_happens_without_new_data(shop: Shop) -> None:
    outcome = shop.retrain("--push")
    assert outcome["state"] == "nothing"
    assert "dvc update data/raw/visits.csv.dvc" in outcome["reasons"][0]
    assert shop.branches() == ["main"]
    assert not [*(shop.folder / ".dvc/tmp/rml").glob("retrain-*")]


def test_rows_that_break_the_contract_are_refused(imported: Import, shop: Shop) -> None:
    table = visits(900).astype({"age": object})
    table.loc[850, "age"] = "forty"
    write(table, imported.file)
    outcome = shop.retrain("--push", code=3)
    assert outcome["state"] == "refused"
    assert outcome["branch"] is None
    assert "forty" in "\n".join(outcome["reasons"])
    assert "forty" in shop.report()
    assert shop.branches() == ["main"]
    assert shop.git("branch", "--list", "retrain/*") == ""


def test_worse_model_is_refused(imported: Import, shop: Shop) -> None:
    table = visits(1000)
    wrong = table["returned"].map({"yes": "no", "no": "yes"})
    table["returned"] = wrong.where(table.index < 700, table["returned"])
    write(table, imported.file)
    outcome = shop.retrain("--push", code=3)
    assert "`roc_auc` against the base: worse" in "\n".join(outcome["reasons"])
    assert "more than noise" in shop.report()
    assert shop.branches() == ["main"]


def test_model_that_cannot_be_compared_needs_a_person(
    imported: Import, shop: Shop
) -> None:
    lock = yaml.safe_load(shop.read("dvc.lock"))
    [model] = [
        o["md5"] for o in lock["stages"]["train"]["outs"] if "skops" in o["path"]
    ]
    for cache in (shop.folder / ".dvc/cache", shop.storage):
        (cache / "files/md5" / model[:2] / model[2:]).unlink()
    write(visits(1000), imported.file)
    outcome = shop.retrain("--push", code=4)
    assert outcome["state"] == "unclear"
    assert "not in the cache or on the remote" in outcome["reasons"][0]
    assert shop.branches() == ["main", outcome["branch"]]
    assert outcome["title"].startswith("Retrain, to be decided")


def test_file_is_added_to_a_folder_of_parts(tmp_path: Path) -> None:
    parts = tmp_path / "visits"
    write(visits(500), parts / "april.csv")
    shop = make_shop(tmp_path, str(parts))
    shutil.rmtree(parts)
    # A region that the contract does not know is a decision of people.
    table = visits(300, seed=1)
    table.loc[::5, "region"] = "east"
    may = write(table, tmp_path / "may.csv")
    outcome = shop.retrain("--data", str(may), code=3)
    assert "the contract would change" in "\n".join(outcome["reasons"])
    outcome = shop.retrain("--data", str(may), "--yes")
    assert outcome["state"] == "passed"
    report = shop.report()
    assert "that break the contract of the base" in report
    assert 'column "region": new values, as "east", went from 0.0% to' in report
    # Without --push, the branch is here alone, with its data in the cache.
    assert shop.branches() == ["main"]
    shop.git("switch", "--quiet", outcome["branch"])
    shop.run("dvc", "checkout", "--quiet")
    assert (shop.folder / "data/raw/visits/may.csv").read_bytes() == may.read_bytes()
    assert shop.run(*RML, "report", "--base", "main", "--offline").returncode == 0
    # A part is never replaced by another one of its name.
    write(visits(300, seed=2), may)
    done = shop.run(*RML, "retrain", "--data", str(may), "--base", "HEAD", check=False)
    assert done.returncode == 1
    assert "has a file of this name with other content" in done.stdout
