"""The model of the base on the test rows of now: paired, and only on fair rows."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline

from reproducible_ml.contract.schema import Data, load_contract
from reproducible_ml.core.project import Project
from reproducible_ml.modeling.model.store import save_model
from reproducible_ml.modeling.model.transformers import Numbers
from reproducible_ml.report.results import NO_RESULTS, Results, compare
from reproducible_ml.report.same_rows import (
    NotComparableError,
    SameRows,
    score_same_rows,
)
from reproducible_ml.versioning.git import Revision
from tumour_diagnosis.models.metrics import BINARY

from .conftest import results

DATA: dict[str, Any] = {"target": "bought", "positive": "yes"}
FEATURES = ["age"]
Write = Callable[[pd.DataFrame, Path, int], Path]


class Case:
    """Two models of a project, and the test rows of now."""

    def __init__(self, root: Path, people: pd.DataFrame, write: Write) -> None:
        self.root, self.people = root, people
        (root / "pyproject.toml").write_text(
            '[tool.reproducible_ml]\npackage = "tumour_diagnosis"\n'
        )
        write(people, root / "data/processed/test", 25)
        schema = yaml.safe_load((root / "schema.yaml").read_text())
        for name, column in schema["columns"].items():
            if name not in (*FEATURES, "bought"):
                column["metadata"] = {"treatment": "exclude"}
        self.schema: dict[str, Any] = schema
        self.model("models", 1, DATA)
        self.old = self.side({"method": "hash", "test_size": 0.99})

    def model(self, folder: str, seed: int, data: dict[str, Any]) -> Path:
        """Save a model of random knowledge, and return its folder."""
        (self.root / "contract.yaml").write_text(yaml.safe_dump(self.schema))
        contract = load_contract(self.root / "contract.yaml", Data(**data))
        target = np.random.default_rng(seed).random(len(self.people)) < 0.5
        fitted = make_pipeline(Numbers(), LogisticRegression())
        fitted.fit(self.people[FEATURES].astype(float), target)
        place = self.root / folder
        place.mkdir(exist_ok=True)
        facts = {
            "contract": contract.model_dump(mode="json", exclude_defaults=True),
            "params": {"data": data},
            "columns": list(contract.columns),
            "threshold": 0.5,
        }
        save_model(fitted, place / "model.skops", place / "model.json", facts)
        return place

    def side(self, split: dict[str, Any], data: dict[str, Any] = DATA) -> Results:
        """Return results at the base, whose model is in the cache of DVC."""
        place = self.model("base", 2, data)
        outs = []
        for name in ("model.skops", "model.json"):
            content = (place / name).read_bytes()
            md5 = hashlib.md5(content).hexdigest()
            cached = self.root / ".dvc/cache/files/md5" / md5[:2] / md5[2:]
            cached.parent.mkdir(parents=True, exist_ok=True)
            cached.write_bytes(content)
            outs.append({"path": f"models/{name}", "md5": md5})
        lock = {"schema": "2.0", "stages": {"train": {"outs": outs}}}
        params = {"data": data, "split": split}
        return results(test_set="old", lock=lock, params=params)

    def score(self, *, offline: bool = True) -> SameRows | None:
        """Score both models on the same rows."""
        outs = [{"path": "data/processed/test", "md5": "1"}]
        lock = {"schema": "2.0", "stages": {"split": {"outs": outs}}}
        new = results(test_set="new", lock=lock, params={"data": DATA})
        evaluate = SimpleNamespace(
            metrics=["roc_auc"],
            slices={},
            protected={"age": (40.0,)},
            intersections=(),
            replicates=100,
            interval_rows=10_000,
        )
        return score_same_rows(
            Project(self.root),
            Revision(self.root, "0" * 40),
            self.old,
            new,
            SimpleNamespace(evaluate=evaluate, data=SimpleNamespace(group=None)),
            BINARY,
            offline=offline,
        )


@pytest.fixture
def case(project: Path, people: pd.DataFrame, write_table: Write) -> Case:
    return Case(project, people, write_table)


def test_both_models_are_scored_on_all_test_rows_of_now(case: Case) -> None:
    case.old.params["split"]["test_size"] = 0.999999
    found = case.score()
    assert found is not None
    assert found.rows == 60
    assert "same 60 rows, the test rows of now." in found.note
    target = np.random.default_rng(2).random(60) < 0.5
    ages = case.people[FEATURES].astype(float)
    model = make_pipeline(Numbers(), LogisticRegression()).fit(ages, target)
    expected = roc_auc_score(
        case.people["bought"] == "yes", model.predict_proba(ages)[:, 1]
    )
    assert found.old.metrics["roc_auc"] == pytest.approx(expected, abs=1e-6)
    # What is compared is paired: the reports of now are about the same rows.
    assert found.old.bootstrap is not None
    assert found.old.bootstrap.rows == 60
    assert len(found.old.bootstrap.replicates["roc_auc"]) == 100


def test_rows_that_a_model_knows_or_would_refuse_count_for_neither(case: Case) -> None:
    case.old.params["split"]["test_size"] = 0.5
    limit = int(case.people["age"].quantile(0.9))
    case.schema["columns"]["age"]["in_range"]["max_value"] = limit
    split = dict(case.old.params["split"])
    case.old = case.side(split)
    found = case.score()
    assert found is not None
    assert found.rows < 40
    assert "that the base was trained on and" in found.note
    assert "that break the contract of the base" in found.note
    for side in (found.old, found.new):
        assert side.bootstrap is not None
        assert side.bootstrap.rows == found.rows
        assert side.evaluation is not None
        groups = side.evaluation.protected["age"].groups
        assert sum(group.rows for group in groups) == found.rows
    # Two models of chance differ by noise, which paired replicates show.
    [change] = compare(found.old, found.new, BINARY, ["roc_auc"])
    assert change.interval is not None


def test_equal_test_rows_need_no_second_score(case: Case) -> None:
    case.old = case.old._replace(bootstrap=results(test_set="new").bootstrap)
    assert case.score() is None
    case.old = NO_RESULTS
    assert case.score() is None


@pytest.mark.parametrize("what", ["model", "column", "id", "rows"])
def test_reason_is_given_where_models_cannot_be_compared(case: Case, what: str) -> None:
    if what == "model":
        shutil.rmtree(case.root / ".dvc/cache")
        words = "the model of the base is not in the cache"
    elif what == "column":
        case.schema["columns"]["age"]["dtype"] = "float64"
        case.old = case.side(case.old.params["split"])
        words = 'column "age" was float64 at the base and is int64 now'
    elif what == "id":
        case.old = case.side(case.old.params["split"], {**DATA, "id": ["name"]})
        words = "data.id changed"
    else:
        case.old.params["split"]["test_size"] = 0.000001
        words = "the model of the base was trained on 60"
    with pytest.raises(NotComparableError, match=words):
        case.score()
