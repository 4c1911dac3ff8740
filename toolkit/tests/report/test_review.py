"""Tests of reproducible_ml.report.review."""

from typing import Any

import pytest

from reproducible_ml.modeling.metrics import binary, multiclass, regression
from reproducible_ml.report.results import NO_RESULTS
from reproducible_ml.report.review import Review, known_metrics, make_review

from .conftest import PARAMS, Repository, dvc


def reviewed(repository: Repository, base: str | None) -> Review:
    return make_review(repository.root, base, offline=True)


def test_unchanged_project_passes(pipeline: Repository) -> None:
    base = pipeline.git("rev-parse", "HEAD").strip()
    review = reviewed(pipeline, base)
    assert review.passed
    assert review.metric == "roc_auc"
    assert [change.verdict for change in review.changes] == ["unchanged"]
    assert [gate.passed for gate in review.gates] == [True, True]


def test_first_commit_passes_without_a_base(pipeline: Repository) -> None:
    review = reviewed(pipeline, None)
    assert review.passed
    assert review.base is None
    assert review.old == NO_RESULTS


def test_worse_metric_fails(pipeline: Repository) -> None:
    base = pipeline.git("rev-parse", "HEAD").strip()
    pipeline.write("judged.json", {"roc_auc": 0.5})
    dvc(pipeline.root, "repro", "--quiet")
    pipeline.commit()
    review = reviewed(pipeline, base)
    assert review.reproduction.holds
    assert [gate.name for gate in review.failed] == ["`roc_auc` against the base"]


def test_stale_lock_fails(pipeline: Repository) -> None:
    pipeline.write("raw.csv", "a\n2\n")
    base = pipeline.commit()
    assert reviewed(pipeline, base).reproduction.state == "stale"
    dvc(pipeline.root, "repro", "--quiet")
    review = reviewed(pipeline, base)
    assert review.reproduction.state == "different"
    assert review.reproduction.reasons[0] == (
        "`split`: changed: `raw.csv`; made otherwise: `data/processed/test`"
    )
    assert not review.passed
    assert not review.failed


def test_remote_is_one_of_the_gates(pipeline: Repository) -> None:
    remote = str(pipeline.root.parent / "remote")
    dvc(pipeline.root, "remote", "add", "--default", "storage", remote)
    pipeline.commit()
    found = make_review(pipeline.root, None, offline=False)
    assert [gate.name for gate in found.failed] == ["outputs are in the remote"]
    assert reviewed(pipeline, None).passed


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("params.yaml", "data: [", "is not YAML"),
        ("params.yaml", {**PARAMS, "gate": {"metric": "f1"}}, "gate names f1"),
    ],
)
def test_params_with_a_mistake_fail(
    pipeline: Repository, name: str, content: Any, words: str
) -> None:
    pipeline.write(name, content)
    base = pipeline.commit()
    review = reviewed(pipeline, base)
    assert not review.passed
    assert review.failed[0].name == "params.yaml can be read"
    assert words in review.failed[0].words


def test_pipeline_that_cannot_be_read_fails(pipeline: Repository) -> None:
    pipeline.write("dvc.yaml", "stages: [")
    base = pipeline.commit()
    review = reviewed(pipeline, base)
    assert review.reproduction.state == "stale"
    assert "`dvc.yaml`" in review.reproduction.reasons[0]


def test_params_that_are_gone_fail(pipeline: Repository) -> None:
    (pipeline.root / "params.yaml").unlink()
    assert not reviewed(pipeline, pipeline.commit()).passed


def test_metrics_of_each_task_are_known() -> None:
    assert known_metrics("binary") == binary.METRICS
    assert known_metrics("regression") == regression.METRICS
    assert known_metrics("multiclass").items() >= multiclass.METRICS.items()
    assert {"precision", "recall", "f1"} <= known_metrics("multiclass").keys()
    assert known_metrics("other") == {}
